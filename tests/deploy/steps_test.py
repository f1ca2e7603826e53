"""The cluster template's own bootstrap action and steps, run here: the package is installed by deploy/bootstrap.sh from an S3 server
into /opt/firesteel, and the four steps run with exactly the arguments that the template gives them, to the predictions of one local
`firesteel run`.

usage: steps_test.py BUILD duckdb|spark

duckdb also shows what a failing step does, and that the steps run on local paths without any network. spark runs the steps with
Engine=spark. One word differs from the template's there: `--spark-master yarn` becomes a master on this machine (SPARK_MASTER). Spark is
the tests' PySpark, with S3A, and gets the settings that the template gives to EMR (core-site).

All is done in a mount namespace in which /opt is the test's own, which takes root or namespaces of users' own.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("package", "s3", "spark_connect", "end_to_end")]

import cfn
import command_runner
import package_files
from last_line import message_of
from s3_client import SIGNATURE, S3Client
from s3_server import REGION, SECRET_KEY, S3Server
from server import cache, spark_home

SPARK_MASTER = "local[2]"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/11111111-2222-3333-4444-555555555555"
TREES = '{"maxIter":4}'
ROWS = 400
NAMES = ["Data preprocessing", "Feature engineering (training)", "Feature engineering (validation)", "Model training"]
OUTPUTS = ("data_preprocessing", "feature_engineering/training", "feature_engineering/validation", "model_training")
# What the AWS CLI of a node does for the bootstrap script.
AWS = """#!/usr/bin/env python3
import os, shutil, sys, urllib.request
assert sys.argv[1:4] == ["s3", "cp", "--only-show-errors"], sys.argv
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
address = os.environ["AWS_ENDPOINT_URL"] + "/" + sys.argv[4].removeprefix("s3://")
request = urllib.request.Request(address, headers={"Authorization": "%s"})
with opener.open(request) as source, open(sys.argv[5], "wb") as target:
    shutil.copyfileobj(source, target)
