"""A server for S3 on loopback: moto's, in a process of its own.

    with S3Server() as server:
        subprocess.run([...], env=server.environment())
        server.client().list_objects_v2(Bucket=server.bucket)

`S3Server(tls=True)` speaks HTTPS with a certificate of its own, which `environment()` names in AWS_CA_BUNDLE.
The server has one bucket. It is stopped whenever the block is left, and dies with the process that started it.
Its environment (.cache/venv/moto) is another than that of most tests: `client()` needs boto3 and works only there.
"""

import ctypes
import os
import pathlib
import signal
import shutil
import socket
import ssl
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


# Makes a certificate for 127.0.0.1 that signs itself, and its key, in the folder given.
MAKE_CERTIFICATE = """
import datetime, ipaddress, pathlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder = pathlib.Path(sys.argv[1])
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    .sign(key, hashes.SHA256()))
(folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
(folder / "key.pem").write_bytes(key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
"""


class S3Server:
    def __init__(self, bucket="firesteel-test", patience=30, tls=False, program=(ROOT / "tests/s3/atomic_server.py",)):
        """`program`: what moto's Python is started with, before the flags of moto's server."""
        self.bucket = bucket
        self._tls = tls
        self._folder = None
        self._patience = patience
        self._program = program
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
        options = []
        if self._tls:
            self._folder = tempfile.mkdtemp(prefix="s3_server_")
            subprocess.run([moto_python(), "-c", MAKE_CERTIFICATE, self._folder], check=True)
            options = ["-s", "-c", f"{self._folder}/certificate.pem", "-k", f"{self._folder}/key.pem"]
        # A port can be taken between asking for it and using it, so that may take several attempts.
        for _ in range(5):
            self.port = _free_port()
            self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"
            self._log = tempfile.TemporaryFile()
            self._process = subprocess.Popen(
                [moto_python(), *map(str, self._program), "-H", "127.0.0.1", "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, preexec_fn=_die_with_parent,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            if self._wait():
                self.make_bucket(self.bucket)
                return
            log = self.log()
            self._stop_process()
        raise RuntimeError(f"moto's server does not start:\n{log}")

    def _wait(self):
        end = time.monotonic() + self._patience
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with self._open(self.url + "/moto-api/", 1):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def _open(self, request, timeout):
        context = ssl.create_default_context(cafile=f"{self._folder}/certificate.pem") if self._tls else None
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)).open(request, timeout=timeout)

    def stop(self):
        self._stop_process()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _stop_process(self):
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
        with self._open(request, 10):
            pass

    def environment(self, url=None):
        """The environment of a program that is to use this server, or a proxy before it at `url`."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        environment.update(
            AWS_ENDPOINT_URL=url or self.url, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            AWS_REGION=REGION, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent",
            AWS_SHARED_CREDENTIALS_FILE="/nonexistent", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        if self._tls:
            environment["AWS_CA_BUNDLE"] = f"{self._folder}/certificate.pem"
        return environment

    def client(self):
        """boto3's client of this server."""
        import boto3
        from botocore.config import Config

        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id=ACCESS_KEY,
                            aws_secret_access_key=SECRET_KEY, region_name=REGION,
                            verify=f"{self._folder}/certificate.pem" if self._tls else None,
                            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
