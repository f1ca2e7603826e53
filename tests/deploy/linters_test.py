"""cfn-lint and checkov over the templates: nothing is found but what a template says why it stays.

usage: linters_test.py
"""

import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

# checkov would look for a newer version of itself and for guidelines.
os.environ.update(LOG_LEVEL="CRITICAL", CKV_IGNORE_HIDDEN_DIRECTORIES="true", CHECKOV_RUN_SCA_PACKAGE_SCAN_V2="false")

from checkov.cloudformation.runner import Runner  # noqa: E402
from checkov.runner_filter import RunnerFilter  # noqa: E402

import cfn  # noqa: E402

# The oldest, one of Europe, and one where EMR's buckets have other names.
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2"]
# What checkov finds and stays: the reason stands in the template's Metadata, beside the resource.
ACCEPTED = {
    "storage-and-network": {
        ("CKV_AWS_33", "AWS::KMS::Key.Key"),
        ("CKV_AWS_18", "AWS::S3::Bucket.DataBucket"),
        ("CKV_AWS_18", "AWS::S3::Bucket.ArtifactBucket"),
        ("CKV_AWS_18", "AWS::S3::Bucket.LogBucket"),
    }
}


def cfn_lint(*paths):
    """What cfn-lint finds, informational rules included: (file, rule, message)."""
    program = pathlib.Path(sys.executable).with_name("cfn-lint")
    found = subprocess.run(
        [program, "--format", "json", "--include-checks", "I", "--regions", *REGIONS, "--", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode not in (0, 2, 4, 6, 8, 10, 12, 14):
        raise AssertionError(found.stderr)
    return [(pathlib.Path(one["Filename"]).name, one["Rule"]["Id"], one["Message"]) for one in json.loads(found.stdout)]


def checkov(path):
    report = Runner().run(root_folder=None, files=[str(path)], runner_filter=RunnerFilter())
    if report.parsing_errors:
        raise AssertionError(f"checkov can't read {report.parsing_errors}")
    return report


class Linters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        logging.disable(logging.CRITICAL)

    @classmethod
    def tearDownClass(cls):
        logging.disable(logging.NOTSET)

    def test_cfn_lint(self):
        self.assertEqual(cfn_lint(*(cfn.FOLDER / f"{name}.yaml" for name in cfn.NAMES)), [])

    def test_checkov(self):
        for name in cfn.NAMES:
            with self.subTest(name):
                report = checkov(cfn.FOLDER / f"{name}.yaml")
                self.assertEqual([(check.check_id, check.resource) for check in report.failed_checks], [])
                self.assertGreater(len(report.passed_checks), 10)
                skipped = {(check.check_id, check.resource) for check in report.skipped_checks}
                self.assertEqual(skipped, ACCEPTED.get(name, set()))
                for check in report.skipped_checks:
                    self.assertGreater(len(check.check_result["suppress_comment"]), 40)

    def broken(self, name, edit):
        template = cfn.load(name)
        edit(template)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "template.json"
        path.write_text(json.dumps(template))
        return path

    def test_faults_are_noticed(self):
        path = self.broken("emr-cluster", lambda t: t["Resources"]["Cluster"]["Properties"].update(Stepps=[]))
        self.assertIn("E3002", [rule for _, rule, _ in cfn_lint(path)])

        def widen(template):
            policies = template["Resources"]["InstanceRole"]["Properties"]["Policies"]
            policies[0]["PolicyDocument"]["Statement"][0].update(Action="*", Resource="*")

        ids = {check.check_id for check in checkov(self.broken("emr-cluster", widen)).failed_checks}
        self.assertIn("CKV_AWS_107", ids)

        def open_bucket(template):
            template["Resources"]["DataBucket"]["Properties"].pop("PublicAccessBlockConfiguration")

        ids = {check.check_id for check in checkov(self.broken("storage-and-network", open_bucket)).failed_checks}
        self.assertLessEqual({"CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"}, ids)


if __name__ == "__main__":
    unittest.main()
