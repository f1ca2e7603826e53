"""Every command with its inputs and outputs on S3: single objects, prefixes and patterns; s3://, s3a:// and s3n://, and file:// beside
them. Results equal those of local paths, and what others see under the plain names is whole. Prints the requests of each step.

usage: steps_on_s3_test.py BINARY
"""

import io
import pathlib
import sys
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "end_to_end"))

import pyarrow
import pyarrow.parquet as parquet

import attack
import harness
from attack import Attack, LocalPlace, S3Place
from fault_proxy import FaultProxy
from outputs import content_of, follow_list, missing_marks, plain_copies_missing, plain_view_problems, strays
from s3_client import S3Client
from s3_server import S3Server

ROWS = 300
TREES = ("--model-params", "{'maxIter': 5}")
# Requests of a step at most, small data: what is listed in docs, with room for a file or two more.
MAX_REQUESTS = 400


class StepsOnS3Test(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(attack.temporary_folder("firesteel-s3-steps-")))
        cls.server = cls.enterClassContext(S3Server())
        cls.client = S3Client(cls.server.url, cls.server.bucket)
        cls.local = LocalPlace(cls.folder / "local")
        cls.s3 = S3Place(cls.client, "it's a prefix/")  # Keys with what needs escapes somewhere.
        cls.requests = {}
        lines = [harness.LOG_HEADER, *harness.log_rows(ROWS)]
        products = f"{harness.PRODUCT_HEADER}\nBell,Base,10.1,4.2,p0\nBell,Gamer,17.3,8.0,p1\n"
        for place in (cls.local, cls.s3):
            place.put("in/logs.csv", "".join(line + "\n" for line in lines).encode())
            place.put("in/products.csv", products.encode())
            for n in range(3):
                part = [lines[0], *lines[1 + n * 100 : 101 + n * 100]]
                place.put(f"in/logs by part/part-{n}.csv", "".join(line + "\n" for line in part).encode())
            place.put("in/logs by part/_SUCCESS", b"")
            place.put("in/logs by part/.hidden", b"no csv at all")
        cls.attack = Attack(cls.local, {}, cls.server.url)
        cls.addClassCleanup(cls.attack.close)
        # What the local runs write, once; the tests compare with it.
        cls.make(cls.local.url, "local")
        cls.make(cls.s3.url, "s3")

    @classmethod
    def run_binary(cls, *arguments, code=0, step=None):
        with FaultProxy(cls.server.url) as proxy:
            done = cls.attack.run(arguments, proxy.endpoint)
        attack.check(done.code == code, f"{arguments}: exit code {done.code}: {done.stderr}")
        attack.check(not proxy.problems, f"the proxy failed: {proxy.problems}")
        if step:
            cls.requests[step] = (dict(proxy.counts), sum(proxy.bytes_sent.values()), sum(proxy.bytes_received.values()))
        return done

    @classmethod
    def make(cls, url, where):
        """The four steps, `run` and what uses its model, all in one place."""

        def step(name, *arguments):
            cls.run_binary(name, *arguments, step=f"{name}: {arguments[-1].rpartition('/')[2]}" if where == "s3" else None)

        sources = ("--shipping-logs", url("in/logs.csv"), "--product-description", url("in/products.csv"))
        step("data-preprocessing", *sources, "--output", url("rows"))
        step("feature-engineering", "--dataframe", url("rows/training"), "--output", url("training"))
        step("feature-engineering", "--dataframe", url("rows/validation"), "--pipeline-model", url("training/pipeline_model"),
             "--output", url("validation"))  # fmt: skip
        step("model-training", "--training-dataset", url("training/dataframe"), "--validation-dataset", url("validation/dataframe"),
             *TREES, "--output", url("model"))  # fmt: skip
        step("run", *sources, *TREES, "--output", url("run"))
        step("predict", "--model", url("model"), "--input", url("validation/dataframe"), "--output", url("predicted"))
        step("predict", "--model", url("run"), "--pipeline-model", url("run/feature_engineering/training/pipeline_model"), *sources,
             "--format", "parquet", "--output", url("predicted_logs"))  # fmt: skip
        step("evaluate", "--model", url("run/model_training/model"), "--input", url("training/dataframe"), "--output", url("judged"))

    def assert_whole(self, place, name):
        """The output's content, after a look at everything that may be wrong with it."""
        files = place.files(name)
        found = follow_list(files, needs_checksums=place.is_s3)
        self.assertEqual(strays(files), [], name)
        self.assertEqual(missing_marks(files), [], name)
        self.assertEqual(plain_copies_missing(files), [], name)
        self.assertEqual(plain_view_problems(files), [], name)
        for path, content in files.items():
            self.assertEqual(attack.leaked(content), [], path)
        self.assertEqual(place.leftovers(name), [])
        return content_of(found)

    def assert_same(self, name, other=None, place=None):
        """An output equals a local one, in everything but names and times."""
        got, wanted = self.assert_whole(place or self.s3, name), self.assert_whole(self.local, other or name)
        self.assertEqual(sorted(got), sorted(wanted), name)
        for path, content in wanted.items():
            self.assertEqual(got[path], content, f"{name}: {path}")

    def tearDown(self):
        self.assertEqual(list((self.attack.temporary / "tmp").iterdir()), [], "files are left in the temporary folder")
        self.assertEqual(list((self.attack.temporary / "cwd").iterdir()), [], "files are left in the working directory")

    def test_outputs_equal_the_local_ones(self):
        for name in ("rows", "training", "validation", "model", "run", "predicted", "predicted_logs", "judged"):
            with self.subTest(name):
                self.assert_same(name)

    def test_metrics_are_the_same_bytes_under_their_plain_names(self):
        for name in ("model/training/metrics.json", "run/model_training/validation/metrics.json"):
            self.assertEqual(self.client.get(self.s3.prefix + name), (self.local.root / name).read_bytes(), name)

    def test_plain_listers_read_the_parquet_parts(self):
        for name in ("rows/training", "training/dataframe", "run/feature_engineering/validation/dataframe"):
            plain = self.client.get_all(f"{self.s3.prefix}{name}/")
            self.assertIn("_SUCCESS", plain)
            tables = [parquet.read_table(io.BytesIO(content)) for path, content in plain.items() if path[0] not in "_."]
            there = pyarrow.concat_tables(tables)
            wanted = parquet.read_table(self.local.root / name)
            self.assertEqual(sorted(map(repr, there.to_pylist())), sorted(map(repr, wanted.to_pylist())))
            self.assertEqual(there.schema, wanted.schema)

    def sources(self, logs, place=None):
        url = (place or self.s3).url
        return ("data-preprocessing", "--shipping-logs", logs, "--product-description", url("in/products.csv"))

    def test_prefixes_and_patterns(self):
        for n, name in enumerate(("in/logs by part", "in/logs by part/", "in/logs by part/part-*.csv", "in/logs by part/part-[0-2].csv",
                                  "in/logs*/part-?.csv")):  # fmt: skip
            with self.subTest(name):
                self.run_binary(*self.sources(self.s3.url(name)), "--output", self.s3.url(f"many-{n}"))
                self.assert_same(f"many-{n}", "rows" if n == 0 else "rows")

    def test_other_schemes_mean_the_same(self):
        for scheme in ("s3a", "s3n"):
            logs, output = (self.s3.url(name).replace("s3://", f"{scheme}://") for name in ("in/logs.csv", f"rows-{scheme}"))
            self.run_binary(*self.sources(logs), "--output", output)
            self.assert_same(f"rows-{scheme}", "rows")
        self.run_binary(*self.sources(f"file://{self.local.url('in/logs.csv')}"), "--output", f"file://{self.local.url('rows-file')}")
        self.assert_same("rows-file", "rows", self.local)

    def test_local_and_s3_mix(self):
        self.run_binary(*self.sources(self.local.url("in/logs.csv")), "--output", self.s3.url("mixed"))
        self.assert_same("mixed", "rows")
        self.run_binary("predict", "--model", self.s3.url("model"), "--input", self.local.url("validation/dataframe"), "--output",
                        self.local.url("predicted-mixed"))  # fmt: skip
        self.assert_same("predicted-mixed", "predicted", self.local)

    def test_large_parquet_is_read_in_place(self):
        with unittest.mock.patch.dict("os.environ", FIRESTEEL_S3_COPY_LIMIT_MIB="0"):
            frames = ("--training-dataset", self.s3.url("training/dataframe"), "--validation-dataset", self.s3.url("validation/dataframe"))
            self.run_binary("model-training", *frames, *TREES, "--output", self.s3.url("model-in-place"), step="model-training, in place")
            self.run_binary("predict", "--model", self.s3.url("model"), "--input", self.s3.url("validation/dataframe"), "--output",
                            self.s3.url("predicted-in-place"))  # fmt: skip
        got, wanted = self.assert_whole(self.s3, "model-in-place"), self.assert_whole(self.local, "model")
        self.assertEqual(sorted(got), sorted(wanted))
        # A model's own description tells which inputs it learnt from.
        self.assertEqual([path for path in wanted if got[path] != wanted[path]], [])
        self.assert_same("predicted-in-place", "predicted")
        counts = self.requests["model-training, in place"][0]
        self.assertGreater(counts.get("GetObject", 0), 0, counts)

    def test_describe(self):
        wanted = self.run_binary("describe", self.local.url("model")).stdout
        self.assertIn("gbt predicting", wanted)
        for name in ("model", "model/model", "run", "run/model_training"):
            self.assertEqual(self.run_binary("describe", self.s3.url(name)).stdout.splitlines()[:8], wanted.splitlines()[:8], name)

    def test_export(self):
        for form in ("sql", "json", "onnx"):
            output = f"exported.{form}"
            self.run_binary("export", self.s3.url("model"), "--format", form, "--output", self.s3.url(output))
            self.run_binary("export", self.s3.url("model"), "--format", form, "--output", self.local.url(output))
            self.assertEqual(self.client.get(self.s3.prefix + output), (self.local.root / output).read_bytes())
        shown = self.run_binary("export", self.s3.url("model"), "--format", "json", "--output", "-").stdout
        self.assertEqual(shown.encode(), self.client.get(self.s3.prefix + "exported.json"))
        refused = self.run_binary("export", self.s3.url("model"), "--format", "json", "--output", self.s3.url("exported.json"),
                                  "--overwrite-output", "false", code=1)  # fmt: skip
        self.assertIn("exists already", refused.error())

    def test_init_and_workflow(self):
        place = self.s3.url("own.yaml")
        self.run_binary("init", place)
        self.run_binary("init", self.local.url("own.yaml"))
        self.assertEqual(self.client.get(self.s3.prefix + "own.yaml"), (self.local.root / "own.yaml").read_bytes())
        self.assertIn("exists already", self.run_binary("init", place, code=1).error())
        self.run_binary(*self.sources(self.s3.url("in/logs.csv")), "--workflow", place, "--output", self.s3.url("by-own"))
        self.assert_same("by-own", "rows")

    def test_sample_data(self):
        for place in (self.local, self.s3):
            self.run_binary("sample-data", "--rows", "50", "--output", place.url("sample"))
        self.assertEqual(self.s3.files("sample"), self.local.files("sample"))
        self.assertIn("exists already", self.run_binary("sample-data", "--output", self.s3.url("sample"), code=1).error())

    def test_overwriting_and_refusing_to(self):
        out = self.s3.url("again")
        steps = (*self.sources(self.s3.url("in/logs.csv")), "--output", out)
        self.run_binary(*self.sources(self.s3.url("in/logs by part/part-1.csv")), "--output", out)
        self.run_binary(*steps)
        self.assert_same("again", "rows")
        before = self.s3.files("again")
        self.assertIn("exists already", self.run_binary(*steps, "--overwrite-output", "false", code=1).error())
        self.assertEqual(self.without_status("again"), {k: v for k, v in before.items() if k != "status.json"})

    def without_status(self, name):
        return {path: content for path, content in self.s3.files(name).items() if path != "status.json"}

    def test_objects_of_others_are_never_removed(self):
        self.run_binary(*self.sources(self.s3.url("in/logs.csv")), "--output", self.s3.url("shared"))
        for name in ("shared/notes.txt", "shared/training/their.parquet"):
            self.s3.put(name, b"theirs")
            before = self.without_status("shared")
            done = self.run_binary(*self.sources(self.s3.url("in/logs.csv")), "--output", self.s3.url("shared"), code=1)
            self.assertIn(name.partition("/")[2], done.error())
            self.assertEqual(self.without_status("shared"), before)
            self.s3.remove(name)
        # A prefix is not the beginning of a name: neighbours are no part of an output.
        self.s3.put("shared-with/notes.txt", b"theirs")
        self.run_binary(*self.sources(self.s3.url("in/logs.csv")), "--output", self.s3.url("shared"))
        self.assertEqual(self.s3.files("shared-with"), {"notes.txt": b"theirs"})

    def test_an_output_over_its_input_is_refused(self):
        self.run_binary(*self.sources(self.s3.url("in/logs.csv")), "--output", self.s3.url("over"))
        before = self.without_status("over")
        done = self.run_binary("feature-engineering", "--dataframe", self.s3.url("over/training"), "--output", self.s3.url("over"), code=1)
        self.assertIn("lies in the output", done.error())
        self.assertEqual(self.without_status("over"), before)

    def test_what_is_not_there_is_named(self):
        out = self.s3.url("nothing")
        for logs, said in (
            (self.s3.url("in/no.csv"), "in/no.csv"),
            (self.s3.url("in/no*.csv"), "in/no*.csv"),
            ("s3://no-such-bucket/logs.csv", "no-such-bucket"),
        ):
            self.assertIn(said, self.run_binary(*self.sources(logs), "--output", out, code=1).error())
        done = self.run_binary(*self.sources(self.s3.url("in/logs.csv")), "--output", "s3://no-such-bucket/out", code=1)
        self.assertIn("no-such-bucket", done.error())
        for text in ("s3://", "s3:///key"):
            self.run_binary(*self.sources(text), "--output", out, code=2)
        self.assertEqual(self.without_status("nothing"), {})

    def test_a_timestamp_names_a_folder(self):
        self.run_binary("run", "--shipping-logs", self.s3.url("in/logs.csv"), "--product-description", self.s3.url("in/products.csv"),
                        *TREES, "--output", self.s3.url("dated"), "--add-timestamp-to-output", "true")  # fmt: skip
        names = {path.partition("/")[0] for path in self.s3.files("dated")}
        self.assertEqual(len(names), 1)
        (name,) = names
        self.assertRegex(name, r"^\d{8}-\d{6}$")
        self.assert_same(f"dated/{name}", "run")

    def test_few_requests(self):
        for step, (counts, sent, received) in self.requests.items():
            total = sum(counts.values())
            listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            print(f"{step}: {total} requests ({listed}), {sent} bytes up, {received} bytes down")
            self.assertLess(total, MAX_REQUESTS, step)


if __name__ == "__main__":
    if not attack.BINARY.is_file():
        sys.exit(__doc__)
    done = unittest.main(exit=False, verbosity=0, warnings="ignore").result
    failed = len(done.failures) + len(done.errors)
    print(f"steps_on_s3_test: {max(done.testsRun - failed, 0)} passed, {failed} failed")
    sys.exit(1 if failed or not done.testsRun else 0)
