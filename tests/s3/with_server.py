"""Runs a program with a server for S3: its environment names the server, FIRESTEEL_TEST_BUCKET a bucket of it.

usage: with_server.py PROGRAM [ARGUMENT...]
"""

import subprocess
import sys

from s3_server import S3Server


def main():
    with S3Server() as server:
        environment = {**server.environment(), "FIRESTEEL_TEST_BUCKET": server.bucket}
        sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)


main()
