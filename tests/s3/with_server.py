"""Runs a program with a server for S3: its environment names the server, FIRESTEEL_TEST_BUCKET a bucket of it.

usage: with_server.py [--tls] PROGRAM [ARGUMENT...]
"""

import subprocess
import sys

from s3_server import S3Server


def main():
    command = sys.argv[1:]
    tls = command[0] == "--tls"
    with S3Server(tls=tls) as server:
        environment = {**server.environment(), "FIRESTEEL_TEST_BUCKET": server.bucket}
        sys.exit(subprocess.run(command[tls:], env=environment).returncode)


main()
