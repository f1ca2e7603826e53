"""A training that is stopped or killed goes on to the same bytes; `run` keeps what is unchanged; status.json tells what is going on."""

import json
import shutil
import signal
import subprocess
import time

from harness import BINARY, EndToEndTest, main, tree
from last_line import message_of

SOURCES = ("--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv")
PARTS = ("data_preprocessing", "feature_engineering/training", "feature_engineering/validation", "model_training")
# Each takes some seconds on little data.
LONG = (
    ("gbt", "{'maxIter': 6000, 'maxDepth': 8}"),
    ("gbt", "{'maxIter': 2000, 'maxDepth': 8, 'subsamplingRate': 0.7, 'featureSubsetStrategy': 'onethird'}"),
    ("factorization_machine", "{'maxIter': 20000, 'tol': 0.0, 'stepSize': 0.01, 'miniBatchFraction': 0.5}"),
)


def content(folder):
    """What must not depend on how an output came about: all but the manifests, which have times."""
    return {name: digest for name, digest in tree(folder).items() if not name.endswith("manifest.json")}


class ResumeTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.run_binary("sample-data", "--output", "data", "--rows", 3000, "-q")

    def status(self, output="out"):
        return json.loads((self.folder / output / "status.json").read_text())

    def command(self, output, kind, params):
        return ("run", *SOURCES, "--output", output, "--model-type", kind, "--model-params", params)

    def start(self, *arguments, seen):
        """Starts a command; returns when a line of its log ends with `seen`."""
        process = subprocess.Popen([BINARY, *map(str, arguments), "--verbose"], cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if line.rstrip().endswith(seen):
                return process
        process.communicate()
        self.fail(f"the run ended before it was {seen}")

    def end(self, process, number):
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        return err.splitlines()[-1] if err else ""

    def notes(self):
        return [path.name for path in self.folder.glob(".*firesteel*")]

    def test_a_terminated_training_goes_on_to_the_same_bytes(self):
        for kind, params in LONG:
            with self.subTest(kind):
                self.succeed(*self.command("whole", kind, params))
                process = self.start(*self.command("out", kind, params), seen="debug training")
                time.sleep(0.4)
                last = self.end(process, signal.SIGTERM)
                self.assertEqual(process.returncode, 143)
                message = message_of(last, 143)
                self.assertRegex(message, r"^stopped; the training is saved after [1-9]\d* of \d+ iterations: run the same command "
                                          r"again to go on$")
                status = self.status()
                self.assertEqual((status["state"], status["phase"]), ("stopped", "model_training: training"))
                self.assertEqual(status["error"], message)
                self.assertEqual(tree(self.folder / "out"), {})
                self.assertEqual(self.notes(), [".out.firesteel-progress"])

                done = self.succeed(*self.command("out", kind, params))
                saved = int(last.split(" saved after ")[1].split()[0])
                self.assertIn(f"{kind}: going on after {saved} of ", done.stderr)
                self.assertEqual(content(self.folder / "out"), content(self.folder / "whole"))
                self.assertEqual(self.status()["state"], "done")
                self.assertEqual(self.notes(), [])
            shutil.rmtree(self.folder / "out")
            shutil.rmtree(self.folder / "whole")

    def test_the_step_goes_on_too_and_another_training_does_not(self):
        kind, params = LONG[0]
        self.succeed("run", *SOURCES, "--output", "rows", "--model-params", "{'maxIter': 1}")
        frames = [f"rows/feature_engineering/{part}/dataframe" for part in ("training", "validation")]
        step = ("model-training", "--training-dataset", frames[0], "--validation-dataset", frames[1], "--model-type", kind)
        process = self.start(*step, "--output", "out", "--model-params", params, seen="debug training")
        time.sleep(0.4)
        self.assertIn("the training is saved", self.end(process, signal.SIGTERM))
        other = self.succeed(*step, "--output", "other", "--model-params", params.replace("6000", "600"))
        self.assertNotIn("going on", other.stderr)
        # The note of one training is none for another, which replaces it.
        shutil.copy(self.folder / ".out.firesteel-progress", self.folder / "note")
        done = self.succeed(*step, "--output", "out", "--model-params", params.replace("6000", "600"))
        self.assertNotIn("going on", done.stderr)
        self.assertEqual(content(self.folder / "out"), content(self.folder / "other"))
        # A damaged note is as good as none.
        note = (self.folder / "note").read_bytes()
        (self.folder / ".out.firesteel-progress").write_bytes(note[: len(note) // 2])
        done = self.succeed(*step, "--output", "out", "--model-params", params)
        self.assertNotIn("going on", done.stderr)
        self.assertIn("what an earlier run saved of its training is damaged; beginning anew", done.stderr)

    def test_ctrl_c_ends_at_once(self):
        process = self.start(*self.command("out", *LONG[0]), seen="debug training")
        time.sleep(0.2)
        begin = time.monotonic()
        last = self.end(process, signal.SIGINT)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual((process.returncode, message_of(last, 130)), (130, "stopped; nothing was written"))
        self.assertEqual(self.status()["state"], "stopped")
        self.assertEqual(self.notes(), [])

    def test_a_killed_training_loses_little(self):
        kind, params = "factorization_machine", LONG[2][1].replace("20000", "2000000")
        process = self.start(*self.command("out", kind, params), seen="of 2000000 iterations")
        process.kill()
        process.communicate(timeout=60)
        self.assertEqual(self.status()["state"], "running")
        process = self.start(*self.command("out", kind, params), seen="of 2000000 iterations, which an earlier run saved")
        self.end(process, signal.SIGTERM)
        self.assertEqual(process.returncode, 143)

    def test_a_failure_is_told(self):
        self.write_shipping(200, {n: {"ShippingPriority": "Rocket"} for n in range(195, 200)})
        command = ("run", "--shipping-logs", "logs.csv", "--product-description", "products.csv", "--output", "out")
        message = self.refusal(*command)
        status = self.status()
        self.assertEqual((status["step"], status["state"], status["error"]), ("run", "failed", message))
        self.assertEqual(list(status), ["version", "firesteel", "step", "state", "phase", "pid", "started", "updated", "ended", "rows",
                                        "error"])
        # What is refused before the output is open is not.
        shutil.rmtree(self.folder / "out")
        self.refusal(*command, "--training-fraction", "2", code=2)
        self.assertFalse((self.folder / "out").exists())


class SkipTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.run_binary("sample-data", "--output", "data", "--rows", 3000, "-q")

    def go(self, *flags, params="{'maxIter': 5, 'subsamplingRate': 0.7}", output="out"):
        """Runs; returns the parts that were kept, and the log."""
        done = self.succeed("run", *SOURCES, "--output", output, "--model-params", params, *flags)
        ending = ": unchanged since the last run, kept"
        kept = [line.split(" info ")[1].removesuffix(ending) for line in done.stderr.splitlines() if line.endswith(ending)]
        return kept, done.stderr

    def check(self, *flags, kept, **options):
        """Runs into the old output and into a new one: the same parts are kept as said, and all files are the same."""
        self.assertEqual(self.go(*flags, **options)[0], list(kept))
        shutil.rmtree(self.folder / "fresh", ignore_errors=True)
        self.assertEqual(self.go(*flags, output="fresh", **options)[0], [])
        self.assertEqual(content(self.folder / "out"), content(self.folder / "fresh"))
        for part in ("", *PARTS):
            ours, theirs = self.manifest(f"out/{part}"), self.manifest(f"fresh/{part}")
            for manifest in (ours, theirs):
                del manifest["milliseconds"], manifest["inputs"]
                # What goes with a part that is kept are its own file sizes and the workflow that it was made by.
                manifest["files"] = [file["path"] for file in manifest["files"]]
                del manifest["workflow"]
                manifest["warnings"] = [warning.partition("'")[2].partition("'")[2] for warning in manifest["warnings"]]
            self.assertEqual(ours, theirs, part)
        self.assertEqual({file["path"] for file in self.manifest("out")["files"]}, set(tree(self.folder / "out")))

    def workflow(self, *changes):
        self.run_binary("init", "workflow.yaml")
        text = (self.folder / "workflow.yaml").read_text()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        (self.folder / "workflow.yaml").write_text(text)
        return ("--workflow", "workflow.yaml")

    def test_nothing_is_written_if_nothing_changed(self):
        _, first = self.go()
        before = {path: path.stat() for path in sorted((self.folder / "out").rglob("*")) if path.name not in ("status.json", "out")}
        kept, second = self.go()
        self.assertEqual(kept, list(PARTS))
        self.assertIn("out is unchanged since the last run, nothing was written: training 2,700 rows, validation 300 rows; --force "
                      "redoes it", second)
        for path, stat in before.items():
            if path.is_file():
                self.assertEqual((path.stat().st_ino, path.stat().st_mtime_ns), (stat.st_ino, stat.st_mtime_ns), path)
        status = json.loads((self.folder / "out/status.json").read_text())
        self.assertEqual((status["state"], status["rows"]["training"]), ("done", 2700))
        # The metrics are shown as before.
        metrics = [[line.split(" info ")[1] for line in log.splitlines() if " info   " in line] for log in (first, second)]
        self.assertEqual(len(metrics[0]), 4)
        self.assertEqual(metrics[0], metrics[1])
        self.assertEqual(self.go("--force")[0], [])
        self.check("--force", kept=[])

    def test_other_parameters_redo_the_training_alone(self):
        self.go()
        self.check(kept=PARTS[:3], params="{'maxIter': 7, 'subsamplingRate': 0.7}")
        self.check("--model-type", "factorization_machine", kept=PARTS[:3], params="{'maxIter': 4}")

    def test_another_fraction_redoes_all(self):
        self.go()
        self.check("--training-fraction", "0.8", kept=[])

    def test_a_changed_input_redoes_what_comes_of_it(self):
        self.go()
        path = self.folder / "data/ProductDescriptions.csv"
        before = path.read_text()
        # The size stays, so that it takes the content to tell.
        path.write_text(before[:-3] + ("1" if before[-3] != "1" else "2") + before[-2:])
        self.check(kept=[])
        path.touch()
        self.check(kept=PARTS)

    def test_a_section_of_the_workflow_redoes_the_steps_that_read_it(self):
        self.go(*self.workflow())
        self.check(*self.workflow(("name: shipping", "name: other")), kept=PARTS[:3])
        self.check(*self.workflow(("'Chicago', 'Seattle'", "'Chicago'")), kept=PARTS[:1])
        self.check(*self.workflow(("training_fraction: 0.9", "training_fraction: 0.85")), kept=[])

    def test_what_is_missing_or_damaged_is_made_again(self):
        self.go()
        for part, lost, kept in (
            (PARTS[0], "training", [PARTS[1], PARTS[2], PARTS[3]]),
            (PARTS[1], "pipeline_model", [PARTS[0], PARTS[2], PARTS[3]]),
            (PARTS[2], "dataframe", [PARTS[0], PARTS[1], PARTS[3]]),
            (PARTS[3], "model", PARTS[:3]),
        ):
            with self.subTest(part):
                shutil.rmtree(self.folder / "out" / part / lost)
                self.check(kept=kept)
                (self.folder / "out" / part / "manifest.json").write_text("{}")
                self.check(kept=kept)
        (self.folder / "out/manifest.json").unlink()
        self.check(kept=[])

    def test_a_failed_run_leaves_what_the_next_one_keeps(self):
        self.go()
        done = self.run_binary("run", *SOURCES, "--output", "out", "--model-params", "{'weightCol': 'none'}")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads((self.folder / "out/status.json").read_text())["state"], "failed")
        self.check(kept=PARTS)

    def test_another_version_redoes_all(self):
        self.go()
        # What another version would have written there: the same inputs and parameters, another key.
        manifest = self.manifest("out/data_preprocessing")
        path = self.folder / "out/data_preprocessing/manifest.json"
        key = manifest["key"]
        path.write_text(path.read_text().replace(key, "0" * len(key)))
        self.assertEqual(self.go()[0], [*PARTS[1:]])


main()
