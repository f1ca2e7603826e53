"""The four steps, `run`, predict and evaluate with everything on S3 and the work done by a cluster that reads and writes S3 itself: the same
rows, features, model and predictions as DuckDB's, in outputs that are as whole as any; and no data file passes through firesteel.

usage: s3_workflow_test.py FIRESTEEL
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("s3", "end_to_end")]

from fault_proxy import FaultProxy
from harness import BINARY, LOG_HEADER, PRODUCT_HEADER, log_rows
from outputs import follow_list, missing_marks, plain_copies_missing, plain_view_problems, strays
from s3_client import S3Client
from s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server
from server import ConnectServer, cache
from workflow_test import close, compare_frames, compare_training

TREES = ("--model-params", "{'maxIter': 4}")
ROWS = 300
PREFIX = "it's a prefix/"  # Keys with what needs escapes somewhere.
FRAMES = ("rows/training", "rows/validation", "training/dataframe", "validation/dataframe", "run/data_preprocessing/training",
          "run/data_preprocessing/validation", "run/feature_engineering/training/dataframe",
          "run/feature_engineering/validation/dataframe")  # fmt: skip
OUTPUTS = ("rows", "training", "validation", "model", "run", "predicted", "predicted_logs", "judged")


def s3a_settings(server):
    """What Spark needs to reach the server: its own settings, which no session can make."""
    jars = sorted((cache() / "deps/spark-s3a").glob("*.jar"))
    if not jars:
        raise RuntimeError("there is no hadoop-aws: run tools/setup test")
    named = {"endpoint": server.url, "endpoint.region": REGION, "path.style.access": "true", "access.key": ACCESS_KEY,
             "secret.key": SECRET_KEY, "connection.ssl.enabled": "false"}  # fmt: skip
    return {"spark.jars": ",".join(map(str, jars)), **{f"spark.hadoop.fs.s3a.{name}": value for name, value in named.items()}}


class S3WorkflowTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="s3_workflow_test_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "tmp").mkdir()
        cls.s3 = cls.enterClassContext(S3Server())
        cls.client = S3Client(cls.s3.url, cls.s3.bucket)
        lines = [f"{line}\n" for line in (LOG_HEADER, *log_rows(ROWS))]
        for n in range(3):
            cls.client.put(f"{PREFIX}in/logs/part-{n}.csv", "".join([lines[0], *lines[1 + n * 100 : 101 + n * 100]]).encode())
        cls.client.put(f"{PREFIX}in/products.csv", f"{PRODUCT_HEADER}\nBell,Base,10.1,4.2,p0\nBell,Gamer,17.3,8.0,p1\n".encode())
        cls.server = cls.enterClassContext(ConnectServer(cluster=True, settings=s3a_settings(cls.s3)))
        cls.passed = {}  # By engine: what went through firesteel.
        for engine in ("duckdb", "spark"):
            cls.make(engine)

    @classmethod
    def url(cls, name):
        return f"s3://{cls.s3.bucket}/{PREFIX}{name}"

    @classmethod
    def environment(cls, endpoint=None):
        return {**cls.s3.environment(endpoint), "SPARK_REMOTE": cls.server.url, "TMPDIR": str(cls.folder / "tmp")}

    @classmethod
    def run_binary(cls, engine, *arguments, code=0):
        with FaultProxy(cls.s3.url) as proxy:
            done = subprocess.run([str(BINARY), *map(str, arguments), "--engine", engine], env=cls.environment(proxy.endpoint),
                                  capture_output=True, text=True, timeout=600, cwd=cls.folder)  # fmt: skip
        if done.returncode != code or proxy.problems:
            raise AssertionError(f"{arguments} on {engine} ended with {done.returncode}: {done.stderr} {proxy.problems}")
        if SECRET_KEY in done.stderr + done.stdout or cls.server.token in done.stderr + done.stdout:
            raise AssertionError("a secret was printed")
        cls.passed.setdefault(engine, []).extend(proxy.trace)
        return done

    @classmethod
    def make(cls, engine):
        def step(name, *arguments):
            cls.run_binary(engine, name, *arguments)

        def out(name):
            return cls.url(f"{engine}/{name}")

        sources = ("--shipping-logs", cls.url("in/logs"), "--product-description", cls.url("in/products.csv"))
        step("data-preprocessing", *sources, "--output", out("rows"))
        step("feature-engineering", "--dataframe", out("rows/training"), "--output", out("training"))
        step("feature-engineering", "--dataframe", out("rows/validation"), "--pipeline-model", out("training/pipeline_model"),
             "--output", out("validation"))  # fmt: skip
        step("model-training", "--training-dataset", out("training/dataframe"), "--validation-dataset", out("validation/dataframe"),
             *TREES, "--output", out("model"))  # fmt: skip
        step("run", *sources, *TREES, "--output", out("run"))
        step("predict", "--model", out("model"), "--input", out("validation/dataframe"), "--output", out("predicted"))
        step("predict", "--model", out("run"), "--pipeline-model", out("run/feature_engineering/training/pipeline_model"), *sources,
             "--format", "parquet", "--output", out("predicted_logs"))  # fmt: skip
        step("evaluate", "--model", out("model"), "--input", out("training/dataframe"), "--output", out("judged"))
        for name, content in cls.client.get_all(f"{PREFIX}{engine}/").items():
            if not name.endswith("/"):
                file = cls.folder / engine / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)

    def files(self, name):
        return self.client.get_all(f"{PREFIX}{name}/")

    def assert_whole(self, name):
        files = self.files(name)
        self.assertEqual(strays(files), [], name)
        found = follow_list(files, needs_checksums=True)
        self.assertEqual(missing_marks(files), [], name)
        self.assertEqual(plain_copies_missing(files), [], name)
        self.assertEqual(plain_view_problems(files), [], name)
        self.assertEqual(self.client.uploads(f"{PREFIX}{name}"), [])
        return found

    def test_outputs_are_whole_and_nothing_of_sparks_own_stays(self):
        for name in OUTPUTS:
            with self.subTest(name):
                self.assert_whole(f"spark/{name}")

    def test_frames_are_duckdbs(self):
        for name in FRAMES:
            with self.subTest(name):
                compare_frames(self.folder / "duckdb" / name, self.folder / "spark" / name)

    def test_models_and_predictions_are_duckdbs(self):
        for name in ("model", "run/model_training"):
            with self.subTest(name):
                compare_training(self.folder / "duckdb" / name, self.folder / "spark" / name, 0.0)
        sides = [self.folder / engine for engine in ("duckdb", "spark")]
        texts = [[file.read_text() for file in sorted((side / "predicted/predictions.csv").glob("part-*"))] for side in sides]
        self.assertEqual(*texts)
        compare_frames(*(side / "predicted_logs/predictions.parquet" for side in sides))
        judged = [json.loads((side / "judged/evaluation.json").read_text()) for side in sides]
        self.assertTrue(close(*judged, 0.0), judged)

    def data_transfers(self, engine):
        """Requests of firesteel itself by which data files came here, or went from here."""
        found = []
        for record in self.passed[engine]:
            key = urllib.parse.unquote(record["target"].partition("?")[0]).partition(PREFIX)[2]
            # Models are small, and handed to Spark below engine/.
            is_model = re.search(r"(_model|/model|/engine/(scoring|stages)-[^/]*)/", key)
            is_data = key.endswith(".csv") or "/part-" in key and not is_model
            if is_data and record["operation"] in ("GetObject", "PutObject", "UploadPart"):
                found.append((record["operation"], key))
        return found

    def test_no_data_file_passes_through_firesteel(self):
        there = self.data_transfers("duckdb")
        self.assertIn(("GetObject", "in/products.csv"), there)
        self.assertTrue(any(operation == "PutObject" for operation, _ in there))
        # The footers of Parquet files are read here.
        here = [(operation, key) for operation, key in self.data_transfers("spark") if not key.endswith(".parquet") or operation != "GetObject"]
        self.assertEqual(here, [])

    def test_the_line_of_a_bad_value_is_named(self):
        lines = [LOG_HEADER, *log_rows(20, {5: {"OrderDate": "someday"}})]
        self.client.put(f"{PREFIX}in/bad.csv", "".join(f"{line}\n" for line in lines).encode())
        texts = [self.run_binary(engine, "data-preprocessing", "--shipping-logs", self.url("in/bad.csv"), "--product-description",
                                 self.url("in/products.csv"), "--output", self.url("none"), code=1).stderr
                 for engine in ("duckdb", "spark")]  # fmt: skip
        self.assertIn("bad.csv", texts[0])
        self.assertEqual(texts[1].split("error")[-1], texts[0].split("error")[-1])
        # Of an output that was never begun nothing stays but its status.
        self.assertEqual(set(self.files("none")), {"status.json"})

    def test_an_overwrite_replaces_and_keeps_what_is_unchanged(self):
        sources = ("--shipping-logs", self.url("in/logs/part-*.csv"), "--product-description", self.url("in/products.csv"))
        first = self.run_binary("spark", "run", *sources, *TREES, "--output", self.url("again"))
        before = {key: content for key, content in self.files("again").items() if "/part-" in key}
        same = self.run_binary("spark", "run", *sources, *TREES, "--output", self.url("again"))
        self.assertIn("unchanged", same.stderr, first.stderr)
        self.run_binary("spark", "run", *sources, "--model-params", "{'maxIter': 2}", "--output", self.url("again"))
        after = {key: content for key, content in self.assert_whole("again").items() if "/part-" in key}
        kept = [key for key in before if key.startswith(("data_preprocessing/", "feature_engineering/"))]
        self.assertTrue(kept)
        self.assertEqual({key: before[key] for key in kept}, {key: after[key] for key in kept})
        self.assertNotEqual(set(before), set(after))

    def test_a_killed_run_leaves_the_old_output_and_the_next_one_cleans_up(self):
        sources = ("--shipping-logs", self.url("in/logs"), "--product-description", self.url("in/products.csv"))
        arguments = ("data-preprocessing", *sources, "--output", self.url("killed"))
        self.run_binary("spark", *arguments)
        old = {path: content for path, content in self.assert_whole("killed").items() if path != "status.json"}
        process = subprocess.Popen([str(BINARY), *arguments, "--engine", "spark"], env=self.environment(), stderr=subprocess.DEVNULL)
        try:
            while not any("/engine/" in key for key in self.client.list(f"{PREFIX}killed/")):
                self.assertIsNone(process.poll(), "it was over before it wrote anything")
        finally:
            process.kill()
            process.wait()
        files = self.files("killed")
        self.assertNotEqual(strays(files), [])
        self.assertEqual({path: content for path, content in follow_list(files, needs_checksums=True).items() if path != "status.json"}, old)
        self.run_binary("spark", *arguments)
        self.assert_whole("killed")

    def test_a_local_output_that_the_cluster_does_not_see_is_refused_before_the_work(self):
        hidden = self.folder / "hidden"
        hidden.mkdir()
        # In a file system of its own, which no other process has.
        inside = f"mount -t tmpfs none '{hidden}' && exec \"$@\""
        if subprocess.run(["unshare", "-rm", "sh", "-c", inside, "sh", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no file system can be mounted here")
        sources = ("--shipping-logs", self.url("in/logs"), "--product-description", self.url("in/products.csv"))
        done = subprocess.run(["unshare", "-rm", "sh", "-c", inside, "sh", str(BINARY), "data-preprocessing", *sources, "--output",
                               str(hidden / "out"), "--engine", "spark"], env=self.environment(), capture_output=True, text=True, timeout=300)  # fmt: skip
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Spark does not see this machine's files in", done.stderr)
        self.assertIn("s3://", done.stderr)
        # One that it sees is none of its business.
        self.run_binary("spark", "data-preprocessing", *sources, "--output", self.folder / "seen")


if __name__ == "__main__":
    done = unittest.main(argv=sys.argv[:1], exit=False, verbosity=0, warnings="ignore").result
    failed = len({test.id().partition(" ")[0] for test, _ in done.failures + done.errors})
    print(f"s3_workflow: {max(done.testsRun - failed, 0)} passed, {failed} failed")
    sys.exit(0 if done.wasSuccessful() and done.testsRun else 1)
