"""A proxy between a program and an S3 server on loopback that makes the network and the server fail, by a seed.

usage: fault_proxy.py serve ENDPOINT [--profile mild|harsh|outage|none] [--seed N] [--rate F] [--trace FILE]
       fault_proxy.py replay TRACE ENDPOINT

`serve` prints its own endpoint, and at Ctrl-C what it did: faults, and requests by operation. `replay` sends the requests of a
trace again, each as soon as those have ended that had ended before it began, and prints how long the server took for them all.

Profiles: mild has only what trying again mends, and no request fails more than twice in a row, so a program with retries must
succeed. harsh has everything. outage serves well up to a drawn request and from then on fails every one in one drawn way.
What happens to a request depends on the seed, on what it asks for (names of runs left out) and on how often that was asked
before, not on the order in which threads send: a seed's run can be repeated.
"""

import argparse
import base64
import collections
import dataclasses
import datetime
import hashlib
import http.client
import http.server
import json
import random
import re
import select
import socket
import struct
import sys
import threading
import time
import urllib.parse
import zlib

# What a fault does, with how often it is drawn beside the others.
MILD = {
    "slow_down": 4,  # 503, before the server saw the request, as all answers of this kind.
    "internal_error": 3,
    "bad_gateway": 1,
    "too_many_requests": 1,
    "request_timeout": 1,  # 400 RequestTimeout: the body came too slowly.
    "damaged_request": 2,  # Bytes change on their way: 400 BadDigest if a checksum was sent, else the server takes the wrong ones.
    "reset_before": 3,  # A reset; the server never saw the request.
    "reset_after": 3,  # A reset in place of the answer: the server has done what was asked.
    "close_before": 1,  # An orderly end of the connection in place of an answer.
    "stall_before": 1,  # No byte for longer than the client waits; the server never saw the request.
    "stall_after": 1,  # The same, but the server has done it.
    "stall_body": 1,  # Headers and half the body, then nothing.
    "cut_body": 3,  # Content-Length says more than comes before the connection ends.
    "slow_body": 2,  # All of it, in small pieces with waits.
    "corrupt_body": 2,  # One byte is another one; only where a checksum in the answer lets the client see it.
    "wrong_checksum": 1,  # The answer's checksum header fits no body.
    "error_in_200": 1,  # 200 and an <Error> as the body, which S3 does for copies, completed uploads and deletes.
}
HARSH = MILD | {
    "expired_token": 1,
    "request_expired": 1,
    "time_skewed": 1,
    "access_denied": 2,
    "invalid_access_key": 1,
    "no_such_bucket": 1,
    "precondition_failed": 2,  # Of requests with a condition.
    "conditional_conflict": 1,  # 409, of requests with a condition.
    "operation_aborted": 1,  # 409, of others that write.
    "truncated_listing": 2,  # XML that ends too early, in a body that says it is whole.
    "wrong_etag": 1,
}
OUTAGE = ("slow_down", "internal_error", "bad_gateway", "reset_before", "reset_after", "stall_before", "access_denied",
          "expired_token", "no_such_bucket", "close_before")  # fmt: skip
PROFILES = ("none", "mild", "harsh", "outage")

# Status, code and message of answers that the proxy gives in the server's name.
ANSWERS = {
    "slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "internal_error": (500, "InternalError", "We encountered an internal error. Please try again."),
    "too_many_requests": (429, "TooManyRequests", "Too many requests."),
    "request_timeout": (400, "RequestTimeout", "Your socket connection to the server was not read from or written to in time."),
    "damaged_request": (400, "BadDigest", "The checksum you specified did not match what we received."),
    "expired_token": (400, "ExpiredToken", "The provided token has expired."),
    "request_expired": (403, "RequestExpired", "Request has expired."),
    "time_skewed": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    "access_denied": (403, "AccessDenied", "Access Denied"),
    "invalid_access_key": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "no_such_bucket": (404, "NoSuchBucket", "The specified bucket does not exist"),
    "precondition_failed": (412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    "conditional_conflict": (409, "ConditionalRequestConflict", "A conflicting conditional operation is in progress."),
    "operation_aborted": (409, "OperationAborted", "A conflicting conditional operation is currently in progress."),
}
MAX_SKEW = datetime.timedelta(minutes=15)
CONDITIONS = ("if-match", "if-none-match")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "proxy-connection", "te", "upgrade"}
READS = {"GetObject", "ListObjectsV2", "ListObjects", "ListMultipartUploads", "ListParts"}
LISTINGS = READS - {"GetObject"}
IN_200 = {"CompleteMultipartUpload", "CopyObject", "DeleteObjects"}


