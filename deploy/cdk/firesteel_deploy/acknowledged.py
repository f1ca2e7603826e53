"""The findings of cdk-nag that stay, each with its reason. tests/deploy/cdk_test.py checks that these and no others are found, and
asserts by itself what a rule reads wrongly."""

import dataclasses
import re

from aws_cdk import Acknowledgment, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks

PACKS = (AwsSolutionsChecks, NIST80053R5Checks)


@dataclasses.dataclass(frozen=True)
class Acknowledged:
    resource: str  # By its name in the template.
    finding: str  # A regular expression of the whole finding; some hold the values of parameters.
    reason: str


OBJECTS_BELOW_A_PREFIX = r"AwsSolutions-IAM5\[Resource::.*s3:::\$\{Path\}/\*.*\]"

ANY = [
    Acknowledged("InstanceRole", OBJECTS_BELOW_A_PREFIX, "objects below one prefix: their names are not known before the run"),
    Acknowledged(
        "(InstanceRole|ServiceRole)",
        r"NIST\.800\.53\.R5-IAMNoInlinePolicy",
        "the policy is for this one role and names this stack's prefixes and key; on its own it could be attached elsewhere",
    ),
    Acknowledged(
        "InstanceRole",
        r"NIST\.800\.53\.R5-IAMPolicyNoStatementsWithFullAccess",
        "the rule searches text and takes the * of an s3:prefix condition for an action; no action has a wildcard",
    ),
]
CLUSTER = [
    Acknowledged(
        "ServiceRole",
        r"AwsSolutions-IAM4\[Policy::.*/AmazonEMRServicePolicy_v2\]",
        "AWS keeps this policy in step with EMR, and it acts on tagged resources alone; a copy would age",
    ),
]
NOT_KERBEROS = Acknowledged(
    "Cluster",
    r"AwsSolutions-EMR6",
    "nobody logs in: no key pair, no port 22; Session Manager where a shell is needed, and one user runs all steps",
)
WRONG_KEYS = [
    Acknowledged(
        "Cluster",
        rf"AwsSolutions-{rule}",
        "the rule looks for the key outside EncryptionConfiguration, where EMR does not have it; it is set, and asserted by our tests",
    )
    for rule in ("EMR4", "EMR5")
]
STORAGE = [
    Acknowledged(
        "(DataBucket|ArtifactBucket|LogBucket)",
        r"AwsSolutions-S1|NIST\.800\.53\.R5-S3BucketLoggingEnabled",
        "who read what is CloudTrail's to tell (data events), which an account has or has not as a whole; docs/deploy.md says so",
    ),
    Acknowledged(
        "(DataBucket|ArtifactBucket|LogBucket)",
        r"NIST\.800\.53\.R5-S3BucketReplicationEnabled",
        "outputs can be made again from the inputs; another copy in another region is the owner's choice",
    ),
    Acknowledged(
        "Vpc",
        r"AwsSolutions-VPC7|NIST\.800\.53\.R5-VPCFlowLogsEnabled",
        "nothing leads out of this network but endpoints of AWS; flow logs cost by what they hold and are the account's choice",
    ),
    Acknowledged(
        "Vpc",
        r"NIST\.800\.53\.R5-VPCDefaultSecurityGroupClosed",
        "no template can change a default group; nothing is put into it, as all machines and endpoints have groups of their own",
    ),
    Acknowledged(
        "EndpointGroup",
        r"AwsSolutions-EC23|NIST\.800\.53\.R5-(EC2RestrictedCommonPorts|EC2RestrictedSSH)",
        "the rule can't read an address that is a reference; it is port 443 from the VPC's own addresses, asserted by our tests",
    ),
]
SCHEDULED = [
    Acknowledged(
        "RunRole",
        r"AwsSolutions-IAM5\[Resource::(\*|arn:.*:elasticmapreduce:.*:cluster/\*)\]",
        "a cluster has no name before it is there; what may be done is bound to this stack's tag where EMR takes such a condition",
    ),
    Acknowledged(
        "(RunRole|TimerRole)",
        r"NIST\.800\.53\.R5-IAMNoInlinePolicy",
        "the policy is for this one role and names this stack's things; on its own it could be attached elsewhere",
    ),
    Acknowledged(
        "Run",
        r"AwsSolutions-SF2",
        "the log has every state with its data; there is one caller after another, and nothing that traces would tell apart",
    ),
]

SINGLE = [
    Acknowledged(
        "InstanceRole",
        r"AwsSolutions-IAM4",
        "the rule can't read Fn::If: AWS's policy for Session Manager, which is there only if it is asked for",
    ),
    Acknowledged("Instance", r"AwsSolutions-EC28", "the rule reads the instance alone: its launch template turns detailed monitoring on"),
    Acknowledged("Instance", r"AwsSolutions-EC29", "the instance is for one run and ends itself; nothing of it is worth protecting"),
    Acknowledged(
        "Instance", r"NIST\.800\.53\.R5-EC2InstanceProfileAttached", "the rule reads the instance alone: its launch template names the profile"
    ),
]

# By the names of the templates.
ACKNOWLEDGED = {
    "emr-cluster": [*ANY, *CLUSTER, NOT_KERBEROS, *WRONG_KEYS],
    "storage-and-network": STORAGE,
    "scheduled-run": [*ANY, *CLUSTER, *SCHEDULED],
    "single-instance": [*ANY, *SINGLE],
}


# What the CDK itself warns of at each synthesis, by the names of the templates.
WARNINGS = {
    "single-instance": [
        Acknowledgment(id=f"CloudFormation-Validate::{warning}", reason="Architecture is part of the name of AWS's parameter that has the image")
        for warning in ("W1030", "W2506")
    ],
}


# Conditions over values of the context are the same each time: always true, equivalent to others, with branches that are never taken.
ALWAYS = [
    Acknowledgment(id=f"CloudFormation-Validate::{warning}", reason="values of the context take the place of parameters in conditions")
    for warning in ("W1028", "W8003", "W9053")
]


def acknowledge_warnings(stack):
    Validations.of(stack).acknowledge(*ALWAYS, *WARNINGS.get(stack.template_name, []))


def findings(stack):
    """Yields (resource, finding) of all packs, acknowledged or not."""
    for pack in PACKS:
        for violation in pack().validate_scope(stack).violations:
            for resource in violation.violating_resources:
                yield resource.construct_path.rsplit("/", 1)[-1], violation.rule_name


def reason_for(stack, resource, finding):
    """Why a finding stays, or None."""
    for one in ACKNOWLEDGED[stack.template_name]:
        if re.fullmatch(one.resource, resource) and re.fullmatch(one.finding, finding):
            return one.reason
    return None


def check_with_nag(app, stacks):
    """Has the synthesis of an app fail with what cdk-nag finds and no reason is known for."""
    for stack in stacks:
        for resource, finding in list(findings(stack)):
            reason = reason_for(stack, resource, finding)
            if reason:
                Validations.of(stack.included.get_resource(resource)).acknowledge(Acknowledgment(id=finding, reason=reason))
    Validations.of(app).add_plugins(*[pack(app) for pack in PACKS])
