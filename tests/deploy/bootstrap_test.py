"""deploy/bootstrap.sh on a node of stubs: aws copies from a folder or fails as told, sudo runs what it is given, sleep takes no time.

usage: bootstrap_test.py BUILD

The script is run in a mount namespace in which /mnt is a folder of the test, for instance.json. BUILD holds the package that
tests/package made, which one test installs; the others install an archive of a few lines.
"""

import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/package"))
import package_files

BUILD = pathlib.Path(sys.argv.pop(1))
SCRIPT = ROOT / "deploy/bootstrap.sh"
URL = "s3://artifacts/firesteel/firesteel-1.2.3-linux-x86_64.tar.gz"
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEJr//////////wEaDExampleTokenThatIsQuiteLongIndeed0123456789",
}
NAMESPACES = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount"]
# Each call is a line of the file "calls". The numbered file failures/N says how aws fails the Nth time.
AWS = """#!/bin/bash
echo "aws $*" >>"$NODE/calls"
[ "$1 $2 $3" = "s3 cp --only-show-errors" ] || { echo "unexpected: $*" >&2; exit 9; }
count=$(grep -c '^aws ' "$NODE/calls")
if [ -f "$NODE/failures/$count" ]; then cat "$NODE/failures/$count" >&2; printf part >"$5"; exit 1; fi
[ -f "$NODE/s3/${4#s3://}" ] || { echo "fatal error: An error occurred (404) when calling the HeadObject operation: Key does not exist" >&2; exit 1; }
cp "$NODE/s3/${4#s3://}" "$5"
"""
SUDO = '#!/bin/bash\necho "sudo $*" >>"$NODE/calls"\n[ "$1" = -n ] || exit 9\nshift\nexec "$@"\n'
SLEEP = '#!/bin/bash\necho "sleep $*" >>"$NODE/calls"\n'
# As `id -u`, so that the script believes to be a user.
ID = '#!/bin/bash\n[ "$*" = -u ] && echo 1000\n'
PROGRAM = '#!/bin/bash\n[ "$1" = --version ] && echo "firesteel 1.2.3"\n'


