"""What a template of ours says of a cluster once its parameters have values: its steps, bootstrap actions and settings.

Knows the functions that those use, and refuses any other: this is no CloudFormation.
"""

import re

import yaml

NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: !Sub x -> {"Fn::Sub": "x"}."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


class ClusterTemplate:
    def __init__(self, path, parameters, region="us-east-1"):
        """`parameters`: their values; those that are not given have their defaults. Values that the template would refuse (pattern,
        allowed values, length) are refused here, too, with a ValueError."""
        self.template = yaml.load(path.read_text(), _Loader)
        self.values = {"AWS::Region": region, "AWS::NoValue": NO_VALUE, "AWS::Partition": "aws", "AWS::StackName": "stack",
                       "AWS::AccountId": "123456789012", "AWS::URLSuffix": "amazonaws.com"}
        declared = self.template["Parameters"]
        if unknown := set(parameters) - set(declared):
            raise ValueError(f"the template has no parameters {sorted(unknown)}")
        for name, about in declared.items():
            if name not in parameters and "Default" not in about:
                raise ValueError(f"{name} has no value")
            value = parameters.get(name, about.get("Default"))
            text = str(value)
            if "AllowedPattern" in about and not re.fullmatch(about["AllowedPattern"], text):
                raise ValueError(f"{name}: '{text}' {about.get('ConstraintDescription', 'does not fit')}")
            if "AllowedValues" in about and text not in map(str, about["AllowedValues"]):
                raise ValueError(f"{name}: '{text}' is none of {about['AllowedValues']}")
            if len(text) > about.get("MaxLength", len(text)):
                raise ValueError(f"{name}: longer than {about['MaxLength']}")
            self.values[name] = value

    def cluster(self, name):
        """A property of the cluster, with all functions carried out."""
        return self.resolve(self.template["Resources"]["Cluster"]["Properties"].get(name, []))

    def resolve(self, value):
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), = value.items()
            if function == "Ref":
                # Resources have no names yet: whoever needs one would fail here.
                return self.values[argument]
            if function.startswith("Fn::"):
                return self._call(function[4:], argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _call(self, function, argument):
        if function == "If":
            condition, then, otherwise = argument
            return self.resolve(then if self._holds(self.template["Conditions"][condition]) else otherwise)
        argument = self.resolve(argument)
        if function == "Sub":
            text, more = argument if isinstance(argument, list) else (argument, {})
            values = {**self.values, **more}
            return re.sub(r"\$\{([^!}][^}]*)\}", lambda found: str(values[found[1].strip()]), text)
        if function == "Join":
            return argument[0].join(map(str, argument[1]))
        if function == "Split":
            return argument[1].split(argument[0])
        if function == "Select":
            return argument[1][int(argument[0])]
        if function == "FindInMap":
            mapping, first, second = argument
            return self.template["Mappings"][mapping][first][second]
        raise NotImplementedError(f"Fn::{function}")

    def _holds(self, condition):
        (function, argument), = condition.items()
        if function == "Condition":
            return self._holds(self.template["Conditions"][argument])
        if function == "Fn::Equals":
            left, right = self.resolve(argument)
            return str(left) == str(right)
        if function == "Fn::Not":
            return not self._holds(argument[0])
        if function == "Fn::And":
            return all(map(self._holds, argument))
        if function == "Fn::Or":
            return any(map(self._holds, argument))
        raise NotImplementedError(function)
