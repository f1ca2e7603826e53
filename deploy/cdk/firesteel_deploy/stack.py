"""A template of deploy/cloudformation as a stack of the CDK."""

import copy
import hashlib
import json
import pathlib
import shlex
import tempfile

from aws_cdk import Annotations, DefaultStackSynthesizer, LegacyStackSynthesizer, Stack
from aws_cdk.cloudformation_include import CfnInclude

from .template import value_of_calls


class TemplateStack(Stack):
    """The resources of a template, under their names there, as constructs of level 1 (`included.get_resource`).

    A parameter that has a value becomes that value everywhere, as the CDK keeps the old values of parameters when it updates a
    stack, whatever their defaults say by then. The others stay parameters, for cdk deploy --parameters.
    """

    def __init__(self, scope, values, synthesizer="legacy"):
        template = values.template
        super().__init__(
            scope,
            f"firesteel-{template.name}",
            stack_name=values.stack_name,
            # Tags of the stack, which CloudFormation puts on all that it makes; they change no resource here.
            tags=values.tags,
            termination_protection=values.termination_protection,
            synthesizer=_synthesizer(synthesizer),
            analytics_reporting=False,
        )
        # As JSON, with the long forms of functions alone: !GetAtt would come out as Fn::GetAtt of a text, which JSON does not know.
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, template.name + ".json")
            path.write_text(json.dumps(_without_given(template, values)), encoding="utf-8")
            self.included = CfnInclude(self, "Template", template_file=str(path), parameters=_typed(values))
        self.template_name = template.name
        self._say_what_is_left(values)

    def _say_what_is_left(self, values):
        """What the user has to do beside the deploy, as notes that the command line of the CDK shows."""
        missing = [
            parameter.name
            for parameter in values.template.parameters.values()
            if parameter.required and parameter.name not in values.parameters
        ]
        notes = Annotations.of(self)
        if missing:
            notes.add_info(f"without a value: {', '.join(missing)}; give -c {_key(missing[0])}=… or, to cdk deploy, --parameters {missing[0]}=…")
        if values.uploads:
            prefix = values.parameters.get("ArtifactPrefix", "ARTIFACT_PREFIX")
            commands = [f"aws s3 cp {shlex.quote(str(path))} {prefix}/{name}" for path, name in values.uploads]
            notes.add_info("before the deploy, upload what its nodes fetch: " + " && ".join(commands))


def _typed(values):
    """The values of parameters, with numbers as such."""
    types = {name: values.template.parameters[name].type for name in values.parameters}
    return {name: json.loads(value) if types[name] == "Number" else value for name, value in values.parameters.items()}


def _key(name):
    return name[0].lower() + name[1:]


def _synthesizer(name):
    # The legacy one deploys with the caller's rights and asks for no bootstrapped account; there are no assets. The other uses the
    # roles and the bucket of a bootstrapped one.
    if name == "legacy":
        return LegacyStackSynthesizer()
    return DefaultStackSynthesizer(generate_bootstrap_version_rule=False)


def _without_given(template, values):
    """The template without what the given parameters leave behind: their names in the console's groups, and rules that hold.

    What rules look up in the account can't be a plain value. For that the parameter stays under another name, which changes with its
    value, so that the CDK knows no old value of it.
    """
    body = copy.deepcopy(template.body)
    rules = body.get("Rules", {})
    for name in values.held_rules:
        del rules[name]
    for call in value_of_calls(rules):
        name = call[0]
        if name not in values.parameters:
            continue
        text = values.parameters[name] if isinstance(values.parameters[name], str) else ",".join(values.parameters[name])
        stands_in = f"{name}{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        body["Parameters"][stands_in] = {
            "Type": template.parameters[name].type,
            "Default": text,
            "Description": f"{name} of the context, for the rules alone",
        }
        call[0] = stands_in
    if not rules:
        body.pop("Rules", None)
    interface = body.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    for group in interface.get("ParameterGroups", []):
        group["Parameters"] = [name for name in group["Parameters"] if name not in values.parameters]
    if "ParameterGroups" in interface:
        interface["ParameterGroups"] = [group for group in interface["ParameterGroups"] if group["Parameters"]]
    for name in values.parameters:
        interface.get("ParameterLabels", {}).pop(name, None)
    return body
