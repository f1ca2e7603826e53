"""Runs a program with a Spark Connect server, which its environment names in SPARK_REMOTE, with the token.

usage: with_connect.py [--spark 4.3|4.1] [--cluster] [--conf KEY=VALUE]... PROGRAM [ARGUMENT...]

With --cluster, a standalone cluster of one master and two workers, else local[2]. All of it is stopped when the program ends, and when this
is stopped itself.
"""

import argparse
import signal
import subprocess
import sys

from server import ENVIRONMENTS, ConnectServer, die_with_parent


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--spark", choices=ENVIRONMENTS, default="4.3")
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--conf", action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("no program is given")
    settings = dict(setting.split("=", 1) for setting in arguments.conf)
    # So that the server's block is left in an orderly way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ConnectServer(arguments.spark, arguments.cluster, settings) as server:
        process = subprocess.Popen(arguments.command, env=server.environment(), preexec_fn=die_with_parent)
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    sys.exit(code if code >= 0 else 128 - code)


main()
