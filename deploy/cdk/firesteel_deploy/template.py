"""Reads a CloudFormation template, and checks values against what its parameters and rules ask for, as CloudFormation would at deploy."""

import dataclasses
import pathlib
import re

import yaml

# What a type of AWS's own stands for. CloudFormation also looks whether the thing exists, which only it can.
TYPE_PATTERNS = {
    "AWS::EC2::Image::Id": r"ami-([0-9a-f]{8}|[0-9a-f]{17})",
    "AWS::EC2::SecurityGroup::Id": r"sg-([0-9a-f]{8}|[0-9a-f]{17})",
    "AWS::EC2::Subnet::Id": r"subnet-([0-9a-f]{8}|[0-9a-f]{17})",
    "AWS::EC2::VPC::Id": r"vpc-([0-9a-f]{8}|[0-9a-f]{17})",
}
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


class Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: its short forms (!Ref, !Sub, …) become the long ones, and a date is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct_function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {"Fn::" + suffix: value}


Loader.add_multi_constructor("!", _construct_function)


class Refused(Exception):
    """A value, or values together, that the template does not take. The text says why, and what it takes."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    name: str
    declaration: dict

    @property
    def type(self):
        return self.declaration["Type"]

    @property
    def required(self):
        return "Default" not in self.declaration

    @property
    def is_list(self):
        return self.type == "CommaDelimitedList" or self.type.startswith("List<")

    @property
    def context_key(self):
        return self.name[0].lower() + self.name[1:]

    def check(self, value):
        """Returns the value as CloudFormation holds it, text or a list of texts. Throws Refused."""
        if self.declaration.get("NoEcho") in (True, "true"):
            raise Refused("is a secret, which must not stand in a template; give it to cdk deploy as --parameters")
        if self.type.startswith("AWS::SSM::Parameter::Value<"):
            raise Refused("is looked up by CloudFormation under the name that it is; give that to cdk deploy as --parameters")
        if self.is_list:
            items = value if isinstance(value, (list, tuple)) else str(value).split(",")
            if isinstance(value, (dict, bool)):
                raise Refused(f"must be a list, or text with commas; it is {value!r}")
            items = [self._check_item(self._text(item).strip()) for item in items]
            if items == [""]:
                items = []
            if not items and self.required:
                raise Refused("is an empty list" + self._hint())
            return items
        return self._check_item(self._text(value))

    def _text(self, value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, float)):
            return str(value)
        if isinstance(value, dict):
            raise Refused(f"must be text: put JSON in quotes; it is {value!r}")
        raise Refused(f"must be text or a number; it is {value!r}" + self._hint())

    def _check_item(self, text):
        declaration = self.declaration
        if "${" in text:
            # Where the template has it in a Fn::Sub, CloudFormation would take it for a reference.
            raise Refused(f"has '${{', which a template would read as a reference: '{text}'; give it to cdk deploy as --parameters")
        allowed = declaration.get("AllowedValues")
        if allowed is not None and text not in [_canonical(one) for one in allowed]:
            raise Refused(f"is '{text}'; must be one of {', '.join(map(_canonical, allowed))}")
        item_type = re.sub(r"^List<(.*)>$", r"\1", self.type)
        if item_type == "Number":
            self._check_number(text)
        pattern = TYPE_PATTERNS.get(item_type)
        if pattern and not re.fullmatch(pattern, text):
            raise Refused(f"is '{text}', which is no {item_type.removeprefix('AWS::').replace('::', ' ')}" + self._hint())
        pattern = declaration.get("AllowedPattern")
        if pattern is not None and not re.fullmatch(pattern, text):
            raise Refused(f"is '{text}', which does not match {pattern}" + self._hint())
        for key, too in (("MinLength", "short"), ("MaxLength", "long")):
            if key in declaration:
                limit = int(declaration[key])
                if (len(text) < limit) if key == "MinLength" else (len(text) > limit):
                    raise Refused(f"has {len(text)} characters and is too {too}: {key} is {limit}" + self._hint())
        return text

    def _check_number(self, text):
        if not NUMBER.fullmatch(text):
            raise Refused(f"is '{text}', which is no number" + self._hint())
        for key in ("MinValue", "MaxValue"):
            if key in self.declaration:
                limit = float(self.declaration[key])
                if (float(text) < limit) if key == "MinValue" else (float(text) > limit):
                    raise Refused(f"is {text}; {key} is {self.declaration[key]}" + self._hint())

    def _hint(self):
        """What the template itself says of the parameter, as the end of a message."""
        text = self.declaration.get("ConstraintDescription") or self.declaration.get("Description") or ""
        return f" ({' '.join(text.split()).rstrip('.')})" if text else ""


def _canonical(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class Template:
    """One template of deploy/cloudformation."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.name = self.path.stem
        with open(path, encoding="utf-8") as file:
            self.body = yaml.load(file, Loader)
        self.parameters = {
            name: Parameter(name, declaration) for name, declaration in self.body.get("Parameters", {}).items()
        }

    def check_rules(self, values):
        """Checks the template's Rules with these values and returns the names of those that hold whatever the other parameters will
        be. Throws Refused for one that can't hold. What depends on parameters without a value is left to CloudFormation."""
        held = []
        for name, rule in self.body.get("Rules", {}).items():
            condition = self._evaluate(rule["RuleCondition"], values) if "RuleCondition" in rule else True
            outcomes = []
            for assertion in rule["Assertions"]:
                outcome = True if condition is False else self._evaluate(assertion["Assert"], values)
                if outcome is False and condition is True:
                    raise Refused(assertion.get("AssertDescription") or f"the template's rule {name} does not hold")
                outcomes.append(outcome)
            if all(outcome is True for outcome in outcomes):
                held.append(name)
        return held

    def _evaluate(self, expression, values):
        """A rule's expression: text, a list, a truth value, or None if it hangs on what is not known here."""
        if isinstance(expression, list):
            items = [self._evaluate(item, values) for item in expression]
            return None if None in items else items
        if not isinstance(expression, dict):
            return _canonical(expression)
        (function, argument), *rest = expression.items()
        if rest:
            raise ValueError(f"{self.path}: rules: {expression} is no function")
        if function == "Ref":
            return values.get(argument)
        if function == "Fn::And":
            return _all([self._evaluate(item, values) for item in argument])
        if function == "Fn::Or":
            return _not(_all([_not(self._evaluate(item, values)) for item in argument]))
        if function == "Fn::Not":
            return _not(self._evaluate(argument[0], values))
        if function in ("Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"):
            left, right = (self._evaluate(item, values) for item in argument)
            if left is None or right is None:
                return None
            if function == "Fn::Equals":
                return left == right
            if function == "Fn::Contains":
                return right in left
            return all(item == right if function == "Fn::EachMemberEquals" else item in right for item in left)
        if function == "Fn::ValueOf":
            return None  # Of a thing in the account.
        raise ValueError(f"{self.path}: rules: {function} is not known here")


def value_of_calls(expression):
    """Yields the arguments, [parameter, attribute], of each Fn::ValueOf in rules: what they look up in the account."""
    if isinstance(expression, list):
        for item in expression:
            yield from value_of_calls(item)
    elif isinstance(expression, dict):
        for key, value in expression.items():
            if key == "Fn::ValueOf":
                yield value
            else:
                yield from value_of_calls(value)


def _all(outcomes):
    return False if False in outcomes else None if None in outcomes else True


def _not(outcome):
    return None if outcome is None else not outcome
