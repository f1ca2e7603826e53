"""The package runs wherever it is unpacked, with nothing around it: from another folder, with an empty environment, from a place that
nobody may write to, without a network, and in a root that has nothing but the C library and GCC's runtime beside it. Each time it
makes a sample data set and trains every kind of model, to the bits of metrics that it gives here.

usage: isolation_test.py BUILD

Namespaces and mounts need root, or a system that lets users have namespaces of their own.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import package_files

PACKAGE = package_files.unpacked_of(sys.argv.pop(1))
MODELS = ("gbt", "xgboost", "factorization_machine")
ROWS = 2000
# What the bare root has of the system, and the package may need.
LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libstdc++.so.6", "libgcc_s.so.1")
NAMESPACES = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def loader_and_libraries():
    """Paths of this machine's own, as a program of the package finds them."""
    shown = subprocess.run(["ldd", "/usr/bin/env"], check=True, capture_output=True, text=True).stdout
    (loader,) = re.findall(r"^\s+(/\S*/ld-linux\S+)", shown, re.M)
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    machine = "x86-64" if os.uname().machine == "x86_64" else "AArch64"
    found = [loader]
    for name in LIBRARIES:
        paths = re.findall(rf"^\s+{re.escape(name)} \([^)]*{machine}[^)]*\) => (\S+)$", cache, re.M)
        found.append(paths[0])
    return found


class IsolationTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel package ü-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.here = cls.work_through([str(PACKAGE / "bin/firesteel")], cls.folder / "here", dict(os.environ))

    @staticmethod
    def work_through(command, place, environment, cwd=None, seen=None):
        """Runs --version, sample-data, and `run` for each kind of model below `place`, which the program knows as `seen`; returns the
        metrics, as text."""
        place.mkdir(parents=True)
        seen = seen or str(place)

        def succeed(*arguments):
            done = subprocess.run([*command, *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=120)
            if done.returncode != 0:
                raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
            return done.stdout

        metrics = {"version": succeed("--version")}
        succeed("sample-data", "--output", f"{seen}/data", "--rows", str(ROWS), "--quiet")
        for model in MODELS:
            succeed("run", "--shipping-logs", f"{seen}/data/ShippingLogs.csv", "--product-description",
                    f"{seen}/data/ProductDescriptions.csv", "--output", f"{seen}/{model}", "--model-type", model, "--quiet")
            for part in ("training", "validation"):
                metrics[f"{model} {part}"] = (place / model / "model_training" / part / "metrics.json").read_text()
        return metrics

    def check(self, *arguments, **options):
        self.assertEqual(self.work_through(*arguments, **options), self.here)

    def test_metrics_are_there(self):
        self.assertEqual(len(self.here), 1 + 2 * len(MODELS))
        self.assertIn('"raw_predictions_mean_absolute_error": 1.', self.here["gbt validation"])

    def test_from_another_folder_with_an_empty_environment(self):
        moved = self.folder / "moved to" / "a place"
        moved.parent.mkdir()
        shutil.copytree(PACKAGE, moved)
        self.check([str(moved / "bin/firesteel")], self.folder / "elsewhere", {}, cwd="/")

    def test_called_by_a_link_and_from_its_own_folder(self):
        link = self.folder / "firesteel link"
        link.symlink_to(PACKAGE / "bin/firesteel")
        self.check([str(link)], self.folder / "by link", {})
        self.check(["./firesteel"], self.folder / "by name", {}, cwd=PACKAGE / "bin")

    def test_with_a_prefix_that_nobody_may_write_to(self):
        script = (
            'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && '
            # Root may write everywhere: this must not succeed.
            'if touch "$(dirname "$1")/x" 2>/dev/null; then echo "the prefix can be written to" >&2; exit 9; fi; exec "$@"'
        )
        command = [shutil.which("unshare"), *NAMESPACES[1:], "--mount", shutil.which("sh"), "-c", script, "sh", str(PACKAGE)]
        self.check([*command, str(PACKAGE / "bin/firesteel")], self.folder / "read only", {"PATH": "/usr/bin:/bin"})
        self.assertFalse((PACKAGE / "bin/x").exists())

    def test_without_a_network(self):
        isolated = [*NAMESPACES, "--net"]
        probe = "import socket; socket.create_connection(('127.0.0.1', 9), 2)"
        refused = subprocess.run([*isolated, sys.executable, "-c", probe], capture_output=True, text=True)
        self.assertIn("Network is unreachable", refused.stderr)
        self.check([*isolated, str(PACKAGE / "bin/firesteel")], self.folder / "no network", {"PATH": "/usr/bin:/bin"})

    def test_in_a_bare_root(self):
        """No /proc, /dev, /tmp, /etc, no time zones and no shell."""
        root = self.folder / "root"
        (root / "opt/firesteel").mkdir(parents=True)
        (root / "work").mkdir()
        for path in loader_and_libraries():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(os.path.realpath(path), target)
            target.chmod(0o755)
        script = ('p=$1; r=$2; shift 2; mount --bind "$p" "$r/opt/firesteel" && '
                  'exec env -i "$(command -v chroot)" "$r" /opt/firesteel/bin/firesteel "$@"')
        command = [shutil.which("unshare"), *NAMESPACES[1:], "--mount", shutil.which("sh"), "-c", script, "sh", str(PACKAGE), str(root)]
        self.check(command, root / "work/all", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, seen="/work/all")
        self.assertEqual(sorted(path.name for path in root.iterdir()), sorted({"opt", "work", *(
            path.lstrip("/").split("/")[0] for path in loader_and_libraries())}), "the program made folders")
        # As on EMR, which is told by a file that somebody works; before, it was not made (the program made no folder).
        busy = root / "emr/metricscollector/isbusy"
        busy.parent.mkdir(parents=True)
        self.check(command, root / "work/again", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, seen="/work/again")
        self.assertEqual([path.name for path in busy.parent.iterdir()], ["isbusy"])


unittest.main()