""" % SIGNATURE


def enter_namespace():
    """Becomes this program in a mount namespace of its own."""
    users_own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.environ["FIRESTEEL_NODE"] = "yes"
    os.execvp("unshare", ["unshare", *users_own, "--mount", sys.executable, *sys.argv])


class Node(unittest.TestCase):
    """A primary node with the package installed, and its bucket."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-emr-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("bin", "data", "tmp"):
            (cls.folder / name).mkdir()
        # An /opt to install into, in memory, with what else is in this machine's: there may be its Python or Java.
        others = {path.name: os.open(path, os.O_PATH) for path in pathlib.Path("/opt").iterdir() if path.is_dir()}
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/opt"], check=True)
        for name, descriptor in others.items():
            if name != "firesteel":
                os.mkdir(f"/opt/{name}")
                subprocess.run(["mount", "--rbind", f"/proc/self/fd/{descriptor}", f"/opt/{name}"], pass_fds=[descriptor], check=True)
            os.close(descriptor)
        (cls.folder / "bin/aws").write_text(AWS)
        (cls.folder / "bin/aws").chmod(0o755)
        cls.server = cls.enterClassContext(S3Server(bucket="shop"))
        cls.s3 = S3Client(cls.server.url, "shop")
        package = package_files.archive_of(BUILD)
        (bootstrap,) = package.parent.glob("bootstrap-*.sh")
        cls.s3.put(f"artifacts/{package.name}", package.read_bytes())
        cls.s3.put(f"artifacts/{bootstrap.name}", bootstrap.read_bytes())
        cls.parameters = {
            "InputPrefix": "s3://shop/in", "OutputPrefix": "s3://shop/out/run", "LogPrefix": "s3://shop/logs", "KeyArn": KEY,
            "ArtifactPrefix": "s3://shop/artifacts", "BootstrapSha256": bootstrap.stem.removeprefix("bootstrap-"),
            "ArtifactSha256": package.with_name(f"{package.name}.sha256").read_text().split()[0],
            "PackageVersion": (ROOT / "VERSION").read_text().strip(), "ModelParams": TREES,
            "Architecture": {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine],
        }  # fmt: skip
        cls.environment = {**cls.server.environment(), "PATH": f"{cls.folder}/bin:{os.environ['PATH']}", "TMPDIR": str(cls.folder / "tmp")}
        cls.bootstrap_said = command_runner.run_bootstrap_actions(
            cls.cluster()["BootstrapActions"], cls.fetch, cls.folder, cls.environment)
        data = cls.folder / "data"
        local = cls.environment | {"AWS_ENDPOINT_URL": ""}
        subprocess.run(["/opt/firesteel/bin/firesteel", "sample-data", "--output", data, "--rows", str(ROWS), "-q"], check=True, env=local)
        cls.s3.put("in/shipping_logs/2024.csv", (data / "ShippingLogs.csv").read_bytes())
        cls.s3.put("in/product_descriptions/all.csv", (data / "ProductDescriptions.csv").read_bytes())
        # What all is compared with: the program of the build, one process, nothing of the package or of S3.
        subprocess.run([BUILD / "firesteel", "run", "--shipping-logs", data / "ShippingLogs.csv", "--product-description",
                        data / "ProductDescriptions.csv", "--output", cls.folder / "expected", "--model-params", TREES, "-q"],
                       check=True, env=local)  # fmt: skip

    @classmethod
    def fetch(cls, url, path):
        path.write_bytes(cls.s3.get(url.removeprefix("s3://shop/")))

    @classmethod
    def cluster(cls, **changes):
        """The properties of the template's cluster, with other values for some parameters."""
        stack = cfn.Stack("emr-cluster", {**cls.parameters, **changes}, {**cfn.PSEUDO, "AWS::Region": REGION})
        return stack.only("AWS::EMR::Cluster")

    def run_steps(self, name, steps, **options):
        """Runs steps; their logs go to a folder of that name."""
        results = command_runner.run_steps(steps, self.folder / name, **{"environment": self.environment, **options})
        for result in results:
            self.assertNotIn(SECRET_KEY, result.stdout + result.stderr)
            self.assertEqual(result.stdout, "")
        return results

    def assert_completed(self, results):
        self.assert_completed_first(len(NAMES), results)

    def assert_completed_first(self, count, results):
        for result in results:
            self.assertEqual((result.state, result.exit_code), ("COMPLETED", 0), f"{result.name}: {result.stderr}")
        self.assertEqual([result.name for result in results], NAMES[:count])

    def assert_expected(self, read):
        """`read(name)`: files of that folder of the output, by path. Metrics to the last digit, and the same predictions."""
        for part in ("training", "validation"):
            expected = {path.relative_to(self.folder / "expected").as_posix(): path.read_bytes()
                        for path in (self.folder / "expected/model_training" / part).rglob("*") if path.is_file()}  # fmt: skip
            found = read(f"model_training/{part}")
            metrics = f"model_training/{part}/metrics.json"
            self.assertEqual(found[metrics], expected[metrics])
            lines = [sorted(line for name, content in files.items() if name.rpartition("/")[2].startswith("part-") and name.endswith(".csv")
                            for line in content.decode().splitlines()) for files in (found, expected)]  # fmt: skip
            self.assertGreater(len(lines[1]), ROWS // 20)
            self.assertEqual(lines[0], lines[1])

    def read_s3(self, prefix):
        def read(name):
            return {f"{name}/{key}": content for key, content in self.s3.get_all(f"{prefix}/{name}/").items()}

        return read

    def assert_encrypted(self, prefix):
        """With the key that the template names: what firesteel wrote."""
        keys = [key for key in self.s3.list(prefix) if not key.endswith("/")]
        self.assertGreater(len(keys), 20)
        for key in keys:
            headers, _ = self.s3.request("HEAD", key)
            self.assertEqual((headers.get("x-amz-server-side-encryption"), headers.get("x-amz-server-side-encryption-aws-kms-key-id")),
                             ("aws:kms", KEY), key)  # fmt: skip

    def status(self, key):
        return json.loads(self.s3.get(key))


class DuckdbTest(Node):
    def test_bootstrap_installed_the_package(self):
        version = self.parameters["PackageVersion"]
        self.assertEqual(self.bootstrap_said, [f"bootstrap: installed firesteel {version} in /opt/firesteel\n"])

    def test_steps(self):
        steps = self.cluster()["Steps"]
        results = self.run_steps("native", steps)
        self.assert_completed(results)
        for result in results:
            self.assertEqual(result.arguments[0], "/opt/firesteel/bin/firesteel")
            self.assertNotIn("spark", " ".join(result.arguments))
        self.assert_expected(self.read_s3("out/run"))
        self.assert_encrypted("out/run/")
        for output in OUTPUTS:
            self.assertEqual(self.status(f"out/run/{output}/status.json")["state"], "done")
        # Once more over what is there: the steps overwrite.
        self.assert_completed(self.run_steps("native again", steps))
        self.assert_expected(self.read_s3("out/run"))

    def test_every_kind_of_model(self):
        for model in ("xgboost", "factorization_machine"):
            steps = self.cluster(ModelType=model, ModelParams="{}", OutputPrefix=f"s3://shop/out/{model}")["Steps"]
            self.assert_completed(self.run_steps(model, steps))
            self.assertIn("metrics.json", self.s3.get_all(f"out/{model}/model_training/validation/"))

    def test_a_failing_first_step_cancels_the_rest(self):
        logs = self.s3.get("in/shipping_logs/2024.csv").decode().splitlines()
        logs[7] = logs[7].replace("/", "-")
        self.s3.put("bad/shipping_logs/2024.csv", "\n".join(logs).encode())
        self.s3.put("bad/product_descriptions/all.csv", self.s3.get("in/product_descriptions/all.csv"))
        steps = self.cluster(InputPrefix="s3://shop/bad", OutputPrefix="s3://shop/out/bad")["Steps"]
        results = self.run_steps("bad input", steps)
        self.assertEqual([result.state for result in results], ["FAILED", "CANCELLED", "CANCELLED", "CANCELLED"])
        self.assertEqual(results[0].exit_code, 1)
        # What people see first: the cause, the file, the exit code.
        message = message_of(results[0].stderr.splitlines()[-1], 1)
        self.assertIn("s3://shop/bad/shipping_logs/2024.csv", message)
        # Nothing of it is there but what says so.
        self.assertEqual(list(self.s3.list("out/bad/")), ["out/bad/data_preprocessing/status.json"])
        status = self.status("out/bad/data_preprocessing/status.json")
        self.assertEqual((status["step"], status["state"]), ("data_preprocessing", "failed"))
        self.assertEqual(status["error"], message)

    def test_a_failing_last_step_leaves_the_others_and_the_old_model(self):
        steps = self.cluster(OutputPrefix="s3://shop/out/twice")["Steps"]
        self.assert_completed(self.run_steps("first", steps))
        before = self.s3.get_all("out/twice/model_training/")
        # Taken by the template, as only the program knows the parameters of models.
        steps = self.cluster(OutputPrefix="s3://shop/out/twice", ModelParams='{"maxIters":4}')["Steps"]
        results = self.run_steps("wrong parameter", steps)
        self.assertEqual([result.state for result in results], ["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"])
        self.assertEqual(results[3].exit_code, 2)
        self.assertEqual(message_of(results[3].stderr.splitlines()[-1], 2), "--model-params: unknown parameter 'maxIters'; did you mean 'maxIter'?")
        self.assertEqual(self.s3.get_all("out/twice/model_training/"), before)

    def test_a_step_that_is_cancelled(self):
        """EMR sends SIGTERM."""
        long = '{"maxIter":1000000,"tol":0.0,"stepSize":0.01,"miniBatchFraction":0.5}'
        steps = self.cluster(OutputPrefix="s3://shop/out/cancelled", ModelType="factorization_machine", ModelParams=long)["Steps"]
        self.assert_completed_first(3, self.run_steps("to be cancelled", steps[:3]))
        process = subprocess.Popen(steps[3]["HadoopJarStep"]["Args"], env=self.environment, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        key = "out/cancelled/model_training/status.json"
        end = time.monotonic() + 60
        while key not in self.s3.list(key) or "training" not in (self.status(key)["phase"] or ""):
            self.assertIsNone(process.poll(), "it ended before it was cancelled")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 143)
        message = message_of(process.stderr.read().splitlines()[-1], 143)
        self.assertRegex(message, "^stopped; ")
        status = self.status(key)
        self.assertEqual((status["state"], status["error"]), ("stopped", message))
        self.assertNotIn("out/cancelled/model_training/_SUCCESS", self.s3.list("out/cancelled/model_training/"))

    def test_wrong_values_are_refused_before_there_is_a_cluster(self):
        for name, value in (("InputPrefix", "s3://shop/in/"), ("ModelParams", '{"maxIter": 4}'), ("Engine", "hive"), ("ArtifactSha256", "ab")):
            with self.assertRaises(cfn.TemplateError, msg=name):
                self.cluster(**{name: value})

    def test_on_local_paths_without_any_network(self):
        """The same arguments, but for s3://shop/, which becomes a folder; in a network namespace where even loopback is down."""
        shutil.copytree(self.folder / "data", self.folder / "shop/in/all")
        for name, file in (("shipping_logs", "ShippingLogs.csv"), ("product_descriptions", "ProductDescriptions.csv")):
            (self.folder / "shop/in" / name).mkdir()
            shutil.copyfile(self.folder / "data" / file, self.folder / "shop/in" / name / file)
        steps = self.cluster()["Steps"]
        for step in steps:
            jar = step["HadoopJarStep"]
            jar["Args"] = [argument.replace("s3://shop/", f"{self.folder}/shop/") for argument in jar["Args"]]
        probe = "import socket; socket.create_connection(('127.0.0.1', 9), 2)"
        refused = subprocess.run(["unshare", "--net", sys.executable, "-c", probe], capture_output=True, text=True)
        self.assertIn("Network is unreachable", refused.stderr)
        self.assert_completed(self.run_steps("no network", steps, around=("unshare", "--net"), environment={"PATH": "/usr/bin:/bin"}))
        out = self.folder / "shop/out/run"
        self.assert_expected(lambda name: {path.relative_to(out).as_posix(): path.read_bytes()
                                           for path in (out / name).rglob("*") if path.is_file()})  # fmt: skip


class SparkTest(Node):
    def test_steps(self):
        cluster = self.cluster(Engine="spark")
        steps = cluster["Steps"]
        for step in steps:
            arguments = step["HadoopJarStep"]["Args"]
            at = arguments.index("--spark-master")
            self.assertEqual(arguments[at - 4 : at + 2], ["--engine", "spark", "--spark-remote", "local", "--spark-master", "yarn"])
            arguments[at + 1] = SPARK_MASTER
        # What EMR makes of the template's settings and of itself, as far as this machine has it.
        conf = self.folder / "conf"
        conf.mkdir()
        settings = {f"spark.hadoop.{name}": value for block in cluster["Configurations"] if block["Classification"] == "core-site"
                    for name, value in block["ConfigurationProperties"].items()}  # fmt: skip
        self.assertIn("spark.hadoop.fs.s3a.encryption.key", settings)
        settings |= {
            "spark.jars": ",".join(map(str, sorted((cache() / "deps/spark-s3a").glob("*.jar")))), "spark.hadoop.fs.s3a.endpoint": self.server.url,
            "spark.hadoop.fs.s3a.endpoint.region": REGION, "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false", "spark.driver.memory": "2g",
            # Quick to start rather than quick in the long run.
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1", "spark.sql.shuffle.partitions": "2"}  # fmt: skip
        (conf / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        environment = {**self.environment, "SPARK_HOME": str(spark_home()), "SPARK_CONF_DIR": str(conf), "SPARK_LOCAL_IP": "127.0.0.1"}
        results = self.run_steps("spark", steps, environment=environment)
        self.assert_completed(results)
        for result in results:
            self.assertIn("started a Spark Connect server", result.stderr)
        self.assert_expected(self.read_s3("out/run"))
        self.assert_encrypted("out/run/")

    def test_what_spark_is_told_on_a_cluster(self):
        """The steps as they are, with a spark-submit that writes down how it was called and fails."""
        home = self.folder / "usr/lib/spark"
        (home / "bin").mkdir(parents=True)
        (home / "jars").mkdir()
        (home / "jars/spark-connect_2.13-4.1.1.jar").touch()
        submit = home / "bin/spark-submit"
        submit.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >>"$SPARK_HOME/calls"\necho "no YARN here"\nexit 1\n')
        submit.chmod(0o755)
        steps = self.cluster(Engine="spark", OutputPrefix="s3://shop/out/yarn")["Steps"]
        results = self.run_steps("yarn", steps, environment={**self.environment, "SPARK_HOME": str(home)})
        self.assertEqual([result.state for result in results], ["FAILED", "CANCELLED", "CANCELLED", "CANCELLED"])
        last = message_of(results[0].stderr.splitlines()[-1], 1)
        self.assertIn(f"the Spark Connect server of '{submit}' ended before it was ready; its log ends with: no YARN here", last)
        self.assertRegex(
            (home / "calls").read_text(),
            r"\A--class\norg\.apache\.spark\.sql\.connect\.service\.SparkConnectServer\n--master\nyarn\n--deploy-mode\nclient\n"
            r"--name\nfiresteel-connect\n--conf\nspark\.connect\.grpc\.binding\.address=127\.0\.0\.1\n--conf\nspark\.ui\.enabled=false\n"
            r"--conf\nspark\.connect\.grpc\.binding\.port=\d+\n\Z")


if __name__ == "__main__":
    if "FIRESTEEL_NODE" not in os.environ:
        enter_namespace()
    BUILD = pathlib.Path(sys.argv[1]).resolve()
    case = {"duckdb": "DuckdbTest", "spark": "SparkTest"}[sys.argv[2]]
    unittest.main(argv=[sys.argv[0], *(f"{case}.{name}" for name in sys.argv[3:])] if sys.argv[3:] else [sys.argv[0], case])