@dataclasses.dataclass
class Request:
    method: str
    target: str  # Path and query, as sent.
    headers: dict  # Names in lower case.
    body: bytes
    number: int = 0  # From 1, in the order of arrival.

    def __post_init__(self):
        parts = urllib.parse.urlsplit(self.target)
        self.path = parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.operation = self._operation()
        plain = re.sub(r"[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*", "*", urllib.parse.unquote(self.target))
        self.identity = f"{self.method} {plain} {self.headers.get('range', '')}"

    def _operation(self):
        query, method = self.query, self.method
        has_key = bool(self.path.strip("/").partition("/")[2])
        if not self.path.strip("/"):
            return "ListBuckets"
        if not has_key:
            if method == "POST" and "delete" in query:
                return "DeleteObjects"
            if method == "GET":
                if "uploads" in query:
                    return "ListMultipartUploads"
                for name, operation in (("location", "GetBucketLocation"), ("versioning", "GetBucketVersioning")):
                    if name in query:
                        return operation
                return "ListObjectsV2" if "list-type" in query else "ListObjects"
            return {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, method)
        if "uploadId" in query:
            return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload",
                    "GET": "ListParts"}.get(method, method)  # fmt: skip
        if "uploads" in query:
            return "CreateMultipartUpload"
        if method == "PUT":
            return "CopyObject" if "x-amz-copy-source" in self.headers else "PutObject"
        return {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, method)


@dataclasses.dataclass
class Response:
    status: int
    headers: list  # Pairs.
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    def checksum_headers(self):
        return [key for key, _ in self.headers if re.fullmatch(r"x-amz-checksum-(?:crc\w+|sha\w+)", key.lower())]

    def replace(self, changes):
        self.headers = [(key, changes.get(key.lower(), value)) for key, value in self.headers]


