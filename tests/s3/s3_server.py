"""A server for S3 on loopback: moto's, in a process of its own.

    with S3Server() as server:
        subprocess.run([...], env=server.environment())
        server.client().list_objects_v2(Bucket=server.bucket)

The server has one bucket. It is stopped whenever the block is left, and dies with the process that started it.
Its environment (.cache/venv/moto) is another than that of most tests: `client()` needs boto3 and works only there.
"""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCESS_KEY = "AKIATESTACCESSKEY"
SECRET_KEY = "test/secret+key/that/no/log/may/show"
REGION = "us-east-1"


def moto_python():
    """The Python that has moto."""
    cache = pathlib.Path(os.environ.get("FIRESTEEL_CACHE") or ROOT / ".cache")
    return str(cache / "venv/moto/bin/python3")


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _die_with_parent():
    """For the child: SIGTERM when the thread that started it ends, however it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class S3Server:
    def __init__(self, bucket="firesteel-test", patience=30):
        self.bucket = bucket
        self._patience = patience
        self._process = None
        self._log = None
        self.port = None
        self.url = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def _start(self):
        # A port can be taken between asking for it and using it, so that may take several attempts.
        for _ in range(5):
            self.port = _free_port()
            self.url = f"http://127.0.0.1:{self.port}"
            self._log = tempfile.TemporaryFile()
            self._process = subprocess.Popen(
                [moto_python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, preexec_fn=_die_with_parent,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            if self._wait():
                self.make_bucket(self.bucket)
                return
            log = self.log()
            self.stop()
        raise RuntimeError(f"moto's server does not start:\n{log}")

    def _wait(self):
        end = time.monotonic() + self._patience
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/moto-api/", timeout=1):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def stop(self):
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def log(self):
        """What the server has written, its requests among it."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def make_bucket(self, name):
        # Moto believes in any signature, and here none is needed.
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT", headers={
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/s3/aws4_request, "
                             "SignedHeaders=host, Signature=0"})
        with urllib.request.urlopen(request, timeout=10):
            pass

    def environment(self, url=None):
        """The environment of a program that is to use this server, or a proxy before it at `url`."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        environment.update(
            AWS_ENDPOINT_URL=url or self.url, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            AWS_REGION=REGION, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent",
            AWS_SHARED_CREDENTIALS_FILE="/nonexistent", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        return environment

    def client(self):
        """boto3's client of this server."""
        import boto3
        from botocore.config import Config

        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id=ACCESS_KEY,
                            aws_secret_access_key=SECRET_KEY, region_name=REGION,
                            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
