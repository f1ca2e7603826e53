"""The steps of the templates with the rights of the templates' roles and no others: an S3 server that refuses, as S3 does, what neither the
instance role nor the bucket's policy allows.

usage: permissions_test.py BINARY

The rights that the steps turn out to need are also held against those that the role has.
"""

import fnmatch
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "end_to_end"), str(HERE.parent / "s3")]

import cfn  # noqa: E402
import checks  # noqa: E402
import harness  # noqa: E402
from fault_proxy import FaultProxy, Response  # noqa: E402
from s3_client import S3Client  # noqa: E402
from s3_server import REGION, SECRET_KEY, S3Server  # noqa: E402

BINARY = harness.BINARY
BUCKET = "shop-data"
VALUES = {
    "InputPrefix": f"s3://{BUCKET}/2024/input",
    "OutputPrefix": f"s3://{BUCKET}/2024/shop/output",
    "ModelParams": '{"maxIter":3}',
}
PSEUDO = {**cfn.PSEUDO, "AWS::Region": REGION}
# Allowed, though these runs don't ask for it, and why.
NOT_SEEN = {
    "s3:ListMultipartUploadParts": "Hadoop's committer on S3",
    "s3:GetBucketLocation": "Hadoop, and EMR's log pusher",
}


def needs(request):
    """What S3 asks for before it answers a request: (action, ARN, keys of the context)."""
    bucket, _, name = urllib.parse.unquote(request.path).lstrip("/").partition("/")
    where = f"arn:aws:s3:::{bucket}"
    listing = {"s3:prefix": request.query["prefix"]} if "prefix" in request.query else {}
    sent = {f"s3:{key}": value for key, value in request.headers.items() if key.startswith("x-amz-server-side")}
    item = f"{where}/{name}"
    if request.operation == "DeleteObjects":
        keys = re.findall(r"<Key>([^<]*)</Key>", request.body.decode())
        return [("s3:DeleteObject", f"{where}/{urllib.parse.unquote(key)}", {}) for key in keys]
    return {
        "ListObjectsV2": [("s3:ListBucket", where, listing)],
        # IAM knows no s3:prefix of this one.
        "ListMultipartUploads": [("s3:ListBucketMultipartUploads", where, {})],
        "GetBucketLocation": [("s3:GetBucketLocation", where, {})],
        "HeadBucket": [("s3:ListBucket", where, {})],
        "GetObject": [("s3:GetObject", item, {})],
        "HeadObject": [("s3:GetObject", item, {})],
        "PutObject": [("s3:PutObject", item, sent)],
        "CreateMultipartUpload": [("s3:PutObject", item, sent)],
        "UploadPart": [("s3:PutObject", item, {})],
        "CompleteMultipartUpload": [("s3:PutObject", item, {})],
        "AbortMultipartUpload": [("s3:AbortMultipartUpload", item, {})],
        "DeleteObject": [("s3:DeleteObject", item, {})],
    }[request.operation]


def applies(statement, action, resource, context):
    """Whether a statement of a policy is about a request, as IAM decides it."""

    def one_of(patterns, value):
        return any(fnmatch.fnmatchcase(value, pattern) for pattern in checks.as_list(patterns))

    if not one_of(statement["Action"], action) or not one_of(statement["Resource"], resource):
        return False
    context = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.2", **context}
    for operator, wanted in statement.get("Condition", {}).items():
        for key, value in wanted.items():
            found = context.get(key)
            holds = {
                "StringLike": lambda: found is not None and one_of(value, found),
                "StringNotEquals": lambda: found != value,
                "Null": lambda: (found is None) == (value == "true"),
                "Bool": lambda: found == value,
                "NumericLessThan": lambda: float(found) < float(value),
            }[operator]()
            if not holds:
                return False
    return True


class Guard(FaultProxy):
    """Refuses what the policies don't allow. `denied`: what that was; `used`: what was allowed."""

    def __init__(self, endpoint, role, bucket_policy):
        super().__init__(endpoint)
        self.policies = [*role, *bucket_policy]
        self.used, self.denied, self.plain_puts = set(), [], []

    def may(self, action, resource, context):
        found = {one["Effect"] for one in self.policies if applies(one, action, resource, context)}
        return found == {"Allow"}

    def forward(self, request):
        wanted = needs(request)
        for action, resource, context in wanted:
            if not self.may(action, resource, context):
                self.denied.append((request.operation, resource))
                return self._denied()
            self.used.add(action)
            if action == "s3:PutObject" and request.operation != "UploadPart" and len(context) < 2:
                self.plain_puts.append(resource)
        response = super().forward(request)
        if response.status == 404 and request.operation in ("GetObject", "HeadObject"):
            # Who may not list a bucket is not told what is not there. A request for one object has no s3:prefix.
            bucket = wanted[0][1].partition("/")[0]
            if not self.may("s3:ListBucket", bucket, {}):
                return self._denied()
        return response

    def _denied(self):
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>GUARD</RequestId></Error>"
        return Response(403, [("Content-Type", "application/xml")], body)


