"""What becomes of commands on Spark when the connection, the server, an executor or the disk fails, or somebody stops them: each run is
complete and right, or ends with its exit code and one clear line in bounded time; its output is the old one or the new one, whole; no
token shows; nothing is left beside the output; the next run succeeds.

usage: faults_test.py FIRESTEEL [--runs N] [--seed N] [--only RUN] [--fault KIND] [--spark 4.3|4.1]

Each run draws a command, a fault and a moment. Runs of the fault "executor" need a cluster of their own, those of "expired" a server whose
sessions soon end; both are started when first drawn.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import pyarrow.parquet as parquet
from server import ConnectServer, processes_with
from tcp_proxy import TcpProxy

PATIENCE = 20  # Seconds that a server is waited for (FIRESTEEL_SPARK_PATIENCE).
MAX_SECONDS = 150
# Kind -> whether the run must succeed (True), must fail (False), or may do either (None).
FAULTS = {
    "cut": True,
    "cuts": True,
    "stall": True,
    "refuse": True,
    "gone": None,
    "killed": None,
    "token": False,
    "expired": None,
    "executor": True,
    "disk": None,
    "interrupt": None,
    "terminate": None,
}
STOPPED = {"interrupt": (signal.SIGINT, 130), "terminate": (signal.SIGTERM, 143)}
SHORT_SESSIONS = {"spark.connect.session.manager.defaultSessionTimeout": "1s", "spark.connect.session.manager.maintenanceInterval": "1s"}


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def content_of(folder):
    """What an output says, whatever its files are called: the rows of its tables and the text of its metrics."""
    content = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder).parent)
        if file.suffix == ".parquet" and "model" not in name:
            content.setdefault(name, []).extend(map(str, parquet.read_table(file).to_pylist()))
        elif file.suffix == ".csv" and file.is_file():
            content.setdefault(name, []).extend(file.read_text().splitlines()[1:])
        elif file.name == "metrics.json":
            content[f"{name}/metrics"] = [file.read_text()]
    return {name: sorted(rows) for name, rows in content.items()}


def snapshot(folder):
    """Every file of an output but status.json, which tells of the last attempt."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "status.json"}


