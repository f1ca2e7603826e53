"""Disks that are full, read-only, broken or gone while a command writes over an old output: exit code 1, one clear line, the old output
intact, nothing left behind, and the next run succeeds.

usage: disk_test.py BINARY [--runs N] [--seed N] [--only RUN] [--situation NAME]

Small disks are mounted in a mount namespace of the test's own, so that they go with it; that takes root or a user namespace. What is
not permitted is left out, with its reason printed.
"""

import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import attack
from attack import COMMANDS, Attack, Campaign, LocalPlace, check

NAMESPACE = "FIRESTEEL_DISK_TEST_NAMESPACE"
NOBODY = 65534
# What messages say of the reasons, as the system words them.
FULL = "No space left on device"
BROKEN = ("No space left on device", "Input/output error", "Read-only file system")


def enter_namespace():
    """Starts this script again in a mount namespace of its own, if that is permitted; returns why not otherwise."""
    if NAMESPACE in os.environ:
        return os.environ[NAMESPACE]
    way = ["unshare", "--mount", "--propagation", "private"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    try:
        probe = subprocess.run([*way, "true"], capture_output=True, text=True)
        reason = probe.stderr.strip() if probe.returncode else ""
    except OSError as error:
        reason = str(error)
    os.environ[NAMESPACE] = reason
    if reason:
        return reason
    os.execvp(way[0], [*way, sys.executable, sys.argv[0], str(attack.BINARY), *sys.argv[1:]])


def call(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}")


class Disk:
    """A small disk, mounted while it lives. thin: an ext4 whose blocks are kept on a disk that can be filled up behind its back, so
    that what the program wrote can't be brought to it: a disk that breaks."""

    def __init__(self, folder, kind):
        self.folder, self.kind = folder, kind
        self.point, self.backing = folder / "disk", folder / "backing"
        self.point.mkdir(parents=True)
        if kind == "tmpfs":
            call("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.point)
            return
        self.backing.mkdir()
        call("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", self.backing)
        size = "64M" if kind == "thin" else "12M"
        call("truncate", "-s", size, self.backing / "image")
        call("mkfs.ext4", "-q", "-E", "lazy_itable_init=1", "-J", "size=1", "-m", "0", "-b", "1024", self.backing / "image")
        self.mount()

    def mount(self):
        call("mount", "-o", "loop,errors=remount-ro", self.backing / "image", self.point)

    def fill(self, left):
        """Leaves so many bytes free, on a thin disk behind it."""
        where = self.backing if self.kind == "thin" else self.point
        os.sync()
        status = os.statvfs(where)
        size = status.f_bavail * status.f_frsize - left
        if size > 0:
            with contextlib.suppress(OSError), open(where / "filler", "wb", buffering=0) as file:
                file.write(bytes(size))

    def empty(self):
        for where in (self.backing, self.point):
            (where / "filler").unlink(missing_ok=True)

    def remount(self):
        """Forgets what the system keeps in memory of the disk: what is there afterwards is what has reached it."""
        call("umount", self.point)
        self.mount()

    def close(self):
        for point in (self.point, self.backing):
            while subprocess.run(["umount", "-l", point], capture_output=True).returncode == 0:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


class Wrecker:
    """Runs commands over an old output while the disk below it fails."""

    def __init__(self, campaign, folder, expected, situations):
        self.campaign, self.folder, self.expected, self.situations = campaign, folder, expected, situations
        self.count = 0

    def __call__(self, run):
        drawn = self.campaign.drawn(run)
        situation = self.campaign.arguments.situation or list(self.situations)[run % len(self.situations)]
        command = drawn.choice(COMMANDS)
        said = []
        self.campaign.one(
            run, f"{situation} {command.name}", lambda: self.wreck(situation, command, drawn, said), lambda: "\n".join(said)
        )

    def wreck(self, situation, command, drawn, said):
        self.count += 1
        folder = self.folder / f"disk-{self.campaign.name}-{self.count}"
        with contextlib.ExitStack() as stack:
            disk = None
            if kind := {"full tmpfs": "tmpfs", "full ext4": "ext4", "broken": "thin", "read-only": "tmpfs", "unmounted": "tmpfs"}.get(
                situation
            ):
                disk = Disk(folder, kind)
                stack.callback(disk.close)
            root = disk.point if disk else folder / "plain"
            root.mkdir(parents=True, exist_ok=True)
            stack.callback(shutil.rmtree, folder, True)
            place = OutputsElsewhere(root, self.folder)
            target = Attack(place, self.expected)
            stack.callback(target.close)
            variant = target.prepare(command)
            old = "old" if command.name == "init" else target.current[command.name]
            done = getattr(self, situation.replace(" ", "_").replace("-", "_"))(target, command, variant, disk, drawn)
            said.append(done.stderr)
            check(done.code in (0, 1), f"exit code {done.code}: {done.stderr}")
            if situation != "unmounted":
                found = target.variants(command)
                check(found <= {old, variant}, f"the output is of {found}")
                check(done.code == 1 or found == {variant}, "the run ended well, and the output is the old one")
                check(done.code == 0 or old == variant or found != {variant}, "the run failed, and the output is the new one")
            if done.code == 1:
                message = done.error()
                wanted = self.situations[situation]
                check(any(text in message for text in wanted), f"the message gives none of the reasons {wanted}: {message}")
            self.campaign.note(f"{situation}: {'enough was left' if done.code == 0 else 'failed clearly'}")
            if situation != "unmounted":
                if disk and situation != "broken":
                    left = place.leftovers(target.output(command))
                    check(not left, f"left behind: {left}")
                target.recover(command, variant)

    def run(self, target, command, variant):
        return target.run(target.arguments(command, variant))

    def full_tmpfs(self, target, command, variant, disk, drawn):
        disk.fill(int(2 ** drawn.uniform(0, 18)))
        done = self.run(target, command, variant)
        disk.empty()
        return done

    full_ext4 = full_tmpfs

    def broken(self, target, command, variant, disk, drawn):
        disk.fill(int(2 ** drawn.uniform(0, 17)))
        done = self.run(target, command, variant)
        # What the disk has is what counts, not what the system still remembers of it.
        disk.empty()
        disk.remount()
        return done

    def read_only(self, target, command, variant, disk, drawn):
        call("mount", "-o", "remount,ro", disk.point)
        done = self.run(target, command, variant)
        check(done.code == 1, "written to a read-only disk?")
        call("mount", "-o", "remount,rw", disk.point)
        return done

    def unwritable(self, target, command, variant, disk, drawn):
        """As a user who may read everything and write nothing but temporary files."""
        for path in (target.temporary, target.temporary / "tmp", target.temporary / "cwd"):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
        target.options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        done = self.run(target, command, variant)
        target.options = {}
        check(done.code == 1, "written to a folder without permission?")
        return done

    def size_limit(self, target, command, variant, disk, drawn):
        """Writing fails beyond some size of a file, whatever file that is."""
        limit = int(2 ** drawn.uniform(4, 16))
        target.options = {
            "restore_signals": False,  # Python ignores SIGXFSZ, and so shall the program.
            "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        }
        done = self.run(target, command, variant)
        target.options = {}
        return done

    def unmounted(self, target, command, variant, disk, drawn):
        """The disk is taken away during the run. It is also mounted elsewhere, to look at it."""
        kept = disk.folder / "kept"
        kept.mkdir()
        call("mount", "--bind", disk.point, kept)
        before = target.variants(command)
        begin = time.monotonic()
        process = target.start(target.arguments(command, variant))
        path = target.place.root / target.output(command)
        while process.poll() is None and not any(path.parent.glob(f".{path.name}*")) and not command.files:
            time.sleep(0.0002)
        time.sleep(drawn.uniform(0, 0.02))
        call("umount", "-l", disk.point)
        done = target.wait(process, begin)
        target.place.root = kept
        try:
            found = target.variants(command)
            check(found <= before | {variant}, f"the output on the disk is of {found}")
            if done.code == 0 and found != {variant}:
                # The program may have begun anew below the mount point, if it is all there.
                target.place.root = disk.point
                check(target.variants(command) == {variant}, "the run ended well, and there is no new output")
        finally:
            call("umount", "-l", kept)
        return done


class OutputsElsewhere(LocalPlace):
    """Inputs in one folder, outputs in another."""

    def __init__(self, root, inputs):
        super().__init__(root)
        self.inputs = inputs

    def url(self, name):
        return str((self.root if name.startswith("out/") else self.inputs) / name)


def full_temporary_folder(campaign, folder):
    """A full TMPDIR: harmless as long as nothing spills, and a clear error when something must."""
    disk = Disk(folder / "temporary", "tmpfs")
    try:
        disk.fill(0)
        environment = attack.environment(TMPDIR=disk.point)
        subprocess.run([str(attack.BINARY), "sample-data", "--rows", "400000", "--output", str(folder / "large")], check=True,
                       capture_output=True)  # fmt: skip

        def run(*more):
            return subprocess.run(
                [str(attack.BINARY), "data-preprocessing", "--shipping-logs", str(folder / "large/ShippingLogs.csv"),
                 "--product-description", str(folder / "large/ProductDescriptions.csv"), "--output", str(folder / "large/out"), *more],
                capture_output=True, text=True, env=environment, timeout=120,
            )  # fmt: skip

        def result():
            """The output's files; its status tells of the run that failed."""
            return {path: content for path, content in LocalPlace(folder).files("large/out").items() if path != "status.json"}

        def unneeded():
            done = run()
            check(done.returncode == 0, done.stderr)

        def needed():
            before = result()
            done = run("--memory-limit", "40MB")
            check(done.returncode == 1, f"exit code {done.returncode}: {done.stderr}")
            message = attack.Done(1, done.stdout, done.stderr, 0).error()
            campaign.note(f"full TMPDIR: {message[:160]}")
            check(result() == before, "the old output changed")
            check(not LocalPlace(folder).leftovers("large/out"), "something is left beside the output")

        campaign.one("TMPDIR", "full TMPDIR that nothing is written to", unneeded)
        campaign.one("TMPDIR", "full TMPDIR that is needed", needed)
    finally:
        disk.close()


def find_situations(folder, reason):
    """What can be tried here: situation -> what a message must say; prints why others are left out."""
    found = {"size limit": ("File too large",)}

    def leave_out(names, why):
        print(f"disk_test: left out: {', '.join(names)}: {why}")

    if reason:
        leave_out(("full", "broken", "read-only", "unmounted"), f"no mount namespace: {reason}")
    else:
        try:
            Disk(folder / "probe", "tmpfs").close()
            found |= {
                "full tmpfs": (FULL,),
                "read-only": ("Read-only file system",),
                "unmounted": ("No such file or directory", "is gone"),
            }
        except AssertionError as error:
            leave_out(("full tmpfs", "read-only", "unmounted"), error)
        try:
            Disk(folder / "probe", "ext4").close()
            found |= {"full ext4": (FULL,), "broken": BROKEN}
        except AssertionError as error:
            leave_out(("full ext4", "broken"), error)
    try:
        folder.chmod(0o755)
        done = subprocess.run([str(attack.BINARY), "--version"], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True)
        if done.returncode:
            leave_out(("unwritable",), done.stderr.decode())
        else:
            found["unwritable"] = ("Permission denied",)
    except OSError as error:
        leave_out(("unwritable",), error)
    return found


def main():
    reason = enter_namespace()
    arguments = attack.parse_arguments(__doc__, 42, situation={"choices": None})
    arguments.jobs = 1  # Mounts are few and runs short.
    campaign = Campaign("disk_test", arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-disk-"))
    try:
        attack.make_inputs(folder)
        expected = attack.make_expected(folder)
        situations = find_situations(folder, reason)

        @contextlib.contextmanager
        def make_worker(number):
            yield Wrecker(campaign, folder, expected, situations)

        campaign.share_out(make_worker)
        if arguments.only is None and "full tmpfs" in situations:
            full_temporary_folder(campaign, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return campaign.finish()


if __name__ == "__main__":
    sys.exit(main())
