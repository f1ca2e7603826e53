"""Gathers the values that the context gives to the stacks, and refuses what no stack knows or takes.

Where a value may stand, the later wins:
  1. the file that -c outputs=FILE names, as cdk deploy --outputs-file writes it: outputs that are called like parameters,
  2. the object "firesteel" of the context in cdk.json,
  3. the file that -c values=FILE names, JSON or YAML,
  4. -c KEY=VALUE.
In 2 and 3 an object named after a template holds what is for its stack alone, and wins over what stands beside it.
"""

import dataclasses
import difflib
import pathlib
import re

import yaml

from .package import BadPackage, bootstrap_key, read_package, sha256_of
from .template import Refused

# Keys that are not parameters of a template.
OF_STACKS = ("stackName", "tags", "terminationProtection")
OF_APP = ("stacks", "package", "synthesizer", "nag")
SYNTHESIZERS = ("legacy", "bootstrapped")
# What the command line of the CDK itself keeps in a context under plain names.
OF_CDK = ("acknowledged-issue-numbers", "cli-telemetry")
STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
TAG_TEXT = re.compile(r"[\w .:/=+@-]*")


class BadValues(Exception):
    """All that is wrong with the values, a line each."""

    def __init__(self, problems):
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclasses.dataclass
class StackValues:
    """What one stack is made with."""

    template: object
    stack_name: str
    parameters: dict = dataclasses.field(default_factory=dict)  # By their names in the template, checked.
    held_rules: list = dataclasses.field(default_factory=list)
    tags: dict = dataclasses.field(default_factory=dict)
    termination_protection: bool = False
    uploads: list = dataclasses.field(default_factory=list)  # (local path, key below the artifact prefix)


@dataclasses.dataclass
class Values:
    stacks: list
    synthesizer: str = "legacy"
    nag: bool = False


@dataclasses.dataclass(frozen=True)
class _Given:
    """A value and where it stands, for messages."""

    value: object
    where: str
    offered: bool = False  # For whichever stack has such a parameter.


