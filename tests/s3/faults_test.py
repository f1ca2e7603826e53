"""Every command on S3, through a proxy that makes the network and the server fail: each run is complete and right, or fails with exit
code 1 and one clear line; the output is then the old one or the new one, whole; no run hangs; the next run, undisturbed, succeeds and
leaves no stray object, no open upload and no temporary file. No secret shows anywhere.

usage: faults_test.py BINARY [--runs N] [--seed N] [--only RUN] [--profile mild|harsh|outage]

A third of the runs each has only faults that trying again mends, and must succeed; any faults; or an outage that begins at some
request and does not end. What the program waits for is lowered to a second (FIRESTEEL_S3_TIMEOUT).
"""

import contextlib
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "end_to_end"))

import attack
from attack import COMMANDS, Campaign, Command, check
from fault_proxy import FaultProxy
from s3_server import S3Server

PROFILES = ("mild", "harsh", "outage")
RATES = {"mild": 0.12, "harsh": 0.1, "outage": 0}
# Retries with growing waits may add up, but not to more than this.
MAX_SECONDS = {"mild": 60, "harsh": 60, "outage": 90}

# Reads alone, and writes to stdout.
DESCRIBE = Command("describe", lambda url, v, out: ("describe", url(f"base/{v}")))


class Disturber:
    """One thread's runs."""

    def __init__(self, campaign, target, server, described):
        self.campaign, self.attack, self.server, self.described = campaign, target, server, described
        self.slowest = 0.0

    def __call__(self, run):
        drawn = self.campaign.drawn(run)
        commands = [*COMMANDS, DESCRIBE]
        command = commands[run % len(commands)]
        profile = self.campaign.arguments.profile or drawn.choice(PROFILES)
        report = []
        passed = self.campaign.one(
            run, f"{command.name}, {profile}", lambda: self.disturb(command, profile, drawn, report), lambda: "\n".join(report)
        )
        if not passed and command is not DESCRIBE:
            self.attack.forget(command)

    def disturb(self, command, profile, drawn, report):
        if command is DESCRIBE:
            variant, arguments = "a", DESCRIBE.arguments(self.attack.place.url, "a", None)
        else:
            variant = self.attack.prepare(command)
            arguments = self.attack.arguments(command, variant)
        old = "old" if command.name == "init" else self.attack.current.get(command.name)
        with FaultProxy(
            self.server.url, profile, drawn.randint(0, 10**9), RATES[profile] * drawn.choice((0.5, 1, 2)),
            outage_at=int(2 ** drawn.uniform(0, 7.5)),
        ) as proxy:  # fmt: skip
            try:
                done = self.attack.run(arguments, proxy.endpoint, MAX_SECONDS[profile])
                report.append(done.stderr)
            finally:
                report.append(proxy.report())
            check(not proxy.problems, f"the proxy failed: {proxy.problems}")
            for fault in proxy.faults:
                self.campaign.note(f"fault {fault['fault']}")
        check(done.code in (0, 1), f"exit code {done.code}")
        check(done.code == 0 or profile != "mild", "failed, though every fault could be mended by trying again")
        if done.code == 1:
            message = done.error()
            check(proxy.faults, "failed without a fault")
            check("s3://" in message or "S3" in message or "bucket" in message, f"the message does not say where: {message}")
        if command is DESCRIBE:
            check(done.stdout == (self.described if done.code == 0 else ""), f"stdout is not what it should be: {done.stdout[:500]}")
            self.campaign.note(f"{profile}: {'succeeded' if done.code == 0 else 'failed clearly'}")
            return
        found = self.attack.variants(command)
        check(found <= {old, variant}, f"the output is of {found}")
        if done.code == 0:
            check(found == {variant}, "the run ended well, and the output is the old one")
        state = "new output" if found == {variant} and old != variant else "old output" if found == {old} else "files of both"
        self.campaign.note(f"{profile}: {'succeeded' if done.code == 0 else 'failed clearly, ' + state}")
        if profile == "mild":
            self.attack.check_clean(command)
        left = list((self.attack.temporary / "tmp").iterdir())
        check(not left, f"the run left in the temporary folder: {left}")
        self.attack.recover(command, variant)


def main():
    arguments = attack.parse_arguments(__doc__, 20, profile={"choices": PROFILES})
    campaign = Campaign("faults_test", arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-faults-"))
    try:
        attack.make_inputs(folder)
        expected = attack.make_expected(folder)
        with S3Server() as server:
            described = []

            @contextlib.contextmanager
            def make_worker(number):
                with attack.worker_attack("s3", "faults", number, server, folder, expected, AWS_MAX_ATTEMPTS=5) as target:
                    done = target.run(DESCRIBE.arguments(target.place.url, "a", None))
                    check(done.code == 0, f"describe fails undisturbed: {done.stderr}")
                    described.append(done.stdout)
                    yield Disturber(campaign, target, server, described[0])

            campaign.share_out(make_worker)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return campaign.finish()


if __name__ == "__main__":
    sys.exit(main())