class FaultProxy:
    """Use as a context manager; `endpoint` is where the program is sent. Everything that it counts may be read at any time.

    stall_seconds: how long a stalled request is held, unless the client goes away earlier; longer than any client waits.
    check_clock: refuse requests whose x-amz-date is more than 15 minutes off, as S3 does.

    What moto leaves out is done here: of writes with a condition one is let through at a time, since moto looks first and writes
    later, and bodies that don't fit the checksum sent with them are refused.
    """

    def __init__(self, endpoint, profile="none", seed=0, rate=0.1, stall_seconds=60.0, check_clock=False, outage_at=None, faults=None):
        if profile not in PROFILES:
            raise ValueError(f"no profile '{profile}'")
        parts = urllib.parse.urlsplit(endpoint)
        self.server_address = (parts.hostname, parts.port or 80)
        self.profile, self.seed, self.rate = profile, seed, rate
        self.stall_seconds, self.check_clock = stall_seconds, check_clock
        self.weights = faults or {"mild": MILD, "harsh": HARSH}.get(profile, {})
        drawn = random.Random(f"{seed}|outage")
        self.outage = drawn.choice(OUTAGE)
        self.outage_at = outage_at or drawn.randint(1, 60)
        self.counts = collections.Counter()  # Requests by operation.
        self.bytes_sent = collections.Counter()  # Bodies to the server, by operation.
        self.bytes_received = collections.Counter()
        self.faults = []  # One dict each: number, fault, method, target.
        self.trace = []  # One dict a request, see replay().
        self.problems = []  # What went wrong in the proxy or with the server: a test with any is void.
        self._seen = collections.Counter()
        self._in_a_row = collections.Counter()
        self._lock = threading.Lock()
        self._hooks = []
        self._condition_lock = threading.Lock()
        self._stopping = threading.Event()
        self._start = time.monotonic()

    def __enter__(self):
        proxy = self

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                error = sys.exc_info()[1]
                if not isinstance(error, (ConnectionError, TimeoutError)):
                    proxy.problems.append(repr(error))

        self._server = Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *ignored):
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def at_request(self, number, when, action):
        """Calls `action` at the number-th request (from 1): "before" the server sees it, or "after" it has answered, before the
        client hears of it."""
        self._hooks.append((number, when, action))

    def run_hooks(self, number, when):
        for wanted, moment, action in self._hooks:
            if wanted == number and moment == when:
                action()

    def begin(self, request):
        with self._lock:
            self.counts[request.operation] += 1
            self.bytes_sent[request.operation] += len(request.body)
            request.number = sum(self.counts.values())
            record = {
                "number": request.number,
                "start": time.monotonic() - self._start,
                "method": request.method,
                "target": request.target,
                "operation": request.operation,
                "sent": len(request.body),
            }
            if request.method == "POST":
                record["body"] = request.body.decode(errors="replace")
            if "range" in request.headers:
                record["range"] = request.headers["range"]
            self.trace.append(record)
            return record

    def end(self, record, status, received):
        with self._lock:
            record.update(end=time.monotonic() - self._start, status=status, received=received)
            self.bytes_received[record["operation"]] += received

    def draw(self, request):
        """The fault of a request, or None."""
        with self._lock:
            self._seen[request.identity] += 1
            fault = self._draw(request, self._seen[request.identity])
            if fault:
                self._in_a_row[request.identity] += 1
                self.faults.append(
                    {"number": request.number, "fault": fault, "method": request.method, "target": request.target}
                )
            else:
                self._in_a_row[request.identity] = 0
            return fault

    def _draw(self, request, count):
        if self.check_clock and _is_skewed(request):
            return "time_skewed"
        if self.profile == "outage":
            return self.outage if request.number >= self.outage_at else None
        drawn = random.Random(f"{self.seed}|{request.identity}|{count}")
        if not self.weights or drawn.random() >= self.rate:
            return None
        if self.profile == "mild" and self._in_a_row[request.identity] >= 2:
            return None
        fitting = {fault: weight for fault, weight in self.weights.items() if _fits(fault, request)}
        return drawn.choices(list(fitting), list(fitting.values()))[0] if fitting else None

    def forward(self, request):
        if _has_condition(request) and request.method != "GET":
            with self._condition_lock:
                return self._forward(request)
        return self._forward(request)

    def _forward(self, request):
        connection = http.client.HTTPConnection(*self.server_address, timeout=120)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if request.body or request.method in ("PUT", "POST"):
                connection.putheader("content-length", str(len(request.body)))
            connection.putheader("connection", "close")
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            body = answer.read()
            headers = [(key, value) for key, value in answer.getheaders() if key.lower() not in HOP_BY_HOP - {"content-length"}]
            return Response(answer.status, headers, body)
        except (OSError, http.client.HTTPException) as error:
            if not self._stopping.is_set():
                self.problems.append(f"the server failed on {request.method} {request.target}: {error!r}")
            raise ConnectionAbortedError from error
        finally:
            connection.close()

    def wait_for_client(self, connection):
        """Until the client goes away, the time of a stall is over or the proxy stops."""
        deadline = time.monotonic() + self.stall_seconds
        while time.monotonic() < deadline and not self._stopping.is_set():
            if select.select([connection], [], [], 0.05)[0]:
                return

    def report(self):
        """What was injected, one line a fault, and the requests by operation."""
        lines = [f"{fault['number']}: {fault['fault']} {fault['method']} {fault['target']}" for fault in self.faults]
        lines.append("requests: " + ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items())))
        return "\n".join(lines)

    def save_trace(self, path):
        with self._lock, open(path, "w") as file:
            json.dump(self.trace, file, indent=1)


def _is_skewed(request):
    text = request.headers.get("x-amz-date")
    if not text:
        return False
    sent = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    return abs(datetime.datetime.now(datetime.timezone.utc) - sent) > MAX_SKEW


