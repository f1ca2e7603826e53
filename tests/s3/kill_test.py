"""A command that is killed while it writes over an old output leaves the old output or the new one, never a mixture, and the next run
succeeds and leaves no stray file. Every command; kill -9, now and then SIGTERM or SIGINT; at random moments.

usage: kill_test.py BINARY [--where local|s3|both] [--runs N] [--seed N] [--only RUN]

Local runs are killed after a random time, S3 runs also when a random request reaches the server or has been answered.
"""

import contextlib
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "end_to_end"))

import attack
from attack import COMMANDS, SIGNALS, Campaign, check
from fault_proxy import FaultProxy
from s3_server import S3Server


class Killer:
    """One thread's runs in one place."""

    def __init__(self, campaign, target, server):
        self.campaign, self.attack, self.server = campaign, target, server
        self.usual = {}  # Command's name -> seconds and requests of an undisturbed run.
        self.where = "s3" if target.place.is_s3 else "local"

    def measure(self, command):
        """How long the command takes, and how many requests. The first run after a start is slower, so it is not the measure."""
        for _ in range(0 if command.name in self.usual else 2):
            variant = self.attack.prepare(command)
            with self.proxy() as proxy:
                done = self.attack.run(self.attack.arguments(command, variant), proxy and proxy.endpoint)
            check(done.code == 0, f"an undisturbed run exits with {done.code}: {done.stderr}")
            self.attack.current[command.name] = variant
            self.learn(command, done.seconds, sum(proxy.counts.values()) if proxy else 0)
        return self.usual[command.name]

    def learn(self, command, seconds, requests):
        known = self.usual.get(command.name, (seconds, requests))
        self.usual[command.name] = (min(known[0], seconds), requests)

    def wait_until_it_writes(self, command, process):
        """Until a local run has written something beside its output; for most commands the list, which they write last."""
        path = self.attack.place.root / self.attack.output(command)
        wanted = f".{path.name}*" if command.is_file or command.files else f".{path.name}.firesteel-*/manifest.json"
        while process.poll() is None and not any(path.parent.glob(wanted)):
            time.sleep(0.0002)

    def proxy(self):
        return FaultProxy(self.server.url) if self.server else contextlib.nullcontext()

    def __call__(self, run):
        drawn = self.campaign.drawn(run)
        command = COMMANDS[run % len(COMMANDS)]
        number = drawn.choices([signal.SIGKILL, signal.SIGTERM, signal.SIGINT], [8, 1, 1])[0]
        moment = []
        passed = self.campaign.one(
            run, f"{self.where} {command.name} {number.name}", lambda: self.kill(command, number, drawn, moment), lambda: "".join(moment)
        )
        if not passed:
            self.attack.forget(command)

    def kill(self, command, number, drawn, moment):
        seconds, requests = self.measure(command)
        variant = self.attack.prepare(command)
        old = "old" if command.name == "init" else self.attack.current[command.name]
        with self.proxy() as proxy:
            if requests and drawn.random() < 0.7:
                # Most of what matters happens when the output is put in place, with the last requests.
                at, when = drawn.randint(1, requests), drawn.choice(("before", "after"))
                started = threading.Event()

                def act():
                    started.wait()
                    attack.stop(process, number)
                    if number == signal.SIGKILL:
                        process.wait()

                proxy.at_request(at, when, act)
                moment.append(f"stopped {when} request {at} of about {requests}")
                begin = time.monotonic()
                process = self.attack.start(self.attack.arguments(command, variant), proxy.endpoint)
                started.set()
            else:
                # What matters most is the end of a run, which puts the output in place.
                is_late = not proxy and drawn.random() < 0.6
                wait = drawn.uniform(0, 0.01) * drawn.random() if is_late else seconds * drawn.random()
                moment.append(f"stopped {wait:.4f} s after " + ("it wrote its list" if is_late else f"its start, of about {seconds:.4f}"))
                begin = time.monotonic()
                process = self.attack.start(self.attack.arguments(command, variant), proxy and proxy.endpoint)
                if is_late:
                    self.wait_until_it_writes(command, process)
                time.sleep(wait)
                attack.stop(process, number)
            done = self.attack.wait(process, begin)
            check(not proxy or not proxy.problems, f"the proxy failed: {proxy and proxy.problems}")
        check(done.code in (0, *SIGNALS[number]), f"exit code {done.code}: {done.stderr}")
        found = self.attack.variants(command)
        check(found <= {old, variant}, f"the output is of {found}")
        if done.code == 0:
            self.learn(command, done.seconds, requests)
            check(found == {variant}, "the run ended well, and the output is the old one")
        if number != signal.SIGKILL and done.code != 0 and not command.files:
            if done.code > 0:
                done.error()
            if done.code > 0 and not self.attack.place.is_s3:
                self.attack.check_clean(command)
        state = "the new output" if found == {variant} and old != variant else "the old output" if found == {old} else "files of both"
        self.campaign.note(f"{self.where}: {number.name} left {state}" if done.code else f"{self.where}: ended before the signal")
        self.attack.recover(command, variant)


def main():
    arguments = attack.parse_arguments(__doc__, 20, where={"choices": ("local", "s3", "both"), "default": "both"})
    campaign = Campaign("kill_test", arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-kill-"))
    try:
        attack.make_inputs(folder)
        expected = attack.make_expected(folder)
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(S3Server()) if arguments.where != "local" else None

            @contextlib.contextmanager
            def make_worker(number):
                with attack.worker_attack(arguments.where, "kill", number, server, folder, expected) as target:
                    yield Killer(campaign, target, server if target.place.is_s3 else None)

            campaign.share_out(make_worker)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return campaign.finish()


if __name__ == "__main__":
    sys.exit(main())
