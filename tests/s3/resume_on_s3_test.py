"""On S3 as locally: a terminated training goes on to the same model, unchanged steps are kept, status.json tells how it ended.

usage: resume_on_s3_test.py BINARY
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "end_to_end"))

import harness
from s3_client import S3Client
from s3_server import S3Server

PARTS = ["data_preprocessing", "feature_engineering/training", "feature_engineering/validation", "model_training"]
LONG = ("--model-type", "factorization_machine", "--model-params",
        "{'maxIter': 20000, 'tol': 0.0, 'stepSize': 0.01, 'miniBatchFraction': 0.5}")


class ResumeOnS3Test(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="firesteel-s3-resume-")))
        self.server = self.enterContext(S3Server())
        self.client = S3Client(self.server.url, self.server.bucket)
        self.environment = {**os.environ, **self.server.environment()}
        subprocess.run([harness.BINARY, "sample-data", "--output", "data", "--rows", "3000", "-q"], cwd=self.folder, check=True)

    def start(self, output, *flags):
        return subprocess.Popen(
            [harness.BINARY, "run", "--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv",
             "--output", f"s3://{self.server.bucket}/{output}", "--verbose", *flags],
            cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)

    def succeed(self, output, *flags):
        """Returns the parts that were kept, and the log."""
        process = self.start(output, *flags)
        _, log = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, log)
        return re.findall(r" info (\S+): unchanged since the last run, kept", log), log

    def read(self, key):
        return self.client.request("GET", key)[1]

    def metrics(self, output):
        """Of the model, by the list of the output."""
        files = {file["path"]: file.get("key", file["path"]) for file in json.loads(self.read(f"{output}/manifest.json"))["files"]}
        return [self.read(f"{output}/{files[f'model_training/{part}/metrics.json']}") for part in ("training", "validation")]

    def test_a_terminated_training_goes_on(self):
        self.succeed("whole", *LONG)
        process = self.start("out", *LONG)
        for line in process.stderr:
            if line.rstrip().endswith(" debug training"):
                break
        time.sleep(0.4)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143, log)
        saved = re.search(r"stopped; the training is saved after (\d+) of 20000 iterations: run the same command again", log)
        self.assertTrue(saved, log)
        self.assertEqual(json.loads(self.read("out/status.json"))["state"], "stopped")
        _, log = self.succeed("out", *LONG)
        self.assertIn(f"going on after {saved[1]} of 20000 iterations", log)
        self.assertEqual(self.metrics("out"), self.metrics("whole"))
        self.assertEqual(json.loads(self.read("out/status.json"))["state"], "done")
        self.assertEqual([key for key in self.client.list("out/") if key.endswith("progress")], [])

    def test_unchanged_steps_are_kept(self):
        few, more = (("--model-params", f"{{'maxIter': {trees}}}") for trees in (3, 5))
        self.assertEqual(self.succeed("out", *few)[0], [])
        before = {key: self.read(key) for key in self.client.list("out/") if not key.endswith("status.json")}
        kept, log = self.succeed("out", *few)
        self.assertEqual(kept, PARTS)
        self.assertIn("nothing was written", log)
        self.assertEqual({key: self.read(key) for key in self.client.list("out/") if not key.endswith("status.json")}, before)
        self.assertEqual(self.succeed("out", *more)[0], PARTS[:3])
        self.assertEqual(self.succeed("fresh", *more)[0], [])
        self.assertEqual(self.metrics("out"), self.metrics("fresh"))
        # What was kept is kept again.
        self.assertEqual(self.succeed("out", *few)[0], PARTS[:3])


harness.main()