class _Reader:
    def __init__(self, templates, bootstrap):
        self.templates = {template.name: template for template in templates}
        self.bootstrap = bootstrap
        self.problems = []
        # How each key is spelt in a context -> in which templates it is a parameter.
        self.keys = {}
        for template in templates:
            for parameter in template.parameters.values():
                self.keys.setdefault(parameter.context_key, []).append(template.name)

    def refuse(self, text):
        self.problems.append(text)

    def read(self, context):
        common, own = {}, {name: {} for name in self.templates}
        if "outputs" in context:
            self.add_outputs(self.load("outputs", context["outputs"]), f"outputs file {context['outputs']}", common)
        section = context.get("firesteel")
        if section is not None:
            self.add(section, "context, firesteel", common, own)
        if "values" in context:
            self.add(self.load("values", context["values"]), f"values file {context['values']}", common, own)
        flat = {key: value for key, value in context.items() if self.is_ours(key) and key not in ("firesteel", "values", "outputs")}
        self.add(flat, "context", common, own)

        stacks = self.chosen(common.pop("stacks", None))
        synthesizer = self.one_of(common.pop("synthesizer", None), SYNTHESIZERS) or "legacy"
        nag = self.truth(common.pop("nag", None)) or False
        package = self.package(common.pop("package", None))
        if package and stacks and not any("ArtifactSha256" in self.templates[name].parameters for name in stacks):
            self.refuse(f"{package.where}: none of {', '.join(stacks)} installs a package; leave it out")
        made = [self.stack(self.templates[name], common, own[name], package, len(stacks) > 1) for name in stacks]
        for key, given in common.items():
            if stacks and not given.offered and key in self.keys and not set(self.keys[key]) & set(stacks):
                self.refuse(
                    f"{given.where}: {key} is no parameter of {' or '.join(stacks)}, but of {' and '.join(self.keys[key])}; "
                    f"leave it out, or add that to stacks"
                )
        if self.problems:
            raise BadValues(list(dict.fromkeys(self.problems)))
        return Values(made, synthesizer, nag)

    @staticmethod
    def is_ours(key):
        """The CDK's own keys, and those of its libraries, have a colon, a slash or an at sign."""
        return key.startswith("firesteel") or not any(mark in key for mark in ":/@") and key not in OF_CDK

    def load(self, key, path):
        path = pathlib.Path(str(path)).resolve()
        try:
            with open(path, encoding="utf-8") as file:
                # All scalars as text: what is a number, and what is true, is for the parameter to say.
                body = yaml.load(file, yaml.BaseLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            self.refuse(f"context: {key} is {path}, which can't be read as JSON or YAML: {' '.join(str(error).split())}")
            return {}
        return {} if body is None else body

    def add_outputs(self, given, where, common):
        if not isinstance(given, dict) or not all(isinstance(outputs, dict) for outputs in given.values()):
            self.refuse(f"{where}: must be an object with the outputs of each stack, as cdk deploy --outputs-file writes it")
            return
        for stack, outputs in given.items():
            for name, value in outputs.items():
                key = name[:1].lower() + name[1:]
                if key in self.keys:
                    if key in common and common[key].value != value:
                        self.refuse(f"{where}: {stack} has {name} '{value}', and another stack '{common[key].value}'; keep one of them")
                    common[key] = _Given(value, f"{where}, {stack}", offered=True)

    def add(self, given, where, common, own):
        if not isinstance(given, dict):
            self.refuse(f"{where}: must be an object with keys and values; it is {given!r}")
            return
        # First what holds for all stacks, as what is for one alone wins over it.
        for key, value in sorted(given.items(), key=lambda item: item[0] in self.templates):
            if key in self.templates:
                if not isinstance(value, dict):
                    self.refuse(f"{where}: {key} must be an object with that stack's values; it is {value!r}")
                    continue
                for inner, inner_value in value.items():
                    if key in self.keys.get(inner, []) or inner in OF_STACKS:
                        own[key][inner] = _Given(inner_value, f"{where}, {key}")
                    else:
                        self.unknown(inner, f"{where}, {key}", [*self.parameters_of(key), *OF_STACKS])
            elif key in self.keys or key in OF_STACKS or key in OF_APP:
                common[key] = _Given(value, where)
                # Nearer the command line wins also over what an earlier place says for one stack alone.
                for values in own.values():
                    values.pop(key, None)
            else:
                self.unknown(key, where, [*self.keys, *OF_STACKS, *OF_APP, *self.templates, "values", "outputs"])

    def parameters_of(self, name):
        return [parameter.context_key for parameter in self.templates[name].parameters.values()]

    def unknown(self, key, where, known):
        plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in known}
        near = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", str(key).lower()), plain, 1, 0.7)
        advice = f"did you mean '{plain[near[0]]}'?" if near else f"known are {', '.join(sorted(known))}"
        self.refuse(f"{where}: unknown key '{key}'; {advice}")

    def chosen(self, given):
        if given is None:
            return ["emr-cluster"]
        names = given.value if isinstance(given.value, list) else [one.strip() for one in str(given.value).split(",")]
        if names == ["all"]:
            return list(self.templates)
        wrong = [name for name in names if name not in self.templates]
        if wrong or not names or len(set(names)) != len(names):
            self.refuse(f"{given.where}: stacks is '{given.value}'; name some of {', '.join(self.templates)}, each once, or all")
            return []
        return names

    def one_of(self, given, allowed):
        if given is not None and given.value not in allowed:
            self.refuse(f"{given.where}: synthesizer is '{given.value}'; must be one of {', '.join(allowed)}")
            return None
        return given and given.value

    def truth(self, given, key="nag"):
        if given is None:
            return None
        text = str(given.value).lower()
        if text not in ("true", "false"):
            self.refuse(f"{given.where}: {key} is '{given.value}'; must be true or false")
        return text == "true"

    def package(self, given):
        if given is None:
            return None
        try:
            return _Given(read_package(str(given.value)), f"{given.where}: package")
        except (BadPackage, OSError) as error:
            self.refuse(f"{given.where}: package: {error}")
            return None

    def stack(self, template, common, own, package, several):
        given = {**common, **own}
        made = StackValues(template, f"firesteel-{template.name}")
        if "stackName" in given:
            if several and "stackName" not in own:
                self.refuse(f"{given['stackName'].where}: stackName is one for several stacks; give it within {template.name}")
            made.stack_name = str(given["stackName"].value)
            if not STACK_NAME.fullmatch(made.stack_name):
                self.refuse(
                    f"{given['stackName'].where}: stackName is '{made.stack_name}'; must be letters, digits and hyphens, "
                    f"a letter first, at most 128"
                )
        if "tags" in given:
            made.tags = self.tags(given["tags"])
        made.termination_protection = self.truth(given.get("terminationProtection"), "terminationProtection") or False

        values = {}
        for parameter in template.parameters.values():
            if parameter.context_key in given:
                one = given[parameter.context_key]
                try:
                    values[parameter.name] = parameter.check(one.value)
                except Refused as refused:
                    self.refuse(f"{one.where}: {parameter.context_key} {refused}")
        if package and "ArtifactSha256" in template.parameters:
            self.add_package(made, package, values, given)
        made.parameters = values
        try:
            made.held_rules = template.check_rules(values)
        except Refused as refused:
            self.refuse(f"{template.name}: these values don't go together: {refused}")
        return made

    def add_package(self, made, package, values, given):
        """Sets the parameters that follow from the package, and refuses those that say otherwise."""
        found = package.value
        follow = {"ArtifactSha256": found.sha256, "Architecture": found.architecture, "PackageVersion": found.version}
        made.uploads.append((found.path, found.path.name))
        if self.bootstrap.is_file():
            sha256 = sha256_of(self.bootstrap)
            follow["BootstrapSha256"] = sha256
            made.uploads.append((self.bootstrap, bootstrap_key(sha256)))
        else:
            self.refuse(f"{package.where}: the bootstrap script {self.bootstrap} is not there; use a whole checkout")
        for name, value in follow.items():
            parameter = made.template.parameters.get(name)
            if parameter is None:
                continue
            if values.get(name, value) != value:
                where = given[parameter.context_key].where
                self.refuse(f"{where}: {parameter.context_key} is '{values[name]}', but of {found.path.name} it is '{value}'; leave it out")
            try:
                values[name] = parameter.check(value)
            except Refused as refused:
                self.refuse(f"{package.where}: {parameter.context_key} {refused}")

    def tags(self, given):
        tags = given.value
        if isinstance(tags, str):
            parts = [part.partition("=") for part in tags.split(",")]
            if not all(equals for _, equals, _ in parts):
                self.refuse(f"{given.where}: tags is '{tags}'; write KEY=VALUE,KEY=VALUE")
                return {}
            tags = {key.strip(): value.strip() for key, _, value in parts}
        if not isinstance(tags, dict):
            self.refuse(f"{given.where}: tags must be an object, or KEY=VALUE,KEY=VALUE; it is {tags!r}")
            return {}
        if len(tags) > 40:
            self.refuse(f"{given.where}: {len(tags)} tags; 40 at most, as AWS allows 50 on a thing and stacks add their own")
        for key, value in tags.items():
            if not isinstance(value, str) or not TAG_TEXT.fullmatch(value) or len(value) > 256:
                self.refuse(f"{given.where}: tag {key}: {value!r} is no text of at most 256 letters, digits, blanks and _.:/=+-@")
            if not key or len(key) > 128 or not TAG_TEXT.fullmatch(key) or key.lower().startswith("aws:"):
                self.refuse(
                    f"{given.where}: tag '{key}': a key has 1 to 128 letters, digits, blanks and _.:/=+-@ and does not begin with aws:"
                )
        return tags


def read_values(context, templates, bootstrap):
    """Returns the Values that a context gives. bootstrap: the script that nodes run. Throws BadValues."""
    return _Reader(templates, bootstrap).read(context)
