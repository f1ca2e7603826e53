"""Runs that meet: two and four at once into one output, with and without --overwrite-output, local and on S3; clocks that are wrong; a
bucket of 50,000 objects.

usage: race_test.py BINARY [--where local|s3|both] [--runs N] [--seed N] [--only RUN] [--objects N]

Of runs at once that may overwrite, each ends well or says that another one was faster, at least one ends well, and the output is that
of one of those, whole. Of runs that may not overwrite exactly one wins.
"""

import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "end_to_end"))

import attack
from attack import COMMANDS, VARIANTS, Attack, Campaign, LocalPlace, S3Place, check
from fault_proxy import FaultProxy
from s3_client import S3Client
from s3_server import S3Server

# sample-data and init have --force in the place of --overwrite-output, and init has one variant.
RACING = [command for command in COMMANDS if command.name not in ("init", "sample-data")]
OFFSETS = {"-20m": -20, "+20m": 20, "-3d": -3 * 1440, "+400d": 400 * 1440}


class Racer:
    """One thread's runs in one place."""

    def __init__(self, campaign, target, server):
        self.campaign, self.attack, self.server = campaign, target, server
        self.where = "s3" if target.place.is_s3 else "local"

    def __call__(self, run):
        drawn = self.campaign.drawn(run)
        command = RACING[run % len(RACING)] if self.campaign.arguments.runs >= len(RACING) else drawn.choice(RACING)
        count, overwrite = drawn.choice((2, 4)), drawn.random() < 0.5
        title = f"{self.where} {command.name}, {count} at once, overwrite {overwrite}"
        outcome = []
        passed = self.campaign.one(
            run, title, lambda: self.race(command, count, overwrite, drawn, outcome), lambda: "\n".join(outcome)
        )
        if not passed:
            self.attack.forget(command)

    def race(self, command, count, overwrite, drawn, outcome):
        if overwrite:
            self.attack.prepare(command)
        else:
            self.attack.place.remove(self.attack.output(command))
        # moto looks at a condition first and writes later; the proxy lets one such write through at a time.
        with FaultProxy(self.server.url) if self.server else contextlib.nullcontext() as proxy:
            processes = []
            for n in range(count):
                variant = VARIANTS[n % 2]
                arguments = (*self.attack.arguments(command, variant), "--overwrite-output", str(overwrite).lower())
                processes.append((variant, time.monotonic(), self.attack.start(arguments, proxy and proxy.endpoint)))
                time.sleep(drawn.choice((0, 0, drawn.uniform(0, 0.03))))
            ended = [(variant, self.attack.wait(process, begin)) for variant, begin, process in processes]
        for variant, done in ended:
            outcome.append(f"{variant}: {done.code} {done.stderr[-300:]}")
        winners = [variant for variant, done in ended if done.code == 0]
        for _, done in ended:
            check(done.code in (0, 1), f"exit code {done.code}")
            if done.code == 1:
                message = done.error()
                check(
                    re.search("exists already|another run|File exists", message), f"the loser of a race does not say so: {message}"
                )
        check(winners, "nobody won")
        check(overwrite or len(winners) == 1, f"{len(winners)} runs won without being allowed to overwrite")
        found = self.attack.variants(command)
        check(found <= set(winners), f"the output is of {found}, and the runs of {winners} ended well")
        (variant,) = found
        self.attack.check_clean(command)
        self.campaign.note(f"{self.where}: {count} at once, overwrite {str(overwrite).lower()}: {len(winners)} won")
        self.attack.recover(command, variant)


def wrong_clocks(campaign, target, server, faketime):
    """Runs under a clock that is wrong: works, or says that the clock is wrong."""
    for name, minutes in OFFSETS.items():
        for command in (c for c in COMMANDS if c.name in ("run", "predict")):

            def skewed(command=command, minutes=minutes, name=name):
                variant = target.prepare(command)
                old = target.current[command.name]
                target.prefix = (faketime, "-f", f"{60 * minutes:+d}")
                try:
                    with FaultProxy(server.url, check_clock=True) if server else contextlib.nullcontext() as proxy:
                        done = target.run(target.arguments(command, variant), proxy and proxy.endpoint)
                finally:
                    target.prefix = ()
                check(done.code == 0 or (server and done.code == 1), f"exit code {done.code}: {done.stderr}")
                if done.code:
                    message = done.error()
                    check(re.search("clock|time", message), f"the message does not speak of the clock: {message}")
                check(target.variants(command) == {old if done.code else variant}, "not the output that the exit code promises")
                campaign.note(f"clock {name}, {'s3' if server else 'local'}: {'worked' if done.code == 0 else 'failed clearly'}")
                target.recover(command, variant)

            campaign.one(f"clock {name}", f"{command.name} with the clock {name}", skewed)


