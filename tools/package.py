#!/usr/bin/env python3
"""Makes a package of a release build: firesteel-VERSION-linux-ARCH.tar.gz and, beside it, its SHA-256 and the script that installs it
on AWS, with its own SHA-256 in its name (deploy/bootstrap.sh as bootstrap-HEX.sh).

usage: package.py BUILD OUTPUT [--level N]

BUILD is a build folder that holds the programs, OUTPUT the folder to write to, N gzip's level (9). The package has one folder, of
the same name: bin/ (stripped), lib/, share/doc/firesteel/ with the README, the documentation, what deploys it (deploy/), the licence,
and the notices and licences of all that is linked. It works wherever it is unpacked.

The same programs give the same bytes: entries are sorted and belong to user 0, and their time is SOURCE_DATE_EPOCH or, without
it, the commit's. The architecture is what the program was built for. Prints the paths of the package and the script.
"""

import argparse
import gzip
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile

import notices

ROOT = pathlib.Path(__file__).resolve().parents[1]
# e_machine of an ELF file -> what `uname -m` says there.
MACHINES = {62: "x86_64", 183: "aarch64"}


def machine_of(program):
    header = program.read_bytes()[:20]
    if header[:4] != b"\x7fELF":
        sys.exit(f"package.py: {program} is no ELF file")
    number = struct.unpack("<H", header[18:20])[0]
    if number not in MACHINES:
        sys.exit(f"package.py: {program} is for machine {number}; packages are made for {', '.join(MACHINES.values())}")
    return MACHINES[number]


def source_time():
    """The time that every entry gets: SOURCE_DATE_EPOCH, the commit's, or 1980 where neither is known."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    shown = subprocess.run(["git", "-c", "safe.directory=*", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return int(shown.stdout) if shown.returncode == 0 and shown.stdout.strip() else 315532800


def sources(*names):
    """The files of the repository with these names or in these folders: what git has of them, or all without a git."""
    shown = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", *names], cwd=ROOT, capture_output=True, text=True)
    found = [name for name in shown.stdout.split("\0") if name]
    if shown.returncode != 0 or not found:
        found = [path.relative_to(ROOT).as_posix() for name in names for path in [ROOT / name, *(ROOT / name).rglob("*")] if path.is_file()]
    return sorted(found)


def fill(tree, build, cache, title):
    subprocess.run(["cmake", "--install", build, "--strip", "--component", "firesteel", "--prefix", tree], check=True,
                   stdout=subprocess.DEVNULL)
    doc = tree / "share/doc/firesteel"
    doc.mkdir(parents=True)
    for name in sources("README.md", "LICENSE", "docs", "examples", "deploy"):
        (doc / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, doc / name)
    notices.write(ROOT, cache, doc, title)


def entries(folder):
    """Everything in a folder and the folder itself, sorted by name whatever the locale."""
    return [folder, *sorted(folder.rglob("*"), key=lambda path: path.as_posix().encode())]


def pack(tree, target, mtime, level):
    with open(target, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=level, mtime=mtime) as zipped, \
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in entries(tree):
            info = archive.gettarinfo(path, arcname=path.relative_to(tree.parent).as_posix())
            # A second name of a file would be stored as a link to the first.
            if info.islnk():
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
            if not (info.isreg() or info.isdir()):
                sys.exit(f"package.py: {path} is neither a file nor a folder")
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            info.mtime = mtime
            is_program = info.name.split("/")[1:2] == ["bin"] or info.name.endswith(".sh")
            info.mode = 0o755 if info.isdir() or is_program else 0o644
            if info.isdir():
                archive.addfile(info)
            else:
                with open(path, "rb") as content:
                    archive.addfile(info, content)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--level", type=int, default=9)
    options = parser.parse_args()
    cache = pathlib.Path(os.environ.get("FIRESTEEL_CACHE") or ROOT / ".cache")
    version = (ROOT / "VERSION").read_text().strip()
    program = options.build / "firesteel"
    if not program.is_file():
        sys.exit(f"package.py: {program} is not there; run make build")
    name = f"firesteel-{version}-linux-{machine_of(program)}"
    options.output.mkdir(parents=True, exist_ok=True)
    target = options.output / f"{name}.tar.gz"
    with tempfile.TemporaryDirectory(dir=options.output) as folder:
        tree = pathlib.Path(folder) / name
        try:
            fill(tree, options.build, cache, f"Notices of {name}")
        except LookupError as error:
            sys.exit(f"package.py: {error}")
        made = pathlib.Path(folder) / target.name
        pack(tree, made, source_time(), options.level)
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        sums = pathlib.Path(folder) / f"{target.name}.sha256"
        sums.write_text(f"{digest}  {target.name}\n")
        os.replace(made, target)
        os.replace(sums, options.output / sums.name)
    print(target)
    script = (ROOT / "deploy/bootstrap.sh").read_bytes()
    named = options.output / f"bootstrap-{hashlib.sha256(script).hexdigest()}.sh"
    named.write_bytes(script)
    print(named)


if __name__ == "__main__":
    main()
