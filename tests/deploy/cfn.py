"""Reads CloudFormation templates strictly and works out what they come to for given parameters, as CloudFormation does.

Knows the functions that the templates of deploy/cloudformation use and refuses any other.
"""

import copy
import ipaddress
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "cloudformation"
NAMES = ["emr-cluster", "scheduled-run", "single-instance", "storage-and-network"]

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "shop",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/shop/1",
}
CHINA = {**PSEUDO, "AWS::Partition": "aws-cn", "AWS::Region": "cn-north-1", "AWS::URLSuffix": "amazonaws.com.cn"}

# Parameters without a default, for all templates.
NEEDED = {
    "InputPrefix": "s3://shop-data/2024/input",
    "OutputPrefix": "s3://shop-data/2024/output",
    "LogPrefix": "s3://shop-logs/firesteel",
    "ArtifactPrefix": "s3://shop-artifacts/firesteel",
    "ArtifactSha256": "a1" * 32,
    "BootstrapSha256": "b2" * 32,
    "KeyArn": "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012",
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0fedcba9876543210",
}
# What EC2 knows of the network, for the rules.
ATTRIBUTES = {
    ("SubnetIds", "VpcId"): ["vpc-0123456789abcdef0"] * 2,
    ("SubnetIds", "Tags.for-use-with-amazon-emr-managed-policies"): ["true"] * 2,
}


class TemplateError(Exception):
    pass


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation takes it: no key twice, no aliases, nothing that turns into a date or into nothing."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.events.AliasEvent):
            raise TemplateError(f"an alias, which CloudFormation refuses: {self.peek_event().start_mark}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str):
                raise TemplateError(f"the key {key!r} is no text: {node.start_mark}")
            if keys.count(key) > 1:
                raise TemplateError(f"the key {key!r} stands there twice: {node.start_mark}")
        return super().construct_mapping(node, deep)


def _function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True))
_Loader.add_multi_constructor("!", _function)
# A date that is not quoted would be one.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: _refuse_date(node))


def _refuse_date(node):
    raise TemplateError(f"a date that is no text: {node.start_mark}")


def parse(text):
    loader = _Loader(text)
    try:
        template = loader.get_single_data()
    finally:
        loader.dispose()
    for path, node in walk(template):
        if node is None:
            raise TemplateError(f"{'/'.join(map(str, path))}: null, which CloudFormation refuses")
    return template


def text(name):
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


_PARSED = {}


def load(name):
    if name not in _PARSED:
        _PARSED[name] = parse(text(name))
    return copy.deepcopy(_PARSED[name])


def parameter_problems(template, values):
    """What CloudFormation would refuse about the values of parameters."""
    problems = [f"{name}: there is no such parameter" for name in values if name not in template["Parameters"]]
    for name, parameter in template["Parameters"].items():
        if name not in values and "Default" not in parameter:
            problems.append(f"{name}: has no value")
            continue
        value = str(values.get(name, parameter.get("Default")))
        if "AllowedValues" in parameter and value not in [str(allowed) for allowed in parameter["AllowedValues"]]:
            problems.append(f"{name}: {value!r} is not allowed")
        # CloudFormation asks for the whole of the value.
        if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
            problems.append(f"{name}: {value!r} does not match")
        if len(value) > int(parameter.get("MaxLength", 10**9)):
            problems.append(f"{name}: is too long")
        if parameter["Type"] == "Number":
            if not re.fullmatch(r"-?[0-9]+", value):
                problems.append(f"{name}: {value!r} is no number")
            elif not int(parameter.get("MinValue", value)) <= int(value) <= int(parameter.get("MaxValue", value)):
                problems.append(f"{name}: {value!r} is out of range")
        elif re.search(r"Subnet::Id|VPC::Id", parameter["Type"]):
            kind = "subnet" if "Subnet" in parameter["Type"] else "vpc"
            if not all(re.fullmatch(kind + r"-[0-9a-f]{8,17}", item) for item in value.split(",")):
                problems.append(f"{name}: {value!r} is no {kind}")
    return problems


_ABSENT = object()


