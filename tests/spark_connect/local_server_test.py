"""--spark-remote local starts a server that ends with the command in every case, and tells its token to nobody.

usage: local_server_test.py BINARY
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from server import command_line, spark_home

BINARY = pathlib.Path(sys.argv.pop(1)).resolve()
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


class LocalServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = pathlib.Path(tempfile.mkdtemp(prefix="local_server_data_"))
        subprocess.run([BINARY, "sample-data", "--output", cls.data, "--rows", "20000", "-q"], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.data)

    def setUp(self):
        # The server's arguments name this folder, so that its processes can be told from those of others.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="local_server_test_"))
        (self.folder / "tmp").mkdir()
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
        self.environment.update(TMPDIR=str(self.folder / "tmp"), SPARK_HOME=str(spark_home()))

    def tearDown(self):
        left = self.servers()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)
        self.assertEqual(left, [], "a server outlived its test")

    def servers(self):
        """Everything of the server: its Java processes, and the scripts that become them."""
        return processes_with_text(str(self.folder / "tmp"))

    def command(self, *more, logs="ShippingLogs.csv"):
        return [
            BINARY, "data-preprocessing", "--engine", "spark", "--spark-remote", "local", "--shipping-logs", self.data / logs,
            "--product-description", self.data / "ProductDescriptions.csv", "--output", self.folder / "out", *more]

    def start(self, **options):
        # A copy of stderr that is a file: a pipe would be read to its end, which a server that holds it open would delay.
        self.errors = self.folder / "errors"
        with open(self.errors, "wb") as errors:
            process = subprocess.Popen(self.command(**options), env=self.environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def wait_for(self, condition, what, patience=120):
        end = time.monotonic() + patience
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.errors.read_text()}")
            time.sleep(0.01)

    def wait_for_server(self, process):
        self.wait_for(lambda: "started a Spark Connect server" in self.errors.read_text() or process.poll() is not None, "no server")
        self.assertIsNone(process.poll(), self.errors.read_text())

    def wait_for_java(self, process):
        self.wait_for(lambda: self.servers() or process.poll() is not None, "nothing was started")
        self.assertIsNone(process.poll(), self.errors.read_text())

    def check_gone(self, patience):
        end = time.monotonic() + patience
        while self.servers() and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual([command_line(pid) for pid in self.servers()], [])

    def check_clean(self):
        """After an exit of our own, nothing is left: no process, no temporary file, no half of an output."""
        self.check_gone(0)
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])
        self.assertEqual(list(self.folder.glob(".out*")), [])

    def test_a_run_that_succeeds_keeps_the_token_to_itself(self):
        process = self.start()
        self.wait_for_server(process)
        servers = [pid for pid in self.servers() if SERVER in command_line(pid)]
        self.assertEqual(len(servers), 1)
        variables = dict(
            entry.split("=", 1) for entry in pathlib.Path(f"/proc/{servers[0]}/environ").read_bytes().decode().split("\0") if "=" in entry)
        token = variables[TOKEN]
        self.assertRegex(token, "^[0-9a-f]{64}$")
        for pid in self.servers() + [process.pid]:
            self.assertNotIn(token, " ".join(command_line(pid)))
        logs = [path for path in (self.folder / "tmp").rglob("server.log")]
        self.assertEqual(len(logs), 1)
        self.assertEqual(logs[0].stat().st_mode & 0o777, 0o600)
        self.assertEqual(logs[0].parent.parent.stat().st_mode & 0o777, 0o700)
        # On loopback alone.
        port = int(re.search(r"on port (\d+)", self.errors.read_text())[1])
        listening = [
            line.split()[1] for table in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")]
        self.assertEqual(len(listening), 1)
        self.assertIn(listening[0].split(":")[0], ("0100007F", "0000000000000000FFFF00000100007F"))
        while process.poll() is None:
            for path in (self.folder / "tmp").rglob("*"):
                try:
                    self.assertFalse(path.is_file() and token.encode() in path.read_bytes(), path)
                except FileNotFoundError:
                    pass
            time.sleep(0.5)
        self.assertEqual(process.returncode, 0, self.errors.read_text())
        self.assertTrue((self.folder / "out/training/_SUCCESS").is_file())
        self.assertNotIn(token, self.errors.read_text())
        self.check_clean()

    def test_a_step_that_fails(self):
        # Another table's columns, which is found when the engine has read them.
        process = self.start(logs="ProductDescriptions.csv")
        self.assertEqual(process.wait(120), 1, self.errors.read_text())
        self.assertIn("started a Spark Connect server", self.errors.read_text())
        self.check_clean()
        self.assertEqual(list(self.folder.rglob("*.parquet")), [])

    def stop_and_check(self, process, *numbers):
        process.send_signal(numbers[0])
        for number in numbers[1:]:
            time.sleep(0.2)
            process.send_signal(number)
        begin = time.monotonic()
        self.assertEqual(process.wait(60), 128 + numbers[0], self.errors.read_text())
        self.assertLess(time.monotonic() - begin, 20)
        self.assertRegex(self.errors.read_text().splitlines()[-1], rf"^firesteel: error: stopped.* \(exit code {128 + numbers[0]}\)$")

    def test_signals_while_it_starts(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start()
            self.wait_for_java(process)
            self.stop_and_check(process, number)
            self.check_clean()

    def test_signals_while_it_works(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start()
            self.wait_for_server(process)
            time.sleep(2)
            self.stop_and_check(process, number)
            self.check_clean()

    def test_a_second_signal_ends_it_at_once(self):
        process = self.start()
        self.wait_for_server(process)
        time.sleep(2)
        self.stop_and_check(process, signal.SIGINT, signal.SIGINT)
        self.check_gone(5)
        self.assertEqual(list(self.folder.glob(".out*")), [])

    def test_kill_leaves_no_server(self):
        for wait in (self.wait_for_java, self.wait_for_server):
            process = self.start()
            wait(process)
            process.kill()
            process.wait()
            # Stopped, not killed: its end may take some seconds.
            self.check_gone(20)

    def test_kill_of_the_watcher_leaves_no_server(self):
        process = self.start()
        self.wait_for_server(process)
        watcher = parent_of([pid for pid in self.servers() if SERVER in command_line(pid)][0])
        self.assertEqual(parent_of(watcher), process.pid)
        os.kill(watcher, signal.SIGKILL)
        self.check_gone(5)
        self.assertEqual(process.wait(90), 1, self.errors.read_text())
        self.check_clean()

    def test_a_server_that_dies_ends_the_command(self):
        process = self.start()
        self.wait_for_server(process)
        time.sleep(1)
        for pid in self.servers():
            if SERVER in command_line(pid):
                os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        self.assertEqual(process.wait(90), 1, self.errors.read_text())
        self.assertLess(time.monotonic() - begin, 30)
        self.assertIn("firesteel: error: ", self.errors.read_text().splitlines()[-1])
        self.check_clean()

    def test_a_spark_submit_on_path_that_is_no_chain_of_exec(self):
        wrapper = self.folder / "bin/spark-submit"
        wrapper.parent.mkdir()
        wrapper.write_text(f"#!/bin/sh\nSPARK_HOME={spark_home()} {spark_home()}/bin/spark-submit \"$@\"\nexit $?\n")
        wrapper.chmod(0o755)
        del self.environment["SPARK_HOME"]
        self.environment["PATH"] = f"{wrapper.parent}:{self.environment['PATH']}"
        for number in (signal.SIGKILL, signal.SIGINT):
            process = self.start()
            self.wait_for_server(process)
            self.assertGreaterEqual(len(self.servers()), 2)
            process.send_signal(number)
            process.wait(60)
            self.check_gone(20)

    def test_the_package_of_python_on_path(self):
        del self.environment["SPARK_HOME"]
        folder = self.folder / "bin"
        folder.mkdir()
        (folder / "python3").symlink_to(sys.executable)
        # A link to Python leads away from its environment's packages.
        self.environment["PYTHONPATH"] = str(spark_home().parent)
        self.environment["PATH"] = f"{folder}:/usr/bin:/bin"
        process = self.start()
        self.wait_for_server(process)
        self.assertIn(f"'{spark_home()}/bin/spark-submit'", self.errors.read_text())
        process.send_signal(signal.SIGINT)
        process.wait(60)
        self.check_clean()

    def refusal(self, code, *more, **variables):
        environment = {**self.environment, **variables}
        done = subprocess.run(self.command(*more), env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr)
        self.check_clean()
        return done.stderr.splitlines()[-1].removeprefix("firesteel: error: ").removesuffix(f" (exit code {code})")

    def test_what_cannot_start_says_why(self):
        message = self.refusal(1, "--spark-conf", "spark.driver.memory=1m")
        self.assertIn("ended before it was ready; its log ends with: ", message)
        message = self.refusal(1, "--spark-master", "nonsense")
        self.assertIn("ended before it was ready; its log ends with: ", message)
        self.assertIn("Master must either be yarn or start with", message)
        self.assertIn("its log ends with: ", self.refusal(1, JAVA_HOME="/nowhere"))
        self.assertEqual(self.refusal(2, SPARK_HOME="/nowhere"), "SPARK_HOME: '/nowhere' has no bin/spark-submit")
        self.assertEqual(
            self.refusal(2, SPARK_HOME="", PATH="/nowhere"),
            "--spark-remote local: no Spark is found on this machine; set SPARK_HOME to its folder, put its spark-submit on PATH, or "
            "install the Python package pyspark")
        self.assertEqual(
            self.refusal(2, "--spark-conf", "spark.connect.authenticate.token=secret"),
            "--spark-conf: spark.connect.authenticate.token is firesteel's own matter with --spark-remote local")


def processes_with_text(text):
    """The ids of all processes that have `text` within an argument and are Spark's."""
    pids = [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if any(text in word for word in command_line(pid)[1:]) and SERVER in " ".join(command_line(pid))]


if __name__ == "__main__":
    unittest.main()
