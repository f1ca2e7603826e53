"""Finds credentials in every place that FindAwsCredentials knows, with servers on loopback that stand in for AWS.

usage: credentials_test.py CREDENTIALS_TOOL

Sources that are asked by https at a name of AWS (STS for web identity, the SSO portal) are faked in a network namespace of
their own, where the name is loopback's and the certificate is trusted; these tests are skipped where a user may not make
one. What this can't show: that the real services answer as the fakes do.
"""

import contextlib
import fcntl
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

TOOL = pathlib.Path(sys.argv.pop(1)).resolve()
SECRET, TOKEN = "the/secret+key=of/a-test", "the-session=token/of+a-test"
EXPIRES = "2100-01-01T00:00:00Z"
DENIED, UNSUPPORTED = 14, 13
CA_FILES = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
]
AWS_NAMES = ["sts.eu-west-1.amazonaws.com", "portal.sso.eu-west-1.amazonaws.com"]
START_URL = "https://example.awsapps.com/start"

STS_ANSWER = f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKWEB</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>
<SessionToken>{TOKEN}</SessionToken><Expiration>{EXPIRES}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


def answer_json(key_id):
    return json.dumps(
        {"Code": "Success", "AccessKeyId": key_id, "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": EXPIRES}
    )


class Server(http.server.ThreadingHTTPServer):
    """Plays the metadata service, a container's agent, STS and the SSO portal; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, address, status=None):
        self.requests = []
        self.status = status  # Of every answer, if it is an error.
        super().__init__(address, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append([self.command, self.path, headers, body])
        status, text = self.choose(headers, body)
        if self.server.status and self.path != "/latest/api/token":
            # An error that repeats what nobody should see.
            status, text = self.server.status, f"<Error><Message>{SECRET} {TOKEN}</Message></Error>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PUT = do_POST = answer

    def choose(self, headers, body):
        role = "/latest/meta-data/iam/security-credentials"
        if self.path == "/latest/api/token":
            return (200, "the-token-of-imds") if self.command == "PUT" else (405, "")
        if self.path.startswith("/latest/"):
            if headers.get("x-aws-ec2-metadata-token") != "the-token-of-imds":
                return 401, ""
            if self.path.rstrip("/") == role:
                return 200, "the-role"
            return (200, answer_json("AKINSTANCE")) if self.path == f"{role}/the-role" else (404, "")
        if self.path == "/container":
            return (200, answer_json("AKCONTAINER")) if headers.get("authorization") == "let-me-in" else (403, "")
        if self.path.startswith("/federation/credentials"):
            if headers.get("x-amz-sso_bearer_token") != "the-token-of-sso":
                return 401, "{}"
            keys = {"accessKeyId": "AKSSO", "secretAccessKey": SECRET, "sessionToken": TOKEN, "expiration": 4102444800000}
            return 200, json.dumps({"roleCredentials": keys})
        if "Action=AssumeRoleWithWebIdentity" in body:
            return (200, STS_ANSWER) if "WebIdentityToken=the-token-of-the-pod" in body else (400, "")
        return 404, ""

    def log_message(self, *_):
        pass


def serve_and_run(folder):
    """Inside the namespace: answers https for AWS's names, runs the tool, prints what it did and what was asked."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as any_socket:
        up_and_running = 0x41
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))  # SIOCSIFFLAGS
    for file in CA_FILES:
        if os.path.exists(file):
            subprocess.run(["mount", "--bind", f"{folder}/ca.pem", file], check=True)
    subprocess.run(["mount", "--bind", f"{folder}/hosts", "/etc/hosts"], check=True)
    server = Server.__new__(Server)
    server.requests, server.status = [], int(os.environ.get("TEST_STATUS", "0"))
    http.server.ThreadingHTTPServer.__init__(server, ("127.0.0.1", 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = subprocess.run([str(TOOL)], capture_output=True, text=True, timeout=100)
    print(json.dumps([done.returncode, done.stdout, done.stderr, server.requests]))


class CredentialsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-aws-"))
        self.addCleanup(shutil.rmtree, self.home)
        (self.home / ".aws/sso/cache").mkdir(parents=True)
        self.environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "*",
        }

    def write(self, name, text):
        (self.home / name).write_text(text)
        return self.home / name

    def serve(self, **options):
        server = Server(("127.0.0.1", 0), **options)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def run_tool(self, **environment):
        return subprocess.run(
            [str(TOOL)], capture_output=True, text=True, timeout=100, env={**self.environment, **environment}
        )

    def find(self, **environment):
        done = self.run_tool(**environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def refusal(self, kind, **environment):
        done = self.run_tool(**environment)
        self.check_refusal(kind, done.returncode, done.stdout, done.stderr)
        return done.stderr

    def check_refusal(self, kind, returncode, stdout, stderr):
        self.assertEqual((returncode, stdout), (kind, ""), stderr)
        self.assertNotIn(SECRET, stderr)
        self.assertNotIn(TOKEN, stderr)
        self.assertEqual(stderr.count("\n"), 1, stderr)

    def check_keys(self, found, key_id, session_token=TOKEN, loaded=True):
        expected = {
            "access_key_id": key_id,
            "secret_access_key": SECRET,
            "session_token": session_token,
            "loaded_duckdb": loaded,
        }
        self.assertEqual(found, expected)

    def test_environment_comes_first_and_loads_nothing(self):
        self.write(".aws/credentials", "[default]\naws_access_key_id=AKFILE\naws_secret_access_key=x\n")
        found = self.find(AWS_ACCESS_KEY_ID="AKENV", AWS_SECRET_ACCESS_KEY=SECRET, AWS_SESSION_TOKEN=TOKEN)
        self.check_keys(found, "AKENV", loaded=False)

    def test_keys_of_a_profile_load_nothing(self):
        self.write(".aws/credentials", f"[two]\naws_access_key_id=AKFILE\naws_secret_access_key={SECRET}\n")
        self.check_keys(self.find(AWS_PROFILE="two"), "AKFILE", session_token="", loaded=False)

    def test_files_may_lie_elsewhere(self):
        file = self.write("mine", f"[default]\naws_access_key_id=AKFILE\naws_secret_access_key={SECRET}\n")
        self.check_keys(self.find(AWS_SHARED_CREDENTIALS_FILE=str(file)), "AKFILE", session_token="", loaded=False)

    def test_the_process_of_a_profile_is_asked(self):
        keys = {"Version": 1, "AccessKeyId": "AKPROC", "SecretAccessKey": SECRET, "SessionToken": TOKEN}
        output = self.write("keys.json", json.dumps({**keys, "Expiration": EXPIRES}))
        self.write(".aws/config", f"[profile proc]\ncredential_process = cat {output}\n[default]\nregion = eu-west-1\n")
        self.check_keys(self.find(AWS_PROFILE="proc"), "AKPROC")

    def test_a_process_that_fails_is_an_error_without_its_output(self):
        script = self.write("fail.sh", f"echo '{SECRET} {TOKEN}'\nexit 1\n")
        self.write(".aws/config", f"[default]\ncredential_process = sh {script}\n")
        self.assertIn("no AWS credentials were found in", self.refusal(DENIED))

    def test_an_instance_is_asked_by_the_second_version(self):
        server = self.serve()
        found = self.find(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url)
        self.check_keys(found, "AKINSTANCE")
        self.assertEqual(server.requests[0][:2], ["PUT", "/latest/api/token"])
        for method, path, headers, _ in server.requests:
            if path != "/latest/api/token":
                self.assertEqual((method, headers.get("x-aws-ec2-metadata-token")), ("GET", "the-token-of-imds"), path)

    def test_an_instance_without_answers_is_an_error(self):
        server = self.serve(status=500)
        told = self.refusal(
            DENIED, AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url
        )
        self.assertIn("or the role of the EC2 instance; run aws configure", told)
        self.assertTrue(server.requests)

    def test_a_disabled_instance_is_not_asked(self):
        server = self.serve()
        told = self.refusal(DENIED, AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url)
        self.assertEqual(
            told,
            f"no AWS credentials were found in the environment (AWS_ACCESS_KEY_ID) or profile 'default' "
            f"({self.home}/.aws/credentials and {self.home}/.aws/config); run aws configure, set AWS_PROFILE, or give "
            "--s3-no-sign-request for a public bucket\n",
        )
        self.assertEqual(server.requests, [])

    def test_a_container_is_asked(self):
        server = self.serve()
        found = self.find(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/container", AWS_CONTAINER_AUTHORIZATION_TOKEN="let-me-in"
        )
        self.check_keys(found, "AKCONTAINER")

    def test_a_container_that_fails_is_an_error(self):
        server = self.serve(status=500)
        told = self.refusal(
            DENIED,
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/container",
            AWS_CONTAINER_AUTHORIZATION_TOKEN="let-me-in",
        )
        self.assertIn("or the container's address", told)

    def test_a_missing_profile_is_named(self):
        told = self.refusal(DENIED, AWS_PROFILE="nobody")
        self.assertIn("AWS_PROFILE: there is no profile 'nobody' in", told)

    def test_a_role_of_another_profile_says_what_to_do(self):
        self.write(".aws/config", "[profile r]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = s\n")
        told = self.refusal(UNSUPPORTED, AWS_PROFILE="r")
        self.assertIn("aws configure export-credentials --profile r", told)

    def test_half_a_pair_is_refused(self):
        told = self.refusal(DENIED, AWS_SECRET_ACCESS_KEY=SECRET)
        self.assertIn("AWS_ACCESS_KEY_ID is not", told)


def can_make_namespaces():
    try:
        return subprocess.run(["unshare", "-Urmn", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def make_certificates(folder):
    """A certificate authority in ca.pem and a server's certificate for AWS's names."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    names = ",".join(f"DNS:{name}" for name in AWS_NAMES)
    (folder / "names").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "names")  # fmt: skip


@unittest.skipUnless(can_make_namespaces() and shutil.which("openssl"), "no user namespaces or no openssl")
class ServiceOfAwsTest(CredentialsTest):
    """Sources at fixed https addresses."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        make_certificates(cls.folder)
        (cls.folder / "hosts").write_text("127.0.0.1 localhost " + " ".join(AWS_NAMES) + "\n")

    def run_inside(self, **environment):
        """The tool's code, stdout and stderr, and what the server was asked."""
        command = ["unshare", "-Urmn", sys.executable, __file__, str(TOOL), "--inside", str(self.folder)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=200, env={**self.environment, **environment}
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def web_identity(self):
        file = self.write("token", "the-token-of-the-pod")
        return {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod",
            "AWS_REGION": "eu-west-1",
        }

    def sso_session(self):
        self.write(
            ".aws/config",
            "[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
            f"[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = {START_URL}\n",
        )
        token = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": "the-token-of-sso", "expiresAt": EXPIRES}
        self.write(f".aws/sso/cache/{hashlib.sha1(b'corp').hexdigest()}.json", json.dumps(token))

    def test_web_identity(self):
        code, stdout, stderr, requests = self.run_inside(**self.web_identity())
        self.assertEqual((code, stderr), (0, ""))
        self.check_keys(json.loads(stdout), "AKWEB")
        self.assertIn("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpod", requests[0][3])

    def test_web_identity_that_fails_is_an_error(self):
        code, stdout, stderr, requests = self.run_inside(**self.web_identity(), TEST_STATUS="400")
        self.check_refusal(DENIED, code, stdout, stderr)
        self.assertIn("or web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN)", stderr)
        self.assertTrue(requests)

    def test_sso_session(self):
        self.sso_session()
        code, stdout, stderr, requests = self.run_inside(AWS_PROFILE="work")
        self.assertEqual((code, stderr), (0, ""))
        self.check_keys(json.loads(stdout), "AKSSO")
        self.assertEqual(requests[0][1], "/federation/credentials?account_id=123456789012&role_name=Reader")

    def test_sso_of_the_older_form(self):
        self.write(
            ".aws/config",
            f"[default]\nsso_start_url = {START_URL}\nsso_region = eu-west-1\nsso_account_id = 123456789012\n"
            "sso_role_name = Reader\n",
        )
        token = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": "the-token-of-sso", "expiresAt": EXPIRES}
        self.write(f".aws/sso/cache/{hashlib.sha1(START_URL.encode()).hexdigest()}.json", json.dumps(token))
        code, stdout, stderr, _ = self.run_inside()
        self.assertEqual((code, stderr), (0, ""))
        self.check_keys(json.loads(stdout), "AKSSO")

    def test_an_sso_session_that_is_over_says_what_to_run(self):
        self.sso_session()
        code, stdout, stderr, _ = self.run_inside(AWS_PROFILE="work", TEST_STATUS="401")
        self.check_refusal(DENIED, code, stdout, stderr)
        self.assertIn("run aws sso login --profile work", stderr)


# Not inherited: what needs no namespace runs once.
for name in [n for n in dir(CredentialsTest) if n.startswith("test_")]:
    setattr(ServiceOfAwsTest, name, None)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        serve_and_run(sys.argv[2])
    else:
        unittest.main()
