"""Flags, help, exit codes, logs, init and sample-data."""

import json
import os
import shutil
import subprocess
import time

from harness import BINARY, EndToEndTest, main, tree


class CommandLineTest(EndToEndTest):
    def test_version_and_help(self):
        done = self.run_binary("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^firesteel \d+\.\d+\.\d+\n$")
        done = self.run_binary("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        commands = ("data-preprocessing", "feature-engineering", "model-training", "run", "describe", "export", "sample-data", "init")
        for command in commands:
            self.assertIn(command, done.stdout)
            for flag in ("--help", "-h"):
                shown = self.run_binary(command, flag)
                self.assertEqual((shown.returncode, shown.stderr), (0, ""))
                self.assertIn(f"Usage: firesteel {command}", shown.stdout)
                self.assertIn("Example", shown.stdout)
                self.assertIn("default", shown.stdout)
        self.assertIn("maxIter", self.run_binary("model-training", "--help").stdout)

    def test_start_up_is_quick(self):
        self.run_binary("--version")
        times = []
        for _ in range(10):
            begin = time.monotonic()
            self.run_binary("--version")
            times.append(time.monotonic() - begin)
        # Far above what it takes (15 ms and less), so that a busy machine does not fail it.
        self.assertLess(min(times), 0.1)

    def test_local_paths_ask_nothing_of_s3(self):
        """What would be refused if it were looked at: an endpoint, a profile and certificates that are none."""
        self.write_shipping()
        wrong = {"AWS_ENDPOINT_URL": "no address", "AWS_PROFILE": "nobody", "AWS_CA_BUNDLE": "/nowhere"}
        done = self.run_binary(*self.preprocessing(), env={**os.environ, **wrong})
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_binary(*self.preprocessing("s3://bucket/rows"), env={**os.environ, **wrong})
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("AWS_ENDPOINT_URL: 'no address' is no address", done.stderr)

    def test_wrong_use_is_exit_code_2(self):
        self.write_shipping()
        step = self.preprocessing()
        for arguments, wanted in (
            ((), None),
            (("model-trainng",), "unknown command 'model-trainng'; did you mean 'model-training'?"),
            ((*step, "--thread", "2"), "unknown flag --thread; did you mean '--threads'?"),
            ((*step, "--threads", "x"), "--threads: 'x' is not a whole number of 1 to 1024"),
            ((*step, "--threads", "0"), "--threads: '0' is not a whole number of 1 to 1024"),
            ((*step, "--threads", "1", "--threads=2"), "--threads is given more than once"),
            ((*step, "--s3-output-dir", "x"), "--output is given more than once (--s3-output-dir is the same)"),
            ((*step, "extra"), "'extra' is not expected here; see firesteel data-preprocessing --help"),
            ((*step, "--overwrite-output", "maybe"), "--overwrite-output: 'maybe' is neither true nor false"),
            ((*step, "--progress", "nevr"), "--progress: 'nevr' is not one of auto, always, never; did you mean 'never'?"),
            ((*step, "--workflow", "none.yaml"), "the workflow file 'none.yaml' does not exist"),
            ((*step, "--memory-limit", "1"),
             "--memory-limit: '1' is no amount of memory; give a number and a unit, as in 500MB, 2GiB or 80%"),
            ((*step[:-2],), "--output DIR is missing; see firesteel data-preprocessing --help"),
            (step[:1], "--shipping-logs PATH and --product-description PATH and --output DIR are missing; "
                       "see firesteel data-preprocessing --help"),
            ((*step[:-1],), "--output needs a value; see firesteel data-preprocessing --help"),
            ((*step[:-1], "s3:///out"), "--output: 's3:///out' names no bucket; give s3://BUCKET/KEY"),
        ):
            if arguments:
                self.assertEqual(self.refusal(*arguments, code=2), wanted)
            else:
                done = self.run_binary()
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stderr, "firesteel: error: no command is given; see firesteel --help (exit code 2)\n")

    def test_spark_takes_a_remote(self):
        self.write_shipping()
        os.environ.pop("SPARK_REMOTE", None)
        step = self.preprocessing()
        spark = (*step, "--engine", "spark")
        for arguments, wanted in (
            (spark, "--engine spark needs a server: give its URL (--spark-remote sc://host:15002), set SPARK_REMOTE to it, or have "
                    "one started on this machine (--spark-remote local)"),
            ((*step, "--spark-remote", "local"), "--spark-remote is for --engine spark or auto alone"),
            ((*step, "--engine", "sprak"), "--engine: 'sprak' is not one of duckdb, spark, auto; did you mean 'spark'?"),
            ((*spark, "--thread", "2"), "unknown flag --thread; did you mean '--threads'?"),
        ):
            self.assertEqual(self.refusal(*arguments, code=2), wanted)
        done = self.succeed(*step, "--engine", "auto")
        self.assertIn("--engine auto: duckdb, as no server of Spark is given (--spark-remote or SPARK_REMOTE)", done.stderr)

    def test_a_build_without_spark_says_so(self):
        """The program alone, without the one that it becomes."""
        self.write_shipping()
        alone = self.folder / "alone"
        alone.mkdir()
        shutil.copy(BINARY, alone)
        (alone / "lib").symlink_to(BINARY.parent / "lib")
        step = (alone / BINARY.name, *self.preprocessing(), "--spark-remote", "sc://nowhere.invalid")
        done = subprocess.run([*step, "--engine", "spark"], cwd=self.folder, capture_output=True, text=True)
        message = (
            "firesteel: error: this build of firesteel has no Spark (it was built with -DFIRESTEEL_SPARK=OFF, or firesteel-spark is "
            "not beside it); use --engine duckdb (exit code 1)\n")
        self.assertEqual((done.returncode, done.stderr), (1, message))
        # One byte of memory is less than a quarter of the inputs.
        done = subprocess.run([*step, "--engine", "auto", "--memory-limit", "1b"], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.splitlines(True)[-1]), (1, message))
        self.assertRegex(done.stderr, "--engine auto: spark, as the inputs' .* kB are more than 4 times the memory of 1 bytes")
        self.check_no_output("rows")
        done = subprocess.run([*step, "--engine", "auto"], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "--engine auto: duckdb, as the inputs' .* kB fit into the memory of ")

    def test_a_workflow_file_that_is_wrong_is_exit_code_2(self):
        self.write_shipping()
        self.run_binary("init")
        text = (self.folder / "workflow.yaml").read_text()
        for change, wanted in (
            (("label: ", "lable: "), "lable: unknown key; did you mean 'label'?"),
            (("version: 1", "version: 9"), "version: this file is of version 9"),
            (("- OneHotEncoder", "- OneHotEncodr"), "unknown stage 'OneHotEncodr'; did you mean 'OneHotEncoder'?"),
            (("AS euclidean_distance FROM", "AS FROM"), "workflow.yaml line "),
            (("training_fraction: 0.9", "training_fraction: 9"), "the fraction must lie between 0 and 1"),
        ):
            self.assertIn(change[0], text)
            (self.folder / "workflow.yaml").write_text(text.replace(*change))
            self.assertIn(wanted, self.refusal(*self.preprocessing(), "--workflow", "workflow.yaml", code=2))

    def test_init_writes_the_built_in_workflow(self):
        done = self.run_binary("init", "-")
        self.assertEqual(done.returncode, 0)
        self.succeed("init", "mine.yaml")
        self.assertEqual((self.folder / "mine.yaml").read_text(), done.stdout)
        self.assertIn("'mine.yaml' exists already", self.refusal("init", "mine.yaml"))
        self.succeed("init", "mine.yaml", "--force")
        self.write_shipping()
        self.succeed(*self.preprocessing("a"))
        self.succeed(*self.preprocessing("b"), "--workflow=mine.yaml")
        parquet = [{n: d for n, d in tree(self.folder / each).items() if n.endswith(".parquet")} for each in "ab"]
        self.assertEqual(parquet[0], parquet[1])

    def test_sample_data_repeats_and_is_not_overwritten(self):
        self.succeed("sample-data", "--output", "a", "--rows", "500")
        self.succeed("sample-data", "--output", "b", "--rows", "500", "--threads", "2")
        self.succeed("sample-data", "--output", "c", "--rows", "500", "--seed", "2")
        self.assertEqual(tree(self.folder / "a"), tree(self.folder / "b"))
        self.assertNotEqual(tree(self.folder / "a"), tree(self.folder / "c"))
        self.assertEqual(sorted(tree(self.folder / "a")), ["ProductDescriptions.csv", "ShippingLogs.csv"])
        self.assertIn("exists already", self.refusal("sample-data", "--output", "a"))
        self.assertIn("--rows: '0' is not a whole number", self.refusal("sample-data", "--output", "d", "--rows", "0", code=2))

    def test_logs_go_to_stderr_in_the_format_asked_for(self):
        self.write_shipping()
        done = self.succeed(*self.preprocessing(), "--log-format", "json", "--verbose")
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertTrue(any("wrote rows: training 54 rows, validation 6 rows" in str(line) for line in lines), lines)
        self.assertEqual(self.succeed(*self.preprocessing(), "-q").stderr, "")
        self.assertIn("wrote rows", self.succeed(*self.preprocessing()).stderr)

    def test_progress_shows_on_a_terminal_only(self):
        self.write_shipping()
        self.assertNotIn("\x1b", self.succeed(*self.preprocessing()).stderr)
        self.run_binary("sample-data", "--output", "data", "--rows", "300000")
        shown = self.run_on_terminal("data-preprocessing", "--shipping-logs", "data/ShippingLogs.csv", "--product-description",
                                     "data/ProductDescriptions.csv", "--output", "rows", "--threads", 1)
        self.assertIn(b"reading", shown)
        self.assertIn(b"\x1b[K", shown)

    def test_a_small_memory_limit_is_enough(self):
        self.run_binary("sample-data", "--output", "data", "--rows", "50000")
        self.succeed("data-preprocessing", "--shipping-logs", "data/ShippingLogs.csv", "--product-description",
                     "data/ProductDescriptions.csv", "--output", "rows", "--memory-limit", "200MB", "--threads", "1")
        self.assertEqual(self.manifest("rows")["rows"]["joined"], 50000)


main()