class BootstrapTest(unittest.TestCase):
    def setUp(self):
        self.node = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-node-"))
        self.addCleanup(shutil.rmtree, self.node, ignore_errors=True)
        for name in ("bin", "s3/artifacts/firesteel", "mnt/var/lib/info", "opt", "failures", "tmp"):
            (self.node / name).mkdir(parents=True)
        # Not from where it lies, which could be below /mnt.
        shutil.copy(SCRIPT, self.node)
        for name, text in (("aws", AWS), ("sudo", SUDO), ("sleep", SLEEP), ("id", ID)):
            self.script(self.node / "bin" / name, text)
        (self.node / "calls").touch()
        self.prefix = self.node / "opt/firesteel"
        self.digest = self.upload({"bin/firesteel": PROGRAM, "lib/libduckdb.so": "x", "share/doc/firesteel/LICENSE": "y"})
        self.is_master("true")

    def script(self, path, text):
        path.write_text(text)
        path.chmod(0o755)

    def upload(self, files):
        """Puts an archive of `files` where the node's aws finds it; returns its digest."""
        top = self.node / "made/firesteel-1.2.3-linux-x86_64"
        shutil.rmtree(top, ignore_errors=True)
        for name, text in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            self.script(top / name, text)
        target = self.node / "s3" / URL.removeprefix("s3://")
        with tarfile.open(target, "w:gz") as archive:
            archive.add(top, top.name)
        return hashlib.sha256(target.read_bytes()).hexdigest()

    def is_master(self, value):
        (self.node / "mnt/var/lib/info/instance.json").write_text('{"isMaster": %s, "isRunningNameNode": true}\n' % value)

    def run_script(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(self, *arguments, **environment):
        arguments = arguments or ("--artifact", URL, "--sha256", self.digest, "--prefix", str(self.prefix))
        command = 'mount --bind "$NODE/mnt" /mnt && exec bash "$0" "$@"'
        return subprocess.Popen(
            [*NAMESPACES, "sh", "-c", command, str(self.node / SCRIPT.name), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
            start_new_session=True,
            env={"PATH": f"{self.node}/bin:{os.environ['PATH']}", "NODE": str(self.node), "TMPDIR": str(self.node / "tmp"), **SECRETS, **environment},
        )

    def calls(self, program):
        return [line for line in (self.node / "calls").read_text().splitlines() if line.startswith(f"{program} ")]

    def files(self):
        return sorted(path.relative_to(self.prefix).as_posix() for path in self.prefix.rglob("*") if path.is_file())

    def check_clean(self, done):
        """Nothing but the prefix is left behind, and no secret was said."""
        self.assertEqual([path.name for path in (self.node / "opt").iterdir()], ["firesteel"] if self.prefix.exists() else [])
        self.assertEqual(list((self.node / "tmp").iterdir()), [])
        for said in (done.stdout, done.stderr, (self.node / "calls").read_text()):
            for secret in SECRETS.values():
                self.assertNotIn(secret, said)

    def succeed(self, *arguments, **environment):
        done = self.run_script(*arguments, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.check_clean(done)
        return done.stdout

    def refusal(self, *arguments, **environment):
        """The why and what of the one line that a failure prints."""
        done = self.run_script(*arguments, **environment)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.check_clean(done)
        self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
        return re.fullmatch(r"bootstrap: (.+?) failed: (.+)\n", done.stderr).groups()

    def test_installs(self):
        self.assertEqual(self.succeed(), f"bootstrap: installed firesteel 1.2.3 in {self.prefix}\n")
        self.assertEqual(self.files(), [".package-sha256", "bin/firesteel", "lib/libduckdb.so", "share/doc/firesteel/LICENSE"])
        self.assertEqual((self.prefix / ".package-sha256").read_text(), f"{self.digest}\n")
        for folder in (self.prefix, self.prefix / "bin", self.prefix / "lib"):
            self.assertEqual(folder.stat().st_mode & 0o777, 0o755)
        self.assertEqual((self.prefix / ".package-sha256").stat().st_mode & 0o777, 0o644)
        self.assertEqual(len(self.calls("aws")), 1)
        self.assertEqual(self.calls("sleep"), [])

    def test_a_user_changes_the_prefix_by_sudo_alone(self):
        """What the script does itself is in a folder of its own below TMPDIR."""
        self.succeed()
        done = [line.split()[2] for line in self.calls("sudo")]
        for command in ("mkdir", "tar", "mv"):
            self.assertIn(command, done)
        self.assertEqual({word for line in self.calls("aws") for word in line.split() if word.startswith("/")
                          and not word.startswith(str(self.node / "tmp"))}, set())

    def test_root_needs_no_sudo(self):
        (self.node / "bin/sudo").unlink()
        (self.node / "bin/id").unlink()
        self.script(self.node / "bin/sudo", "#!/bin/bash\necho called >>\"$NODE/calls\"\nexit 1\n")
        self.assertIn("installed firesteel 1.2.3", self.succeed())

    def test_sudo_that_asks_for_a_password(self):
        self.script(self.node / "bin/sudo", "#!/bin/bash\necho 'sudo: a password is required' >&2\nexit 1\n")
        what, why = self.refusal()
        self.assertEqual((what, why), (f"unpacking {URL}", "sudo: a password is required"))

    def test_wrong_digest(self):
        wrong = "0" * 64
        what, why = self.refusal("--artifact", URL, "--sha256", wrong, "--prefix", str(self.prefix))
        self.assertEqual((what, why), (f"checking {URL}", f"its SHA-256 is {self.digest}, not {wrong}"))
        self.assertFalse(self.prefix.exists())
        self.assertEqual(len(self.calls("aws")), 1, "a wrong digest is no reason to try again")

    def test_missing_file(self):
        (self.node / "s3" / URL.removeprefix("s3://")).unlink()
        what, why = self.refusal()
        self.assertEqual(what, f"downloading {URL}")
        self.assertEqual(why, "fatal error: An error occurred (404) when calling the HeadObject operation: Key does not exist (tried 4 times)")
        self.assertEqual(self.calls("sleep"), ["sleep 2", "sleep 4", "sleep 8"])
        self.assertFalse(self.prefix.exists())

    def test_two_failures_then_success(self):
        for number in (1, 2):
            (self.node / "failures" / str(number)).write_text("Could not connect to the endpoint URL\n")
        self.assertIn("installed firesteel 1.2.3", self.succeed())
        self.assertEqual(len(self.calls("aws")), 3)
        self.assertEqual(self.calls("sleep"), ["sleep 2", "sleep 4"])

    def test_what_aws_says_is_shown_without_secrets(self):
        for number in range(1, 5):
            (self.node / "failures" / str(number)).write_text(
                "first line\n\nkey {AWS_ACCESS_KEY_ID} secret {AWS_SECRET_ACCESS_KEY} token {AWS_SESSION_TOKEN} end\n\n".format(**SECRETS))
        _, why = self.refusal()
        self.assertEqual(why, "key *** secret *** token *** end (tried 4 times)")

    def test_a_secret_at_the_end_of_a_long_line_is_no_exception(self):
        for number in range(1, 5):
            (self.node / "failures" / str(number)).write_text("x " * 140 + SECRETS["AWS_SECRET_ACCESS_KEY"])
        _, why = self.refusal()
        self.assertNotIn(SECRETS["AWS_SECRET_ACCESS_KEY"][:12], why)

    def test_a_signal_leaves_nothing(self):
        self.script(self.node / "bin/aws", "#!/bin/bash\necho half >\"$5\"\necho aws >>\"$NODE/calls\"\nexec /bin/sleep 60\n")
        process = self.start()
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while "aws" not in (self.node / "calls").read_text():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (1, ""))
        self.assertRegex(err, rf"\A(.*Terminated.*\n)?bootstrap: downloading {re.escape(URL)} failed: exit code 143\n\Z")
        self.assertEqual(list((self.node / "tmp").iterdir()), [])
        self.assertFalse(self.prefix.exists())

    def test_second_run_downloads_nothing(self):
        self.succeed()
        before = {path: path.stat().st_ino for path in self.prefix.rglob("*")}
        self.assertEqual(self.succeed(), f"bootstrap: firesteel 1.2.3 is in {self.prefix} already\n")
        self.assertEqual({path: path.stat().st_ino for path in self.prefix.rglob("*")}, before)
        self.assertEqual(len(self.calls("aws")), 1)

    def test_another_package_replaces_the_first(self):
        self.succeed()
        self.digest = self.upload({"bin/firesteel": PROGRAM.replace("1.2.3", "1.2.4"), "share/z": "z"})
        self.assertEqual(self.succeed(), f"bootstrap: installed firesteel 1.2.4 in {self.prefix}\n")
        self.assertEqual(self.files(), [".package-sha256", "bin/firesteel", "share/z"])

    def test_a_package_that_does_not_run_replaces_nothing(self):
        self.succeed()
        self.digest = self.upload({"bin/firesteel": "#!/bin/bash\necho 'libstdc++.so.6: version GLIBCXX_9 not found' >&2\nexit 127\n"})
        what, why = self.refusal()
        self.assertEqual((what, why), (f"running the firesteel of {URL}", "libstdc++.so.6: version GLIBCXX_9 not found"))
        self.assertEqual(subprocess.check_output([self.prefix / "bin/firesteel", "--version"], text=True), "firesteel 1.2.3\n")

    def test_half_unpacked_prefix(self):
        """As of a node that stopped: no digest in it, or the right one and no program."""
        for name, text in (("lib/libduckdb.so", "half"), (".package-sha256", self.digest)):
            shutil.rmtree(self.prefix, ignore_errors=True)
            (self.prefix / name).parent.mkdir(parents=True)
            (self.prefix / name).write_text(text)
            (self.node / "opt/firesteel.bootstrap-77/bin").mkdir(parents=True)
            self.assertIn("installed firesteel 1.2.3", self.succeed())
            self.assertEqual(self.files(), [".package-sha256", "bin/firesteel", "lib/libduckdb.so", "share/doc/firesteel/LICENSE"])

    def test_a_prefix_of_others_is_not_touched(self):
        (self.prefix / "bin").mkdir(parents=True)
        (self.prefix / "precious").write_text("mine")
        what, why = self.refusal()
        self.assertEqual((what, why), (f"looking at {self.prefix}", "it holds what is not of firesteel: precious"))
        self.assertEqual((self.prefix / "precious").read_text(), "mine")
        self.assertEqual(self.calls("aws"), [])

    def test_other_nodes_have_nothing_to_do(self):
        self.is_master("false")
        self.assertEqual(self.succeed(), "bootstrap: not the primary node, nothing to install\n")
        self.assertEqual((self.node / "calls").read_text(), "")
        self.assertFalse(self.prefix.exists())

    def test_without_instance_json_it_installs(self):
        (self.node / "mnt/var/lib/info/instance.json").unlink()
        self.assertIn("installed firesteel 1.2.3", self.succeed())

    def test_an_archive_that_is_none(self):
        target = self.node / "s3" / URL.removeprefix("s3://")
        target.write_text("<html>")
        self.digest = hashlib.sha256(b"<html>").hexdigest()
        what, why = self.refusal()
        self.assertEqual(what, f"unpacking {URL}")
        self.assertIn("tar: ", why)
        self.assertFalse(self.prefix.exists())

    def test_arguments(self):
        right = {"--artifact": URL, "--sha256": self.digest, "--prefix": str(self.prefix)}
        for flag, value, wanted in (
            ("--artifact", "https://host/x.tar.gz", "--artifact 'https://host/x.tar.gz' is not like s3://BUCKET/NAME.tar.gz"),
            ("--artifact", "", "--artifact '' is not like s3://BUCKET/NAME.tar.gz"),
            ("--sha256", "abc", "--sha256 'abc' is not 64 hex digits in lower case"),
            ("--prefix", "/", "--prefix '/' is not an absolute path below a folder"),
            ("--prefix", "/usr", "--prefix '/usr' is not an absolute path below a folder"),
            ("--prefix", "opt/firesteel", "--prefix 'opt/firesteel' is not an absolute path below a folder"),
            ("--prefix", "/opt/../usr", "--prefix '/opt/../usr' is not an absolute path below a folder"),
            ("--force", "yes", "unknown argument '--force'; there are --artifact, --sha256 and --prefix"),
        ):
            arguments = [word for pair in {**right, flag: value}.items() for word in pair]
            self.assertEqual(self.refusal(*arguments), ("reading the arguments", wanted))
        self.assertEqual(self.refusal("--artifact"), ("reading the arguments", "--artifact has no value"))

    def test_a_full_disk_leaves_nothing(self):
        self.script(self.node / "bin/tar", "#!/bin/bash\necho 'tar: x: Cannot write: No space left on device' >&2\nexit 2\n")
        what, why = self.refusal()
        self.assertEqual((what, why), (f"unpacking {URL}", "tar: x: Cannot write: No space left on device"))
        self.assertFalse(self.prefix.exists())

    def test_the_real_package(self):
        package = package_files.archive_of(BUILD)
        (self.node / "s3/artifacts" / package.name).symlink_to(package)
        digest = package.with_name(f"{package.name}.sha256").read_text().split()[0]
        arguments = ("--artifact", f"s3://artifacts/{package.name}", "--sha256", digest, "--prefix", str(self.prefix))
        version = (ROOT / "VERSION").read_text().strip()
        self.assertEqual(self.succeed(*arguments), f"bootstrap: installed firesteel {version} in {self.prefix}\n")
        names = {path.relative_to(self.prefix) for path in self.prefix.rglob("*")}
        unpacked = package_files.unpacked_of(BUILD)
        self.assertEqual(names, {path.relative_to(unpacked) for path in unpacked.rglob("*")} | {pathlib.Path(".package-sha256")})

    def test_shellcheck(self):
        done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


unittest.main()
