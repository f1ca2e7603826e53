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
from attack import COMMANDS, VARIANTS, Attack, Campaign, S3Place, check
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
        command = RACING[run % len(RACING)]
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


def full_bucket(campaign, objects, expected, folder):
    """A bucket with many objects: what is asked stays in proportion to what is meant, not to what lies beside it."""
    program = (pathlib.Path(__file__).with_name("full_bucket.py"), "crowd", objects)
    with S3Server(program=program, patience=120) as server:
        client = S3Client(server.url, "crowd")
        place = S3Place(client, "full/")
        attack.upload_inputs(place, folder)
        target = Attack(place, expected, server.url)

        def measured(title, arguments, code=0):
            with FaultProxy(server.url) as proxy:
                done = target.run(arguments, proxy.endpoint)
            check(done.code == code, f"exit code {done.code}: {done.stderr}")
            check(not proxy.problems, f"the proxy failed: {proxy.problems}")
            requests = sum(proxy.counts.values())
            campaign.note(f"{title}: {done.seconds:.2f} s, {requests} requests, {proxy.counts['ListObjectsV2']} of them listings")
            return done, requests

        def among():
            """Input and output among the objects, below the same prefix."""
            run = next(command for command in COMMANDS if command.name == "run")
            for variant in VARIANTS:
                target.current.pop("run", None)
                _, requests = measured(f"run among {objects} objects", target.arguments(run, variant))
                check(requests < 400, f"{requests} requests: were the objects beside the output listed?")
                check(target.variants(run) == {variant}, "another output than it should be")
            target.check_clean(run)

        def whole_prefix():
            """All objects below the prefix are listed to find the data among them, a thousand with each request."""
            done, requests = measured(
                f"a pattern over {objects} objects",
                ("data-preprocessing", "--shipping-logs", f"s3://crowd/{place.prefix}*/a/logs.csv", "--product-description",
                 place.url("in/a/products.csv"), "--output", place.url("out/by-pattern")),
            )  # fmt: skip
            check(requests < objects / 1000 * 2 + 100, f"{requests} requests: one for each object?")

        def refused():
            """An output that holds so many objects of others is refused, and they stay."""
            before = client.list("full/")
            check(len(before) >= objects, f"only {len(before)} objects in the bucket")
            done, requests = measured(
                f"an output of {objects} foreign objects, refused",
                ("data-preprocessing", "--shipping-logs", folder / "in/a/logs.csv", "--product-description",
                 folder / "in/a/products.csv", "--output", "s3://crowd/full"), code=1,
            )  # fmt: skip
            check("full" in done.error() and "will not delete" in done.error(), f"another reason: {done.error()}")
            check(client.list("full/") == before, "objects of others changed")
            check(requests < objects / 1000 * 2 + 100, f"{requests} requests: one for each object?")

        try:
            campaign.one("full bucket", "run among many objects", among)
            campaign.one("full bucket", "a pattern over many objects", whole_prefix)
            campaign.one("full bucket", "an output full of foreign objects", refused)
        finally:
            target.close()


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
                with attack.worker_attack(arguments.where, "race", number, server, folder, expected) as target:
                    own_server = server if target.place.is_s3 else None
                    if faketime and number == 0 and arguments.only is None:
                        wrong_clocks(campaign, target, own_server, faketime)
                    yield Racer(campaign, target, own_server)

            campaign.share_out(make_worker)
            if arguments.objects and arguments.only is None:
                full_bucket(campaign, arguments.objects, expected, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return campaign.finish()


if __name__ == "__main__":
    sys.exit(main())
