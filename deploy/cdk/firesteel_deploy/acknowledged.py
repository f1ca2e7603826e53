"""The findings of cdk-nag that stay, each with the reason. tests/deploy/cdk_test.py finds the same ones and no others."""

from aws_cdk import Validations

# Template -> resource -> finding -> reason.
ACKNOWLEDGED = {}


def acknowledge(stack):
    for resource, findings in ACKNOWLEDGED.get(stack.template_name, {}).items():
        for finding, reason in findings.items():
            Validations.of(stack.included.get_resource(resource)).acknowledge(id=finding, reason=reason)