def full_bucket(campaign, target, server, objects, folder):
    """Beside and below a prefix of many objects: what is asked stays in proportion to what is meant, not to what is there."""
    place = target.place
    lines = (folder / "in/a/logs.csv").read_text().splitlines()
    count = 40
    share = -(-(len(lines) - 1) // count)
    for n in range(count):
        part = lines[1 + n * share : 1 + (n + 1) * share]
        if part:
            place.put(f"many/logs/part-{n}.csv", "\n".join([lines[0], *part, ""]).encode())

    def beside():
        run = next(command for command in COMMANDS if command.name == "run")
        output = place.url("many/out")
        seconds, requests = [], []
        for variant in VARIANTS:
            with FaultProxy(server.url) as proxy:
                done = target.run(run.arguments(place.url, variant, output), proxy.endpoint)
                check(done.code == 0, f"exit code {done.code}: {done.stderr}")
                seconds.append(done.seconds)
                requests.append(sum(proxy.counts.values()))
        campaign.note(f"run beside {objects} objects: {seconds[0]:.2f} s, {requests[0]} requests; again over it {seconds[1]:.2f} s, "
                      f"{requests[1]} requests")  # fmt: skip
        check(max(requests) < 1000, f"{requests} requests: the objects beside the output were listed")

    def whole_prefix():
        with FaultProxy(server.url) as proxy:
            done = target.run(
                ("data-preprocessing", "--shipping-logs", place.url("many/logs"), "--product-description",
                 place.url("in/a/products.csv"), "--output", place.url("many/rows")), proxy.endpoint,
            )  # fmt: skip
            check(done.code == 0, f"exit code {done.code}: {done.stderr}")
            campaign.note(f"data-preprocessing of {len(place.client.list(place.prefix + 'many/logs/'))} objects: {done.seconds:.2f} s, "
                          f"{sum(proxy.counts.values())} requests")  # fmt: skip

    def refused():
        """An output that holds so many objects of others is refused, and they stay."""
        before = place.client.list("full/")
        check(len(before) == objects, f"{len(before)} objects in the bucket, not {objects}")
        with FaultProxy(server.url) as proxy:
            done = target.run(
                ("data-preprocessing", "--shipping-logs", place.url("in/a/logs.csv"), "--product-description",
                 place.url("in/a/products.csv"), "--output", f"s3://{place.client.bucket}/full"), proxy.endpoint,
            )  # fmt: skip
        check(done.code == 1, f"exit code {done.code}: {done.stderr}")
        done.error()
        check(place.client.list("full/") == before, "objects of others changed")
        pages = proxy.counts["ListObjectsV2"]
        campaign.note(f"an output of {objects} foreign objects: refused after {done.seconds:.2f} s, {sum(proxy.counts.values())} "
                      f"requests, {pages} of them pages of a listing")  # fmt: skip
        check(sum(proxy.counts.values()) < objects / 1000 * 2 + 50, f"{proxy.counts}: a request for each object?")

    campaign.one("full bucket", "run beside many objects", beside)
    campaign.one("full bucket", "a prefix of several objects as input", whole_prefix)
    campaign.one("full bucket", "an output full of foreign objects", refused)


def main():
    arguments = attack.parse_arguments(
        __doc__, 16, where={"choices": ("local", "s3", "both"), "default": "both"},
        objects={"type": int, "default": 0, "help": "also: a bucket with so many objects (50000 are meant)"},
    )  # fmt: skip
    campaign = Campaign("race_test", arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-race-"))
    faketime = shutil.which("faketime")
    if not faketime:
        print("race_test: no faketime here; the runs with a wrong clock are left out")
    elif subprocess.run([faketime, "-f", "+60", "true"]).returncode:
        faketime = None
        print("race_test: faketime does not work here; the runs with a wrong clock are left out")
    try:
        attack.make_inputs(folder)
        expected = attack.make_expected(folder)
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(S3Server()) if arguments.where != "local" else None

            @contextlib.contextmanager
            def make_worker(number):
                on_s3 = arguments.where == "s3" or (arguments.where == "both" and number % 2 == 0)
                if on_s3:
                    place = S3Place(S3Client(server.url, server.bucket), f"race-{number}/")
                else:
                    place = LocalPlace(folder / f"race-{number}")
                attack.upload_inputs(place, folder)
                target = Attack(place, expected, server.url if on_s3 else None)
                try:
                    if faketime and number == 0 and arguments.only is None:
                        wrong_clocks(campaign, target, server if on_s3 else None, faketime)
                    if arguments.objects and on_s3 and arguments.only is None:
                        for n in range(arguments.objects):
                            place.client.put(f"full/{n // 100:04}/{n:06}.txt", b"x", checksum=False)
                        full_bucket(campaign, target, server, arguments.objects, folder)
                    yield Racer(campaign, target, server if on_s3 else None)
                finally:
                    target.close()

            campaign.share_out(make_worker)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return campaign.finish()


if __name__ == "__main__":
    sys.exit(main())
