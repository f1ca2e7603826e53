"""A Spark Connect server on loopback, of a PySpark package, in processes of its own.

    with ConnectServer() as server:
        subprocess.run([...], env=server.environment())

`ConnectServer("4.1")` is that of another environment (FIRESTEEL_CACHE/venv/…), `ConnectServer(cluster=True)` has a standalone cluster of one
master and two workers behind it, all from the same package. The server asks for a token, which `url` has. All is stopped when
the block is left, with the files it made, and gets SIGTERM when this program ends, however that happens.

`kill()` and `start()` again on the same port with the same token: what a client sees of a server that crashed. `executors()` are the
processes that do the work of a cluster.
"""

import concurrent.futures
import ctypes
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENTS = {"4.3": "test", "4.1": "spark41"}
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
HOST = "127.0.0.1"


def cache():
    return pathlib.Path(os.environ.get("FIRESTEEL_CACHE") or ROOT / ".cache").resolve()


def spark_home(version="4.3"):
    """The Spark of a PySpark package, which has all but the scripts of a standalone cluster."""
    found = list((cache() / "venv" / ENVIRONMENTS[version]).glob("lib/python3*/site-packages/pyspark"))
    if len(found) != 1:
        raise RuntimeError(f"there is no PySpark {version} in {cache()}: run tools/setup test")
    return found[0]


def free_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def accepts(port):
    with socket.socket() as attempt:
        attempt.settimeout(1)
        return attempt.connect_ex((HOST, port)) == 0


def command_line(pid):
    """The arguments of a process; none if it is gone or a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def processes_with(word):
    """The ids of all processes with `word` among their arguments."""
    pids = [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if word in command_line(pid)]


# A child is told of the end of the thread that started it, not of the program's: this one lasts as long as the program.
STARTER = concurrent.futures.ThreadPoolExecutor(max_workers=1)


def die_with_parent():
    """For the child of STARTER: SIGTERM when this program ends, however it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class SparkProcess:
    """One Java process of Spark with its log, in a process group of its own. Spark's scripts become it by exec."""

    def __init__(self, name, arguments, folder, environment):
        self.name = name
        self._log = folder / f"{name}.log"
        with open(self._log, "ab") as log:
            self._process = STARTER.submit(
                subprocess.Popen, list(map(str, arguments)), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=die_with_parent).result()
        self.pid = self._process.pid

    def runs(self):
        return self._process.poll() is None

    def log(self):
        return self._log.read_text(errors="replace")

    def wait_until(self, is_ready, what, patience):
        end = time.monotonic() + patience
        while not is_ready():
            if not self.runs() or time.monotonic() > end:
                why = "did not in time" if self.runs() else f"ended with {self._process.returncode}"
                raise RuntimeError(f"the {self.name} should {what}, and {why}:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def stop(self, number=signal.SIGTERM, patience=20):
        """Ends the process and whatever it started."""
        if self.runs():
            self._process.send_signal(number)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


class ConnectServer:
    def __init__(self, version="4.3", cluster=False, settings=None, patience=120):
        """`settings`: Spark's settings of the server, besides those that make it small and quiet."""
        self.version = version
        self.cluster = cluster
        self.token = secrets.token_hex(32)
        self.port = None
        self.folder = None
        self._settings = dict(settings or {})
        self._patience = patience
        self._home = spark_home(version)
        self._cluster_url = None
        self._daemons = []
        self._server = None

    def __enter__(self):
        try:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="connect_server_"))
            for name in ("conf", "local", "work"):
                (self.folder / name).mkdir()
            if self.cluster:
                self._start_cluster()
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        # PySpark's client takes a token without TLS for this spelling of loopback only.
        return f"sc://localhost:{self.port}/;token={self.token}"

    @property
    def pid(self):
        return self._server.pid

    def environment(self):
        """The environment of a program that is to use this server."""
        return {**os.environ, "SPARK_REMOTE": self.url}

    def log(self):
        """What the server has written, over all its starts."""
        return self._server.log()

    def runs(self):
        return self._server is not None and self._server.runs()

    def start(self):
        """Starts the server, again on the same port if it ran before; returns when it listens."""
        # A port can be taken between asking for it and using it, so that may take several attempts.
        for attempt in range(5):
            if self.port is None or attempt > 0:
                self.port = free_port()
            self._server = self._launch_server()
            try:
                self._server.wait_until(lambda: accepts(self.port), "listen", self._patience)
                return
            except RuntimeError:
                self._server.stop()
                if "BindException" not in self._server.log() or attempt == 4:
                    raise

    def kill(self):
        """Ends the server as a crash would: its sessions, views and results are gone."""
        self._server.stop(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()

    def executors(self):
        """The processes that do the work of a cluster, which ends those of a server that is gone."""
        return [pid for pid in processes_with(EXECUTOR) if self._cluster_mark() in command_line(pid)]

    def stop(self):
        if self._server is not None:
            self._server.stop()
        for daemon in reversed(self._daemons):
            daemon.stop()
        self._daemons = []
        folder, self.folder = self.folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _spark_environment(self, **more):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
        return {
            **kept, "SPARK_HOME": str(self._home), "SPARK_LOCAL_IP": HOST, "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_LOCAL_DIRS": str(self.folder / "local"), "SPARK_WORKER_DIR": str(self.folder / "work"), **more}

    def _daemon(self, name, *arguments):
        # The variable counts for the Connect server, too, and would be too little for that.
        environment = self._spark_environment(SPARK_DAEMON_MEMORY="256m")
        daemon = SparkProcess(name, [self._home / "bin/spark-class", *arguments, "--host", HOST, "--webui-port", 0], self.folder, environment)
        self._daemons.append(daemon)
        return daemon

    def _cluster_mark(self):
        return f"-Dfiresteel.test={self.token[:8]}"

    def _start_cluster(self):
        port = free_port()
        master = self._daemon("master", MASTER, "--port", port)
        master.wait_until(lambda: accepts(port), "listen", self._patience)
        self._cluster_url = f"spark://{HOST}:{port}"
        workers = [
            self._daemon(f"worker{number}", WORKER, "--cores", 1, "--memory", "1g", "--work-dir", self.folder / "work", self._cluster_url)
            for number in (1, 2)]
        for worker in workers:
            worker.wait_until(lambda: "Successfully registered with master" in worker.log(), "register", self._patience)

    def _launch_server(self):
        settings = {
            "spark.connect.grpc.binding.address": HOST, "spark.connect.grpc.binding.port": self.port, "spark.ui.enabled": "false",
            "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, "spark.driver.memory": "2g",
            "spark.sql.warehouse.dir": self.folder / "warehouse"}
        if self.cluster:
            # No job starts before both workers have an executor.
            settings.update({
                "spark.executor.memory": "768m", "spark.executor.cores": 1, "spark.cores.max": 2,
                "spark.executor.extraJavaOptions": self._cluster_mark(), "spark.scheduler.minRegisteredResourcesRatio": 1.0,
                "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s"})
        settings.update(self._settings)
        command = [self._home / "bin/spark-submit", "--class", SERVER, "--master", self._cluster_url or "local[2]", "--name", "firesteel-test"]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        return SparkProcess("server", command, self.folder, self._spark_environment(SPARK_CONNECT_AUTHENTICATE_TOKEN=self.token))