class Campaign:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.binary = pathlib.Path(arguments.binary).resolve()
        self.servers = {}
        self.counts = collections.Counter()
        self.slowest = 0.0
        data = folder / "data"
        subprocess.run([self.binary, "sample-data", "--rows", "900", "--output", data], check=True, capture_output=True)
        sources = ["--shipping-logs", data / "ShippingLogs.csv", "--product-description", data / "ProductDescriptions.csv"]
        base = folder / "base"
        params = ["--model-params", "{'maxIter': 4}"]
        self.commands = {
            "data-preprocessing": [*sources],
            "feature-engineering": ["--dataframe", base / "data_preprocessing/training"],
            "model-training": ["--training-dataset", base / "feature_engineering/training/dataframe", "--validation-dataset",
                               base / "feature_engineering/validation/dataframe", *params],
            "predict": [*sources, "--model", base / "model_training/model", "--pipeline-model",
                        base / "feature_engineering/training/pipeline_model"],
        }
        self.must([self.binary, "run", *sources, "--output", base, *params], dict(os.environ))
        self.expected = {}
        for name, words in self.commands.items():
            # Also the old output that every run is to replace.
            self.must([self.binary, name, *words, "--output", folder / "old" / name], dict(os.environ))
            self.expected[name] = content_of(folder / "old" / name)
            check(self.expected[name], f"{name} wrote nothing to compare")

    def must(self, command, environment):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment, timeout=MAX_SECONDS)
        check(done.returncode == 0, f"{command[1]} ended with {done.returncode}: {done.stderr}")

    def server(self, kind):
        """The server for a kind of fault, running."""
        wanted = {"executor": "cluster", "expired": "short"}.get(kind, "plain")
        if wanted not in self.servers:
            server = ConnectServer(self.arguments.spark, wanted == "cluster", SHORT_SESSIONS if wanted == "short" else None)
            server.__enter__()
            self.servers[wanted] = server
            for name, words in self.commands.items():  # Warm, so that moments are drawn from a usual run.
                begin = time.monotonic()
                self.must([self.binary, name, *words, "--output", self.folder / "warm" / wanted / name, "--engine", "spark"],
                          server.environment())
                self.usual = max(getattr(self, "usual", 0), time.monotonic() - begin)
        server = self.servers[wanted]
        if not server.runs():
            server.start()
        return server

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def one(self, run):
        drawn = random.Random(f"{self.arguments.seed} {run}")
        name = drawn.choice(sorted(self.commands))
        kind = self.arguments.fault or drawn.choice(sorted(FAULTS))
        begin = time.monotonic()
        try:
            outcome = self.disturb(run, name, kind, drawn)
        except Exception as error:  # Whatever it is, the run is told and the others go on.
            print(f"run {run}: {name}, {kind}: {error}", flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc()
            for wanted, server in self.servers.items():
                print(f"the {wanted} server {'runs' if server.runs() else 'does not run'}; its log ends:\n{server.log()[-3000:]}", flush=True)
            return False
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.counts[f"{kind}: {outcome}"] += 1
        return True

    def disturb(self, run, name, kind, drawn):
        server = self.server(kind)
        place = self.folder / f"run_{run}"
        place.mkdir()
        mounted = False
        if kind == "disk":
            # No room for the new output beside the old one, or hardly any.
            size = sum(len(text) for text in snapshot(self.folder / "old" / name).values())
            kib = size // 1024 + drawn.choice((120, 180, 260, 400))
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", place], capture_output=True).returncode == 0
        try:
            output = place / "out"
            shutil.copytree(self.folder / "old" / name, output)
            before = snapshot(output)
            done, seconds = self.run_with(server, name, output, kind, drawn)
            self.judge(name, kind, done, seconds, output, before, server)
            check(sorted(path.name for path in place.iterdir()) == ["out"], f"beside the output lie {sorted(place.iterdir())}")
            if kind in ("cut", "killed", "disk") and drawn.random() < 0.3 and not mounted:
                self.must([self.binary, name, *self.commands[name], "--output", output, "--engine", "spark"],
                          self.server(kind).environment())
                check(content_of(output) == self.expected[name], "the next run wrote something else")
            return "right" if done.returncode == 0 else "clear error"
        finally:
            if mounted:
                subprocess.run(["umount", place], check=False)
            shutil.rmtree(place, ignore_errors=True)

    def run_with(self, server, name, output, kind, drawn):
        """Runs the command with a fault at a drawn moment; returns the process as it ended and its seconds."""
        token = server.token if kind != "token" else "0" * 64
        with TcpProxy(server.port) as proxy:
            environment = {**os.environ, "SPARK_REMOTE": f"sc://localhost:{proxy.port}/;token={token}",
                           "FIRESTEEL_SPARK_PATIENCE": str(PATIENCE)}
            command = [self.binary, name, *self.commands[name], "--output", output, "--engine", "spark"]
            begin = time.monotonic()
            process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                       env=environment)
            moment = drawn.uniform(0.05, self.usual)

            def fault():
                time.sleep(moment)
                if process.poll() is not None:
                    return
                if kind in ("cut", "cuts"):
                    for _ in range(1 if kind == "cut" else 4):
                        proxy.cut()
                        time.sleep(drawn.uniform(0.05, 0.6))
                elif kind == "stall":
                    proxy.stall(drawn.uniform(0.5, 6))
                elif kind == "expired":
                    proxy.stall(drawn.uniform(3, 6))
                elif kind == "refuse":
                    proxy.refuse(drawn.uniform(0.2, 5))
                elif kind == "gone":
                    proxy.refuse()
                elif kind == "killed":
                    server.kill()
                    server.start()
                elif kind == "executor":
                    executors = server.executors()
                    if executors:
                        os.kill(drawn.choice(executors), signal.SIGKILL)
                elif kind in STOPPED:
                    process.send_signal(STOPPED[kind][0])

            thread = threading.Thread(target=fault)
            thread.start()
            try:
                stdout, stderr = process.communicate(timeout=MAX_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Failed(f"still running after {MAX_SECONDS} s: {process.communicate()[1]}") from None
            finally:
                thread.join()
            return subprocess.CompletedProcess(command, process.returncode, stdout, stderr), time.monotonic() - begin

    def judge(self, name, kind, done, seconds, output, before, server):
        code, text = done.returncode, done.stderr
        allowed = {0, 1} | ({STOPPED[kind][1]} if kind in STOPPED else set())
        check(code in allowed, f"exit code {code}: {text}")
        check(server.token not in text + done.stdout, "the token shows")
        if FAULTS[kind] is not None:
            check((code == 0) == FAULTS[kind], f"exit code {code}: {text}")
        if code == 0:
            check(content_of(output) == self.expected[name], "it succeeded and wrote something else")
            return
        lines = [line for line in text.splitlines() if line.startswith("firesteel: error:") or "stopped" in line]
        check(len(lines) == 1, f"not one line that says what happened: {text}")
        check("\tat " not in text and "Exception in thread" not in text, f"a stack trace: {text}")
        check(snapshot(output) == before, "it failed and the old output is another")
        if kind == "token":
            check("token" in lines[0], f"nothing of the token: {lines[0]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--runs", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--spark", default="4.3")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="spark_faults_"))
    try:
        campaign = Campaign(arguments, folder)
        try:
            runs = [arguments.only] if arguments.only is not None else range(arguments.runs)
            passed = sum(campaign.one(run) for run in runs)
        finally:
            campaign.stop()
        for outcome, count in sorted(campaign.counts.items()):
            print(f"{count:4} {outcome}")
        orphans = processes_with("org.apache.spark.sql.connect.service.SparkConnectServer")
        mine = [pid for pid in orphans if any(str(server.port) in word for server in campaign.servers.values()
                                              for word in pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0"))]
        print(f"{passed} of {len(runs)} runs passed, the slowest took {campaign.slowest:.0f} s")
        sys.exit(0 if passed == len(runs) and not mine else 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