def _has_condition(request):
    return any(name in request.headers for name in CONDITIONS)


def _says_checksum(request):
    return "content-md5" in request.headers or "x-amz-trailer" in request.headers or any(
        re.fullmatch(r"x-amz-checksum-(?:crc\w+|sha\w+)", name) for name in request.headers
    )


def _is_damaged(request):
    """Whether the body is another one than the checksum says; of kinds that the standard library can compute."""
    ways = {
        "content-md5": lambda body: hashlib.md5(body).digest(),
        "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
        "x-amz-checksum-sha1": lambda body: hashlib.sha1(body).digest(),
        "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    }
    if request.operation not in ("PutObject", "UploadPart", "DeleteObjects"):
        return False
    return any(
        name in request.headers and base64.b64encode(way(request.body)).decode() != request.headers[name] for name, way in ways.items()
    )


def _fits(fault, request):
    """Whether a request can meet a fault. HEAD has no body, so it can't say whether bucket or object is missing."""
    is_conditional = _has_condition(request)
    writes = request.method in ("PUT", "POST", "DELETE")
    if fault in ("cut_body", "slow_body", "stall_body"):
        return request.operation in READS
    if fault in ("corrupt_body", "wrong_checksum"):
        return request.operation == "GetObject"
    if fault == "truncated_listing":
        return request.operation in LISTINGS
    if fault == "wrong_etag":
        return request.operation in ("GetObject", "HeadObject", "PutObject")
    if fault == "error_in_200":
        return request.operation in IN_200
    if fault in ("damaged_request", "request_timeout"):
        return request.operation in ("PutObject", "UploadPart")
    if fault == "no_such_bucket":
        return request.method != "HEAD"
    if fault in ("precondition_failed", "conditional_conflict"):
        return is_conditional and writes
    if fault == "operation_aborted":
        return writes and not is_conditional
    return True


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def log_message(self, *ignored):
        pass

    def _read_body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _reset(self):
        """Ends the connection with a reset instead of an orderly close."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close()

    def _close(self):
        self.close_connection = True
        self.connection.close()

    def _send(self, response, body=None, pause=None):
        """Sends headers, which speak of the whole body, and `body` or all of it."""
        lines = [f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, '')}"]
        headers = response.headers
        if response.header("content-length") is None and response.status not in (204, 304):
            headers = [*headers, ("Content-Length", str(len(response.body)))]
        lines += [f"{key}: {value}" for key, value in headers]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        content = b"" if self.command == "HEAD" else response.body if body is None else body
        if pause is None:
            self.connection.sendall(head + content)
            return
        self.connection.sendall(head)
        size = max(1, len(content) // 20)
        for begin in range(0, len(content), size):
            time.sleep(pause)
            self.connection.sendall(content[begin : begin + size])

    def _answer(self, fault):
        status, code, message = ANSWERS[fault]
        now = datetime.datetime.now(datetime.timezone.utc)
        extra = f"<ServerTime>{now:%Y-%m-%dT%H:%M:%SZ}</ServerTime>" if fault == "time_skewed" else ""
        return Response(
            status,
            [("Content-Type", "application/xml"), ("Date", f"{now:%a, %d %b %Y %H:%M:%S GMT}"), ("x-amz-request-id", "FAULT")],
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{extra}'
            f"<RequestId>FAULT</RequestId></Error>".encode(),
        )

    def _serve(self):
        proxy = self.server.proxy
        request = Request(
            self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, self._read_body()
        )
        record = proxy.begin(request)
        proxy.run_hooks(request.number, "before")
        fault = proxy.draw(request)
        status, received = 0, 0
        try:
            if fault in ("reset_before", "close_before", "stall_before"):
                if fault == "stall_before":
                    proxy.wait_for_client(self.connection)
                self._reset() if fault == "reset_before" else self._close()
                return
            if fault == "damaged_request" and not _says_checksum(request) and request.body:
                request.body = bytes([request.body[0] ^ 1]) + request.body[1:]
            elif fault in ANSWERS or _is_damaged(request):
                fault = fault if fault in ANSWERS else "damaged_request"
                response = self._answer(fault)
                status = response.status
                self._send(response)
                return
            if fault == "bad_gateway":
                status = 502
                self._send(Response(502, [("Content-Type", "text/html")], b"<html><body>502 Bad Gateway</body></html>"))
                return
            if fault == "error_in_200":
                response = self._answer("internal_error")
                response.status = status = 200
                self._send(response)
                return
            response = proxy.forward(request)
            status, received = response.status, len(response.body)
            proxy.run_hooks(request.number, "after")
            self._deliver(fault, response)
        except ConnectionAbortedError:
            self._reset()
        finally:
            proxy.end(record, status, received)

    def _deliver(self, fault, response):
        """Sends the server's answer, damaged if it can be."""
        body = response.body
        is_good = response.status in (200, 206)
        if fault in ("reset_after", "stall_after"):
            if fault == "stall_after":
                self.server.proxy.wait_for_client(self.connection)
            self._reset()
        elif fault in ("cut_body", "stall_body") and is_good and body:
            self._send(response, body[: len(body) // 2])
            if fault == "stall_body":
                self.server.proxy.wait_for_client(self.connection)
            self._close()
        elif fault == "slow_body" and is_good and body:
            self._send(response, pause=0.03)
        elif fault == "corrupt_body" and is_good and body and response.checksum_headers():
            self._send(response, bytes([body[0] ^ 1]) + body[1:])
        elif fault == "wrong_checksum" and is_good and response.checksum_headers():
            wrong = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
            response.replace({
                name.lower(): base64.b64encode(bytes(wrong.get(name.lower().rpartition("-")[2], 4))).decode()
                for name in response.checksum_headers()
            })  # fmt: skip
            self._send(response)
        elif fault == "truncated_listing" and is_good:
            cut = body[: len(body) * 2 // 3]
            response.replace({"content-length": str(len(cut))})
            self._send(response, cut)
        elif fault == "wrong_etag" and is_good:
            response.replace({"etag": f'"{hashlib.md5(b"another object").hexdigest()}"'})
            self._send(response)
        else:
            self._send(response)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve


def replay(trace, endpoint):
    """Sends the requests of a trace to a server, bodies of the same size, and returns the seconds that it takes. Objects that are
    read but not written in the trace must be there."""
    address = urllib.parse.urlsplit(endpoint).netloc
    done = {record["number"]: threading.Event() for record in trace}
    sign = {"Authorization": "AWS4-HMAC-SHA256 Credential=replay/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}
    idle = collections.deque()  # Connections are used again, as the program does.

    def send(record):
        for other in trace:
            if other.get("end", float("inf")) <= record["start"]:
                done[other["number"]].wait()
        try:
            connection = idle.pop()
        except IndexError:
            connection = http.client.HTTPConnection(address, timeout=120)
        try:
            body = record["body"].encode() if "body" in record else bytes(record["sent"])
            headers = dict(sign, **({"Range": record["range"]} if "range" in record else {}))
            connection.request(record["method"], record["target"], body or None, headers)
            connection.getresponse().read()
            idle.append(connection)
        except (OSError, http.client.HTTPException):
            connection.close()
        finally:
            done[record["number"]].set()

    threads = [threading.Thread(target=send, args=(record,)) for record in trace]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve")
    serve.add_argument("endpoint")
    serve.add_argument("--profile", choices=PROFILES, default="mild")
    serve.add_argument("--seed", type=int, default=1)
    serve.add_argument("--rate", type=float, default=0.1)
    serve.add_argument("--trace")
    again = commands.add_parser("replay")
    again.add_argument("trace")
    again.add_argument("endpoint")
    arguments = parser.parse_args()
    if arguments.command == "replay":
        with open(arguments.trace) as file:
            trace = json.load(file)
        print(f"{len(trace)} requests in {replay(trace, arguments.endpoint):.3f} s")
        return
    with FaultProxy(arguments.endpoint, arguments.profile, arguments.seed, arguments.rate) as proxy:
        print(proxy.endpoint, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(proxy.report())
            if arguments.trace:
                proxy.save_trace(arguments.trace)


if __name__ == "__main__":
    main()
