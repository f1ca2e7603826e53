"""What the tests themselves ask of an S3 server: list, read, write and remove objects. Path style, not signed in earnest."""

import base64
import concurrent.futures
import hashlib
import http.client
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree

SIGNATURE = "AWS4-HMAC-SHA256 Credential=checker/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class S3Error(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class S3Client:
    """Threads: any; each has a connection of its own."""

    def __init__(self, endpoint, bucket):
        self.address = urllib.parse.urlsplit(endpoint).netloc
        self.bucket = bucket
        self._local = threading.local()

    def request(self, method, key="", query=None, body=None, headers=None):
        """Returns the answer's headers (names in lower case) and body; throws S3Error from status 300 on."""
        target = f"/{self.bucket}" + (f"/{urllib.parse.quote(key)}" if key else "")
        if query:
            target += "?" + urllib.parse.urlencode(query)
        # The server may have closed a connection that was idle, and moto fails a listing (500) while objects come or go.
        for attempt in range(1, 6):
            try:
                if not hasattr(self._local, "connection"):
                    self._local.connection = http.client.HTTPConnection(self.address, timeout=60)
                connection = self._local.connection
                connection.request(method, target, body, {"Authorization": SIGNATURE, **(headers or {})})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status < 500 or attempt == 5:
                    break
            except (OSError, http.client.HTTPException):
                self._local.connection.close()
                del self._local.connection
                if attempt == 5:
                    raise
        if answer.status >= 300:
            raise S3Error(answer.status, content.decode(errors="replace"))
        return {name.lower(): value for name, value in answer.getheaders()}, content

    def list(self, prefix=""):
        """Sizes of all objects whose keys begin with the prefix, by key."""
        found, query = {}, {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            root = ElementTree.fromstring(self.request("GET", query=query)[1])
            for node in root.iter():
                node.tag = node.tag.rpartition("}")[2]
            for entry in root.findall("Contents"):
                found[urllib.parse.unquote_plus(entry.findtext("Key"))] = int(entry.findtext("Size"))
            token = root.findtext("NextContinuationToken")
            if not token:
                return found
            query["continuation-token"] = token

    def uploads(self, prefix=""):
        """Keys of uploads in parts that are open."""
        root = ElementTree.fromstring(self.request("GET", query={"uploads": ""})[1])
        for node in root.iter():
            node.tag = node.tag.rpartition("}")[2]
        keys = [entry.findtext("Key") for entry in root.findall("Upload")]
        return [key for key in keys if key.startswith(prefix)]

    def get(self, key):
        return self.request("GET", key)[1]

    def put(self, key, content, checksum=True):
        """`checksum`: let the server keep a checksum, which readers may ask for."""
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        self.request("PUT", key, body=content, headers={
            "x-amz-checksum-sha256": digest, "x-amz-sdk-checksum-algorithm": "SHA256"
        } if checksum else {})  # fmt: skip

    def remove(self, keys):
        for key in keys:
            self.request("DELETE", key)

    def get_all(self, prefix):
        """All objects below a prefix: what follows the prefix -> content."""
        keys = sorted(self.list(prefix))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return {key[len(prefix) :]: content for key, content in zip(keys, pool.map(self.get, keys))}
