"""Times `run` on S3 beside `run` on local files, and beside a replay of the very same requests, which is the server's own share.

usage: s3_run.py BINARY [--rows N] [--repeats N]

The server is moto's, on loopback. All three take turns; what is printed are medians, the requests of one run, and how many times the local
run the S3 run takes once the replay's time is taken off. Exits with 1 if the two runs differ in their metrics.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/s3"))

from fault_proxy import FaultProxy, replay  # noqa: E402
from s3_client import S3Client  # noqa: E402
from s3_server import S3Server  # noqa: E402

METRICS = "model_training/validation/metrics.json"


def timed_run(binary, sources, output, environment):
    logs, products = sources
    arguments = ["run", "--force", "--quiet", "--shipping-logs", logs, "--product-description", products, "--output", output]
    begin = time.monotonic()
    subprocess.run([binary, *map(str, arguments)], check=True, env=environment)
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firesteel-bench-") as folder, S3Server() as server, S3Server() as other:
        folder = pathlib.Path(folder)
        binary = arguments.binary.resolve()
        subprocess.run([binary, "sample-data", "--quiet", "--output", folder / "data", "--rows", str(arguments.rows)], check=True)
        names = ("ShippingLogs.csv", "ProductDescriptions.csv")
        client = S3Client(server.url, server.bucket)
        for each in (client, S3Client(other.url, other.bucket)):
            for name in names:
                each.put(f"data/{name}", (folder / "data" / name).read_bytes())
        local = tuple(folder / "data" / name for name in names)
        remote = tuple(f"s3://{server.bucket}/data/{name}" for name in names)
        environment = server.environment()

        def on_s3(url=None):
            return timed_run(binary, remote, f"s3://{server.bucket}/out", server.environment(url))

        on_s3()  # Each further run overwrites, as the local ones do.
        with FaultProxy(server.url) as proxy:
            on_s3(proxy.endpoint)
        replay(proxy.trace, other.url)  # What is replayed has other bytes, so it gets a server of its own.
        times = {"local": [], "S3": [], "replay": []}
        for _ in range(arguments.repeats):
            times["local"].append(timed_run(binary, local, folder / "out", environment))
            times["S3"].append(on_s3())
            times["replay"].append(replay(proxy.trace, other.url))
        median = {name: statistics.median(values) for name, values in times.items()}
        for name, seconds in median.items():
            print(f"{name:<7} {seconds:.3f} s  (from {min(times[name]):.3f} to {max(times[name]):.3f})")
        print(f"requests: {sum(proxy.counts.values())} ({', '.join(f'{n} {c}' for n, c in sorted(proxy.counts.items()))})")
        print(f"S3 without the server's share: {(median['S3'] - median['replay']) / median['local']:.2f} times local")
        if client.get(f"out/{METRICS}") != (folder / "out" / METRICS).read_bytes():
            sys.exit("the metrics of the two runs differ")


main()
