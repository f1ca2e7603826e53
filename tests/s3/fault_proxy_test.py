"""The fault proxy does what its faults say, the same ones for the same seed, and harms nothing without them.

usage: fault_proxy_test.py
"""

import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import sys
import tempfile
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fault_proxy
from fault_proxy import FaultProxy
from s3_client import S3Client, S3Error
from s3_server import S3Server

CONTENT = bytes(range(256)) * 40
FAILURES = (OSError, http.client.HTTPException)


class FaultProxyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(S3Server())

    def setUp(self):
        self.direct = S3Client(self.server.url, self.server.bucket)
        self.direct.put("seen", CONTENT)

    def proxy(self, fault=None, **options):
        """A proxy that does one thing to every request it fits."""
        if fault:
            options = {"profile": "harsh", "rate": 1.0, "faults": {fault: 1}, **options}
        proxy = self.enterContext(FaultProxy(self.server.url, **options))
        self.addCleanup(lambda: self.assertEqual(proxy.problems, []))
        return proxy

    def send(self, proxy, method, key, body=None, headers=None, timeout=20):
        """One request on one connection: status, headers, body. No second attempt."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(proxy.endpoint).netloc, timeout=timeout)
        try:
            connection.request(method, f"/{self.server.bucket}/{key}", body, {"Authorization": "AWS4-HMAC-SHA256 Credential=t/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0", **(headers or {})})  # fmt: skip
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def test_without_faults_nothing_changes_and_requests_are_counted(self):
        proxy = self.proxy()
        through = S3Client(proxy.endpoint, self.server.bucket)
        through.put("new", CONTENT)
        self.assertEqual(through.get("new"), CONTENT)
        self.assertEqual(through.list("new"), {"new": len(CONTENT)})
        through.remove(["new"])
        self.assertEqual(self.direct.list("new"), {})
        self.assertEqual(dict(proxy.counts), {"PutObject": 1, "GetObject": 1, "ListObjectsV2": 1, "DeleteObject": 1})
        self.assertEqual(proxy.bytes_sent["PutObject"], len(CONTENT))
        self.assertEqual(proxy.bytes_received["GetObject"], len(CONTENT))
        self.assertEqual([record["method"] for record in proxy.trace], ["PUT", "GET", "GET", "DELETE"])

    def test_answers_in_the_name_of_the_server(self):
        conditional = {"precondition_failed", "conditional_conflict"}
        for fault, (status, code, _) in fault_proxy.ANSWERS.items():
            with self.subTest(fault):
                condition = {"If-None-Match": "*"} if fault in conditional else {"x-amz-checksum-sha256": "of what was sent"}
                got, _, body = self.send(self.proxy(fault), "PUT", "refused", b"x", condition)
                self.assertEqual((got, ElementTree.fromstring(body).findtext("Code")), (status, code))
        self.assertEqual(self.send(self.proxy("bad_gateway"), "GET", "seen")[0], 502)
        status, _, body = self.send(self.proxy("error_in_200"), "PUT", "refused", headers={"x-amz-copy-source": "bucket/seen"})
        self.assertEqual((status, ElementTree.fromstring(body).findtext("Code")), (200, "InternalError"))
        self.assertEqual(self.direct.list("refused"), {})

    def test_a_reset_comes_before_or_after_the_server_did_it(self):
        for fault, done in (("reset_before", False), ("reset_after", True), ("close_before", False)):
            with self.subTest(fault):
                with self.assertRaises(FAILURES):
                    self.send(self.proxy(fault), "PUT", fault, b"x")
                self.assertEqual(bool(self.direct.list(fault)), done)

    def test_a_stall_lasts_until_the_client_gives_up(self):
        for fault in ("stall_before", "stall_after", "stall_body"):
            with self.subTest(fault):
                begin = time.monotonic()
                with self.assertRaises(FAILURES):
                    self.send(self.proxy(fault), "GET", "seen", timeout=0.5)
                self.assertGreater(time.monotonic() - begin, 0.4)

    def test_a_cut_body_is_shorter_than_its_length_says(self):
        with self.assertRaises(http.client.IncompleteRead):
            self.send(self.proxy("cut_body"), "GET", "seen")

    def test_a_slow_body_comes_whole(self):
        begin = time.monotonic()
        self.assertEqual(self.send(self.proxy("slow_body"), "GET", "seen")[2], CONTENT)
        self.assertGreater(time.monotonic() - begin, 0.4)

    def test_damage_to_an_answer_shows_in_its_checksum(self):
        asked = {"x-amz-checksum-mode": "ENABLED"}
        _, headers, body = self.send(self.proxy("corrupt_body"), "GET", "seen", headers=asked)
        self.assertEqual(len(body), len(CONTENT))
        self.assertNotEqual(body, CONTENT)
        true = self.send(self.proxy(), "GET", "seen", headers=asked)
        self.assertEqual(headers["x-amz-checksum-sha256"], true[1]["x-amz-checksum-sha256"])
        _, headers, body = self.send(self.proxy("wrong_checksum"), "GET", "seen", headers=asked)
        self.assertEqual(body, CONTENT)
        self.assertNotEqual(headers["x-amz-checksum-sha256"], true[1]["x-amz-checksum-sha256"])
        _, headers, _ = self.send(self.proxy("wrong_etag"), "GET", "seen")
        self.assertNotEqual(headers["etag"], true[1]["etag"])

    def test_damage_to_a_request_is_refused_if_a_checksum_was_sent(self):
        wrong = {"x-amz-checksum-sha256": "AAAA"}
        self.assertEqual(self.send(self.proxy(), "PUT", "damaged", b"x", wrong)[0], 400)
        self.assertEqual(self.direct.list("damaged"), {})
        self.assertEqual(self.send(self.proxy("damaged_request"), "PUT", "damaged", b"x")[0], 200)
        self.assertNotEqual(self.direct.get("damaged"), b"x")

    def test_a_truncated_listing_is_no_xml(self):
        with self.assertRaises(ElementTree.ParseError):
            S3Client(self.proxy("truncated_listing").endpoint, self.server.bucket).list("seen")

    def test_a_wrong_clock_is_refused(self):
        proxy = self.proxy(check_clock=True)
        now = time.time()
        for minutes, status in ((0, 200), (14, 200), (-14, 200), (20, 403), (-20, 403), (5000, 403)):
            date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now + 60 * minutes))
            self.assertEqual(self.send(proxy, "GET", "seen", headers={"x-amz-date": date})[0], status, minutes)

    def faults_of(self, seed, profile, order):
        proxy = self.proxy(profile=profile, seed=seed, rate=0.5, stall_seconds=0.1, faults={"slow_down": 2, "internal_error": 1})
        for key in order:
            for _ in range(4):
                self.send(proxy, "GET", key)
        return {(fault["target"], fault["fault"]) for fault in proxy.faults}, proxy

    def test_a_seed_gives_the_same_faults_whatever_the_order(self):
        keys = [f"key-{n}" for n in range(8)]
        first, _ = self.faults_of(1, "harsh", keys)
        self.assertTrue(first)
        self.assertEqual(self.faults_of(1, "harsh", keys[::-1])[0], first)
        self.assertNotEqual(self.faults_of(2, "harsh", keys)[0], first)

    def test_mild_never_fails_one_request_three_times_in_a_row(self):
        proxy = self.proxy(profile="mild", rate=1.0, faults={"slow_down": 1})
        self.assertEqual([self.send(proxy, "GET", "seen")[0] for _ in range(6)], [503, 503, 200, 503, 503, 200])

    def test_an_outage_begins_and_does_not_end(self):
        proxy = self.proxy(profile="outage", outage_at=3, stall_seconds=0.1)
        proxy.outage = "access_denied"
        self.assertEqual([self.send(proxy, "GET", "seen")[0] for _ in range(5)], [200, 200, 403, 403, 403])

    def test_hooks_run_before_and_after_the_server_acts(self):
        proxy, seen = self.proxy(), []
        proxy.at_request(1, "before", lambda: seen.append(self.direct.list("hooked")))
        proxy.at_request(1, "after", lambda: seen.append(self.direct.list("hooked")))
        self.send(proxy, "PUT", "hooked", b"x")
        self.assertEqual(seen, [{}, {"hooked": 1}])

    def test_of_racing_writes_with_a_condition_one_wins(self):
        proxy = self.proxy()
        for n in range(5):
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                codes = pool.map(lambda _: self.send(proxy, "PUT", f"raced-{n}", b"x", {"If-None-Match": "*"})[0], range(4))
                self.assertEqual(sorted(codes), [200, 412, 412, 412])

    def test_a_trace_can_be_replayed(self):
        proxy = self.proxy()
        through = S3Client(proxy.endpoint, self.server.bucket)
        through.put("replayed", CONTENT)
        through.get("replayed")
        with tempfile.TemporaryDirectory() as folder:
            proxy.save_trace(f"{folder}/trace.json")
            trace = json.loads(pathlib.Path(folder, "trace.json").read_text())
        self.direct.remove(["replayed"])
        self.assertGreater(fault_proxy.replay(trace, self.server.url), 0)
        self.assertEqual(self.direct.list("replayed"), {"replayed": len(CONTENT)})

    def test_errors_of_the_checking_client_say_the_status(self):
        with self.assertRaises(S3Error) as caught:
            self.direct.get("absent")
        self.assertEqual(caught.exception.status, 404)
        self.assertEqual(hashlib.sha256(self.direct.get("seen")).digest(), hashlib.sha256(CONTENT).digest())


if __name__ == "__main__":
    done = unittest.main(exit=False, verbosity=0, warnings="ignore").result
    failed = len(done.failures) + len(done.errors)
    print(f"fault_proxy_test: {done.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed or not done.testsRun else 0)
