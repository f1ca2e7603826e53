"""Reads Parquet files of S3 in place, by DuckDB's httpfs: from moto's server, and from a small one that errs as told.

usage: read_in_place_test.py S3_READ_TOOL

What it does not wait for: a server that says nothing, which ends after http_timeout (60 s) five times.
"""

import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

import pyarrow
import pyarrow.parquet

from s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server

TOOL = pathlib.Path(sys.argv.pop(1)).resolve()
TOKEN = "a+session/token=that-no-log-may-show"
INVALID, NOT_FOUND, DENIED, IO, UNAVAILABLE = 11, 12, 14, 15, 16
NUM_ROWS = 1000
SUMS = [499500.0, 1500.0]  # 0 + … + 999 and 1000 * 1.5


def parquet(num_rows=NUM_ROWS):
    table = pyarrow.table({"a": range(num_rows), "b": [1.5] * num_rows})
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table.replace_schema_metadata({"who": "me"}), sink)
    return sink.getvalue().to_pybytes()


class Answers(http.server.BaseHTTPRequestHandler):
    """One object, whatever its name; the server's `fault` may answer instead."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers)))
            number = len(server.requests)
        status, body, headers = server.fault(number, self.command, self.headers) or (0, b"", {})
        content = server.content
        if status == 0:
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            status, body = 200, content
            if wanted:
                begin, end = int(wanted[1]), min(int(wanted[2]) + 1, len(content))
                status, body = 206, content[begin:end]
                headers = {"Content-Range": f"bytes {begin}-{end - 1}/{len(content)}"}
            headers = {**headers, "ETag": server.etag(number)}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class FaultyServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fault=lambda *_: None, etag=lambda number: '"one"'):
        super().__init__(("127.0.0.1", 0), Answers)
        self.fault, self.etag = fault, etag
        self.content, self.requests, self.lock = parquet(), [], threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class ReadInPlaceTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server())

    def put(self, key, content, bucket=None):
        bucket = bucket or self.server.bucket
        headers = {
            "Content-Type": "application/octet-stream",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/s3/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        url = f"{self.server.url}/{bucket}/{urllib.parse.quote(key)}"
        with urllib.request.urlopen(urllib.request.Request(url, data=content, method="PUT", headers=headers)):
            return f"s3://{bucket}/{key}"

    def faulty(self, **options):
        server = FaultyServer(**options)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def run_tool(self, *arguments, url=None, **environment):
        done = subprocess.run(
            [str(TOOL), *arguments], capture_output=True, text=True, timeout=100,
            env={**self.server.environment(url), "AWS_SESSION_TOKEN": TOKEN, **environment},
        )  # fmt: skip
        for secret in (SECRET_KEY, TOKEN):
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done

    def read(self, *arguments, **options):
        done = self.run_tool(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def refusal(self, kind, *arguments, **options):
        done = self.run_tool(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (kind, ""), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr.strip()

    def requests_for(self, key):
        lines = re.findall(r'"(GET|HEAD) (\S+) HTTP', re.sub("\x1b\\[[0-9;]*m", "", self.server.log()))
        return [method for method, path in lines if urllib.parse.unquote(path) == f"/{self.server.bucket}/{key}"]

    def test_local_files_load_nothing(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(parquet())
            file.flush()
            found = self.read("rows", "1", file.name)
        self.assertEqual((found["rows"], found["sums"], found["loaded_httpfs"]), (NUM_ROWS, SUMS, False))

    def test_each_byte_is_asked_for_once(self):
        url = self.put("once.parquet", parquet())
        found = self.read("rows", "3", url)
        self.assertEqual((found["rows"], found["sums"], found["loaded_httpfs"]), (NUM_ROWS, SUMS, True))
        self.assertEqual(self.requests_for("once.parquet"), ["HEAD", "GET"])

    def test_keys_may_hold_what_patterns_are_made_of(self):
        url = self.put("d/a b*?[x]%20+ü'\"&#;=.parquet", parquet())
        self.assertEqual(self.read("rows", "1", url)["sums"], SUMS)

    def test_many_files_of_two_buckets(self):
        self.server.make_bucket("another.bucket")
        urls = [self.put(f"many/{n}.parquet", parquet()) for n in range(3)]
        urls.append(self.put("one.parquet", parquet(10), bucket="another.bucket"))
        self.assertEqual(self.read("rows", "1", *urls)["rows"], 3 * NUM_ROWS + 10)

    def test_footers_and_records(self):
        url = self.put("footer.parquet", parquet(5))
        self.assertEqual(self.read("key", "who", url), "me")
        self.assertIsNone(self.read("key", "whose", url))
        self.assertEqual(self.read("records", "a", url), [0, 1, 2, 3, 4])

    def test_rows_are_numbered_over_files(self):
        urls = [self.put(f"numbered/{n}*.parquet", parquet(5)) for n in range(2)]
        self.assertEqual(self.read("numbered", "0", *urls), sum(range(10)))

    def test_credentials_that_end_soon_are_renewed(self):
        server = self.faulty()
        self.assertEqual(self.read("renew", "0", "s3://b/1", "s3://b/2", url=server.url), [NUM_ROWS, NUM_ROWS])
        keys = {path: re.search("Credential=(KEY[0-9]+)/", headers["Authorization"])[1]
                for method, path, headers in server.requests if method == "HEAD"}  # fmt: skip
        self.assertEqual(keys["/b/1"], "KEY1")
        self.assertGreater(keys["/b/2"], "KEY1")

    def test_what_is_missing_is_named(self):
        missing = f"s3://{self.server.bucket}/missing.parquet"
        self.assertEqual(self.refusal(NOT_FOUND, "rows", "1", missing), f"there is no object {missing}")
        self.assertEqual(self.refusal(NOT_FOUND, "key", "x", missing), f"there is no object {missing}")
        self.assertEqual(self.refusal(NOT_FOUND, "records", "x", missing), f"there is no object {missing}")
        bucket = "s3://no-such-bucket/x.parquet"
        self.assertEqual(self.refusal(NOT_FOUND, "rows", "1", bucket), f"there is no object {bucket}")

    def test_what_is_no_parquet_file_is_named(self):
        cut = self.put("cut.parquet", parquet()[:-10])
        self.assertIn(cut, self.refusal(INVALID, "rows", "1", cut))
        text = self.put("text.parquet", b"hello")
        self.assertIn(text, self.refusal(INVALID, "rows", "1", text))

    def test_a_server_that_is_away_is_worth_retrying(self):
        told = self.refusal(UNAVAILABLE, "rows", "1", "s3://b/k.parquet", url="http://127.0.0.1:9")
        self.assertIn("s3://b/k.parquet: Could not connect to server", told)

    def test_requests_are_signed_with_the_token(self):
        server = self.faulty()
        self.read("rows", "1", "s3://b/k.parquet", url=server.url)
        for _, path, headers in server.requests:
            self.assertEqual(path, "/b/k.parquet")
            self.assertIn(f"Credential={ACCESS_KEY}/", headers["Authorization"])
            self.assertIn(f"/{REGION}/s3/", headers["Authorization"])
            self.assertEqual(headers["x-amz-security-token"], TOKEN)
            self.assertNotIn("x-amz-request-payer", headers)

    def test_requests_are_not_signed_if_so_asked(self):
        server = self.faulty()
        self.read("--s3-no-sign-request", "rows", "1", "s3://b/k.parquet", url=server.url)
        for _, _, headers in server.requests:
            self.assertNotIn("Authorization", headers)
            self.assertNotIn("x-amz-security-token", {name.lower() for name in headers})

    def test_the_requester_pays(self):
        server = self.faulty()
        self.read("--s3-requester-pays", "rows", "1", "s3://b/k.parquet", url=server.url)
        self.assertEqual({h.get("x-amz-request-payer") for _, _, h in server.requests}, {"requester"})

    def test_the_bucket_may_stand_in_the_name_of_the_host(self):
        server = self.faulty()
        url = f"http://localhost:{server.server_address[1]}"
        self.read("--s3-url-style=virtual", "rows", "1", "s3://b/k.parquet", url=url)
        for _, path, headers in server.requests:
            self.assertEqual((path, headers["Host"]), ("/k.parquet", f"b.{url[7:]}"))

    def test_busy_servers_are_asked_again(self):
        for status in (500, 502, 503, 429):
            server = self.faulty(fault=lambda number, *_, s=status: (s, b"", {}) if number < 3 else None)
            self.assertEqual(self.read("rows", "1", "s3://b/k.parquet", url=server.url)["sums"], SUMS, status)

    def test_a_server_that_stays_busy_is_worth_retrying(self):
        server = self.faulty(fault=lambda *_: (503, b"<Error><Code>SlowDown</Code></Error>", {}))
        told = self.refusal(UNAVAILABLE, "rows", "1", "s3://b/k.parquet", url=server.url)
        self.assertIn("s3://b/k.parquet", told)
        self.assertIn("503", told)
        self.assertLessEqual(len(server.requests), 10)  # HEAD, then GET, each at most five times.

    def test_a_denial_says_which_permission(self):
        server = self.faulty(fault=lambda *_: (403, b"<Error><Code>AccessDenied</Code></Error>", {}))
        told = self.refusal(DENIED, "rows", "1", "s3://b/k.parquet", url=server.url)
        self.assertIn("s3://b/k.parquet", told)
        self.assertIn("is denied (HTTP 403); the credentials must be valid and have the permission s3:GetObject", told)

    def test_expired_credentials_are_denied(self):
        body = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
        server = self.faulty(fault=lambda *_: (400, body, {}))
        told = self.refusal(DENIED, "rows", "1", "s3://b/k.parquet", url=server.url)
        self.assertIn("s3://b/k.parquet", told)
        self.assertIn("have expired; get new ones and run again", told)

    def test_the_region_is_found_out(self):
        def fault(_, __, headers):
            right = "/eu-west-9/s3/" in headers["Authorization"]
            return None if right else (301, b"", {"x-amz-bucket-region": "eu-west-9"})

        server = self.faulty(fault=fault)
        self.assertEqual(self.read("rows", "2", "s3://b/k.parquet", url=server.url)["sums"], SUMS)
        self.assertEqual(sum("/eu-west-9/" not in h["Authorization"] for _, _, h in server.requests), 1)

    def test_an_object_that_changes_is_an_error(self):
        server = self.faulty(etag=lambda number: '"one"' if number == 1 else '"two"')
        told = self.refusal(IO, "rows", "1", "s3://b/k.parquet", url=server.url)
        self.assertEqual(told, "s3://b/k.parquet was replaced while it was read (its ETag changed); run again")


if __name__ == "__main__":
    unittest.main()