def role_of(name, **values):
    stack = cfn.Stack(name, {**VALUES, **values}, PSEUDO)
    return [statement for _, statement in checks.statements(stack, "InstanceRole")]


def bucket_policy():
    stack = cfn.Stack("storage-and-network", pseudo=PSEUDO)
    statements = stack.resources["DataBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    text = {"<DataBucket.Arn>": f"arn:aws:s3:::{BUCKET}", "<Key.Arn>": cfn.NEEDED["KeyArn"]}

    def named(node):
        if isinstance(node, dict):
            return {key: named(value) for key, value in node.items()}
        if isinstance(node, list):
            return [named(item) for item in node]
        for token, value in text.items():
            node = node.replace(token, value) if isinstance(node, str) else node
        return node

    return named(statements)


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server(bucket=BUCKET))
        cls.client = S3Client(cls.server.url, BUCKET)
        logs = [harness.LOG_HEADER, *harness.log_rows(300)]
        cls.client.put("2024/input/shipping_logs/logs.csv", "".join(line + "\n" for line in logs).encode())
        products = f"{harness.PRODUCT_HEADER}\nBell,Base,10.1,4.2,p0\nBell,Gamer,17.3,8.0,p1\n"
        cls.client.put("2024/input/product_descriptions/products.csv", products.encode())
        cls.commands = [
            [str(BINARY), *step["HadoopJarStep"]["Args"][1:]]
            for step in checks.cluster_of(cfn.Stack("emr-cluster", VALUES, PSEUDO))[1]
        ]

    def setUp(self):
        self.client.remove(self.client.list("2024/shop/"))

    def run_all(self, commands, role, code=0, policy=None):
        with tempfile.TemporaryDirectory() as scratch, Guard(self.server.url, role, policy or bucket_policy()) as guard:
            for command in commands:
                environment = {**self.server.environment(guard.endpoint), "TMPDIR": scratch, "AWS_MAX_ATTEMPTS": "2"}
                # The region comes from the arguments, as on a node.
                environment.pop("AWS_REGION")
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
                self.assertEqual(done.returncode, code, f"{command}: {done.stderr}")
                self.assertNotIn(SECRET_KEY, done.stderr + done.stdout)
            self.assertEqual(guard.problems, [])
        return guard, done.stderr

    def leave_what_a_dead_run_leaves(self, output):
        """An upload in parts that is open, and the note that names it."""
        part = "training/part-00000-01234567-0123-8123-8123-0123456789ab-c000.snappy.parquet"
        note = {"firesteel": 1, "run": "0123456789abcdef", "files": [{"path": part}]}
        self.client.put(f"{output}/_firesteel/0123456789abcdef/writes.json", json.dumps(note).encode())
        self.client.request("POST", f"{output}/{part}", query={"uploads": ""})
        self.assertEqual(self.client.uploads(output), [f"{output}/{part}"])

    def check_denied(self, guard):
        """What was refused is only the look for a list in folders above, which the steps do without."""
        for operation, resource in guard.denied:
            self.assertEqual(operation, "GetObject", resource)
            self.assertTrue(resource.endswith("/manifest.json"), resource)
            self.assertFalse(resource.startswith(f"arn:aws:s3:::{BUCKET}/2024/input/"), resource)
            self.assertFalse(resource.startswith(f"arn:aws:s3:::{BUCKET}/2024/shop/output/"), resource)

    def test_the_steps_need_no_more_than_the_role_has(self):
        role = role_of("emr-cluster")
        used = set()
        for time in ("first", "again", "after a run that died"):
            if time == "after a run that died":
                self.leave_what_a_dead_run_leaves("2024/shop/output/data_preprocessing")
            guard, _ = self.run_all(self.commands, role)
            self.check_denied(guard)
            self.assertEqual(guard.plain_puts, [], "written without naming the key")
            used |= guard.used
        self.assertEqual(self.client.uploads("2024/shop/"), [])
        allowed = {action for one in role if one["Effect"] == "Allow" for action in checks.as_list(one["Action"])}
        unused = {action for action in allowed if action.startswith("s3:")} - used
        self.assertEqual(unused, set(NOT_SEEN))
        keys = self.client.list("2024/shop/output/")
        for path in ("model_training/validation/metrics.json", "model_training/_SUCCESS", "data_preprocessing/status.json"):
            self.assertIn(f"2024/shop/output/{path}", keys)

    def test_run_on_one_instance_needs_no_more(self):
        script = cfn.Stack("single-instance", VALUES, PSEUDO).only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
        flags = re.search(r"firesteel run \\\n(.*?) &\n", script, re.DOTALL)[1].replace("\\\n", " ")
        flags = flags.replace('"$(cat model-params)"', f"'{VALUES['ModelParams']}'")
        command = [str(BINARY), "run", *re.findall(r"--[a-z0-9-]+|(?<=')[^' ][^']*(?=')", flags)]
        self.assertEqual(len(command), 2 + 2 * 7, command)
        for _ in range(2):
            guard, _ = self.run_all([command], role_of("single-instance"))
            self.check_denied(guard)
            self.assertEqual(guard.plain_puts, [])

    def test_a_right_that_is_missing_is_noticed_and_named(self):
        self.run_all(self.commands, role_of("emr-cluster"))

        def without(action):
            role = role_of("emr-cluster")
            for one in role:
                if one["Effect"] == "Allow":
                    one["Action"] = [found for found in checks.as_list(one["Action"]) if found != action]
            return role

        # As in the sample that this replaces, whose second run failed.
        _, said = self.run_all(self.commands[:1], without("s3:DeleteObject"), code=1)
        self.assertIn("s3:DeleteObject", said)
        _, said = self.run_all(self.commands[:1], without("s3:PutObject"), code=1)
        self.assertIn("s3:PutObject", said)
        _, said = self.run_all(self.commands[:1], without("s3:ListBucket"), code=1)
        self.assertIn("s3:ListBucket", said)

    def test_the_bucket_takes_no_other_key(self):
        key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"
        other = [key if part == cfn.NEEDED["KeyArn"] else part for part in self.commands[0]]
        _, said = self.run_all([other], role_of("emr-cluster"), code=1)
        self.assertIn("s3:PutObject", said)
        # Without one, the bucket's own encryption sees to it.
        position = self.commands[0].index("--s3-kms-key-id")
        plain = self.commands[0][:position] + self.commands[0][position + 2 :]
        self.run_all([plain], role_of("emr-cluster"))

    def test_nothing_is_written_outside(self):
        """The role of one run can't reach the output of another, the input, or the package."""
        guard = Guard(self.server.url, role_of("emr-cluster"), [])
        for action, path, expected in (
            ("s3:PutObject", "2024/shop/output/x", True),
            ("s3:PutObject", "2024/shop/output-of-another/x", False),
            ("s3:PutObject", "2024/input/x", False),
            ("s3:DeleteObject", "2024/input/x", False),
            ("s3:GetObject", "2024/input/x", True),
            ("s3:GetObject", "2024/inputs-of-others/x", False),
        ):
            self.assertEqual(guard.may(action, f"arn:aws:s3:::{BUCKET}/{path}", {}), expected, f"{action} {path}")
        for prefix, expected in (("2024/input/", True), ("2024/input/a/b", True), ("2024/", False), ("", False), ("2024/inputs/", False)):
            self.assertEqual(guard.may("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", {"s3:prefix": prefix}), expected, prefix)
        self.assertFalse(guard.may("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", {}))
        package = "arn:aws:s3:::shop-artifacts/firesteel/"
        self.assertTrue(guard.may("s3:GetObject", package + "bootstrap.sh", {}))
        self.assertFalse(guard.may("s3:PutObject", package + "bootstrap.sh", {}))
        # Even if the package lies within what may be written.
        nested = role_of("emr-cluster", ArtifactPrefix=f"s3://{BUCKET}/2024/shop/output/package")
        guard = Guard(self.server.url, nested, [])
        self.assertFalse(guard.may("s3:PutObject", f"arn:aws:s3:::{BUCKET}/2024/shop/output/package/x", {}))


if __name__ == "__main__":
    unittest.main()