class Stack:
    """A template with values for its parameters. `resources`, `outputs`: what CloudFormation would make of them.

    A Ref to a resource gives its logical name in angle brackets, an attribute "<Name.Attribute>".
    """

    def __init__(self, template, values=None, pseudo=None, attributes=None):
        self.template = load(template) if isinstance(template, str) else template
        self.pseudo = pseudo or PSEUDO
        given = {name: value for name, value in NEEDED.items() if name in self.template["Parameters"]}
        given.update(values or {})
        problems = parameter_problems(self.template, given)
        if problems:
            raise TemplateError("; ".join(problems))
        self.values = {}
        for name, parameter in self.template["Parameters"].items():
            value = str(given.get(name, parameter.get("Default")))
            if parameter["Type"].startswith("List") or parameter["Type"] == "CommaDelimitedList":
                value = value.split(",")
            self.values[name] = value
        self.attributes = attributes or ATTRIBUTES
        self._check_rules()
        self.resources = {
            name: self.resolve({key: value for key, value in resource.items() if key != "Condition"})
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }
        self.outputs = {
            name: self.resolve(output["Value"])
            for name, output in self.template.get("Outputs", {}).items()
            if "Condition" not in output or self.condition(output["Condition"])
        }

    def of_type(self, kind):
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def only(self, kind):
        found = self.of_type(kind)
        if len(found) != 1:
            raise TemplateError(f"{len(found)} resources of type {kind}")
        return next(iter(found.values()))["Properties"]

    def condition(self, name):
        return self._test(self.template["Conditions"][name])

    def _check_rules(self):
        for name, rule in self.template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self._test(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not self._test(assertion["Assert"]):
                    raise TemplateError(f"{name}: {assertion['AssertDescription']}")

    def _test(self, node):
        (name, value), = node.items()
        if name == "Condition":
            return self.condition(value)
        if name == "Fn::Equals":
            left, right = (self.resolve(side) for side in value)
            return left == right
        if name == "Fn::Not":
            return not self._test(value[0])
        if name == "Fn::And":
            return all(self._test(part) for part in value)
        if name == "Fn::Or":
            return any(self._test(part) for part in value)
        if name == "Fn::EachMemberEquals":
            members, wanted = (self.resolve(part) for part in value)
            return all(member == wanted for member in members)
        raise TemplateError(f"{name} is no condition that is known here")

    def resolve(self, node):
        value = self._resolve(node)
        return None if value is _ABSENT else value

    def _resolve(self, node):
        if isinstance(node, list):
            return [value for value in map(self._resolve, node) if value is not _ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), = node.items()
            if name == "Ref":
                return self._reference(argument)
            if name.startswith("Fn::"):
                return self._call(name[4:], argument)
        return {key: value for key, child in node.items() if (value := self._resolve(child)) is not _ABSENT}

    def _reference(self, name):
        if name == "AWS::NoValue":
            return _ABSENT
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.values:
            return self.values[name]
        if name in self.template["Resources"]:
            self._check_present(name)
            return f"<{name}>"
        raise TemplateError(f"Ref to {name}, which is not there")

    def _check_present(self, name):
        resource = self.template["Resources"][name]
        if "Condition" in resource and not self.condition(resource["Condition"]):
            raise TemplateError(f"a reference to {name}, which is left out")

    def _attribute(self, name, attribute):
        if name not in self.template["Resources"]:
            raise TemplateError(f"an attribute of {name}, which is not there")
        self._check_present(name)
        return f"<{name}.{attribute}>"

    def _call(self, name, argument):
        if name == "If":
            condition, then, otherwise = argument
            return self._resolve(then if self.condition(condition) else otherwise)
        if name == "GetAtt":
            return self._attribute(*argument)
        if name == "Sub":
            format_text, variables = argument if isinstance(argument, list) else (argument, {})
            return self._substitute(format_text, {key: self._resolve(value) for key, value in variables.items()})
        if name == "ValueOf":
            return self.attributes[tuple(argument)]
        if name == "GetAZs":
            return [self.pseudo["AWS::Region"] + letter for letter in "abc"]
        argument = self._resolve(argument)
        if name == "Join":
            return argument[0].join(argument[1])
        if name == "Split":
            return argument[1].split(argument[0])
        if name == "Select":
            index, items = int(argument[0]), argument[1]
            if index >= len(items):
                raise TemplateError(f"Fn::Select has no item {index} in {items}")
            return items[index]
        if name == "FindInMap":
            return self.template["Mappings"][argument[0]][argument[1]][argument[2]]
        if name == "Base64":
            return argument
        if name == "Cidr":
            block, count, bits = argument
            return [str(part) for part in ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))][: int(count)]
        raise TemplateError(f"Fn::{name} is not known here")

    def _substitute(self, format_text, variables):
        def value_of(match):
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                return str(variables[name])
            if "." in name:
                return self._attribute(*name.split(".", 1))
            value = self._reference(name)
            if not isinstance(value, str):
                raise TemplateError(f"${{{name}}} is no text")
            return value

        return re.sub(r"\$\{([^}]+)\}", value_of, format_text)


def walk(node, path=()):
    """All mappings, lists and scalars of a tree with their paths."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, path + (key,))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, path + (index,))


def run_job_flow(cluster):
    """The request RunJobFlow of EMR's API that CloudFormation makes of the properties of an AWS::EMR::Cluster."""
    request = copy.deepcopy(cluster)
    for configuration in request.get("Configurations", []):
        configuration["Properties"] = configuration.pop("ConfigurationProperties")
    instances = request["Instances"]
    fleets = []
    for key, kind in (("MasterInstanceFleet", "MASTER"), ("CoreInstanceFleet", "CORE")):
        if key in instances:
            fleets.append({"InstanceFleetType": kind, **instances.pop(key)})
    fleets += [{"InstanceFleetType": "TASK", **fleet} for fleet in instances.pop("TaskInstanceFleets", [])]
    if fleets:
        instances["InstanceFleets"] = fleets
    limits = request.get("ManagedScalingPolicy", {}).get("ComputeLimits", {})
    for key, value in limits.items():
        if key.endswith("Units"):
            limits[key] = int(value)
    return request
