"""Where the tests find the package that make_package.py made of a build folder."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def folder_of(build):
    return pathlib.Path(build).resolve() / "package_test"


def make(build, output, **environment):
    """Runs tools/package.py; returns the path of the archive."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/package.py"), str(build), str(output), "--level", "1"],
        check=True, stdout=subprocess.PIPE, text=True, env=environment or None,
    )
    return pathlib.Path(done.stdout.splitlines()[0])


def archive_of(build):
    """The one archive of a build folder."""
    (archive,) = folder_of(build).glob("firesteel-*.tar.gz")
    return archive


def unpacked_of(build):
    """The unpacked package of a build folder: bin/, lib/, share/."""
    archive = archive_of(build)
    return folder_of(build) / "unpacked" / archive.name.removesuffix(".tar.gz")
