"""What is in the package: the same bytes each time, only what loads on the oldest target, and the notices of all of it.

usage: contents_test.py BUILD
"""

import fnmatch
import hashlib
import os
import pathlib
import re
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

import package_files

sys.path[:0] = [str(package_files.ROOT / "tools"), str(package_files.ROOT / "tests/gates")]
import abi
import notices

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
ARCHIVE = package_files.archive_of(BUILD)
PACKAGE = package_files.unpacked_of(BUILD)
CACHE = pathlib.Path(os.environ["FIRESTEEL_CACHE"]).resolve()
# The C library, and what GCC 11 brings: all that a package may ask of its machine.
SYSTEM_LIBRARIES = re.compile(r"(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+")
# Interfaces to the system, of which nothing enters a program.
KERNEL_HEADERS = "linux-libc-dev"


def ninja(*arguments):
    return subprocess.run(["ninja", "-C", BUILD, *arguments], check=True, capture_output=True, text=True).stdout


def elf_files():
    return [path for path in sorted(PACKAGE.rglob("*")) if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]


def dynamic(path):
    shown = subprocess.run(["objdump", "-p", path], check=True, capture_output=True, text=True).stdout
    return {key: re.findall(rf"^\s+{key}\s+(\S+)$", shown, re.M) for key in ("NEEDED", "RPATH", "RUNPATH")}


class ArchiveTest(unittest.TestCase):
    def test_the_same_tree_gives_the_same_bytes(self):
        """Whatever the clock, the locale, the permissions that new files get, and the folder that it is made in."""
        with tempfile.TemporaryDirectory() as folder:
            mask = os.umask(0o077)
            try:
                again = package_files.make(BUILD, pathlib.Path(folder) / "a b", PATH=os.environ["PATH"], FIRESTEEL_CACHE=str(CACHE),
                                           LC_ALL="C.UTF-8", TZ="Asia/Tokyo")
            finally:
                os.umask(mask)
            self.assertEqual(again.name, ARCHIVE.name)
            self.assertTrue(again.read_bytes() == ARCHIVE.read_bytes(), "the second package differs")
            self.assertEqual(again.with_name(f"{again.name}.sha256").read_text(), ARCHIVE.with_name(f"{ARCHIVE.name}.sha256").read_text())

    def test_the_time_is_that_of_the_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            other = package_files.make(BUILD, folder, PATH=os.environ["PATH"], FIRESTEEL_CACHE=str(CACHE), SOURCE_DATE_EPOCH="1000000000")
            with tarfile.open(other) as archive:
                self.assertEqual({member.mtime for member in archive}, {1000000000})

    def test_entries_belong_to_nobody_in_particular(self):
        with tarfile.open(ARCHIVE) as archive:
            members = archive.getmembers()
        names = [member.name for member in members]
        self.assertEqual(names, sorted(names, key=lambda name: (pathlib.PurePosixPath(name).as_posix().encode())))
        self.assertEqual({name.split("/")[0] for name in names}, {ARCHIVE.name.removesuffix(".tar.gz")})
        for member in members:
            self.assertTrue(member.isreg() or member.isdir(), member.name)
            self.assertEqual((member.uid, member.gid), (0, 0), member.name)
            self.assertEqual(member.mode, 0o755 if member.isdir() or "/bin/" in member.name or member.name.endswith(".sh") else 0o644, member.name)
            self.assertEqual(member.mtime, members[0].mtime)
        self.assertEqual({name.split("/")[1] for name in names if "/" in name}, {"bin", "lib", "share"})

    def test_the_name_says_version_and_architecture(self):
        version = subprocess.run([PACKAGE / "bin/firesteel", "--version"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(ARCHIVE.name, f"{version.strip().replace(' ', '-')}-linux-{os.uname().machine}.tar.gz")

    def test_beside_it_is_the_script_that_installs_it(self):
        (script,) = ARCHIVE.parent.glob("bootstrap-*.sh")
        self.assertEqual(script.name, f"bootstrap-{hashlib.sha256(script.read_bytes()).hexdigest()}.sh")
        self.assertEqual(script.read_bytes(), (package_files.ROOT / "deploy/bootstrap.sh").read_bytes())

    def test_no_path_of_the_machine_that_built_it(self):
        """But of AWS's libraries, whose own sources are named in their messages."""
        for path in elf_files():
            if path.parent.name == "bin":
                found = set(re.findall(rb"[ -~]*" + re.escape(str(package_files.ROOT).encode()) + rb"/[ -~]*", path.read_bytes()))
                self.assertEqual({line for line in found if b"/crt/" not in line}, set())

    def test_programs_are_stripped(self):
        for program in ("firesteel", "firesteel-spark"):
            shown = subprocess.run(["readelf", "-SW", PACKAGE / "bin" / program], check=True, capture_output=True, text=True).stdout
            self.assertIn(" .dynsym ", shown)
            self.assertNotRegex(shown, r" \.symtab | \.debug_")
            self.assertTrue(os.stat(PACKAGE / "bin" / program).st_mode & stat.S_IXOTH)


class BinaryTest(unittest.TestCase):
    """glibc 2.34 and the runtime of GCC 11, as Amazon Linux 2023 has them."""

    def test_there_are_programs_and_libraries(self):
        names = [path.relative_to(PACKAGE).as_posix() for path in elf_files()]
        for wanted in ("bin/firesteel", "bin/firesteel-spark", "lib/libduckdb.so", "lib/xgboost/lib/libxgboost.so",
                       "lib/extensions/httpfs.duckdb_extension", "lib/extensions/aws.duckdb_extension"):
            self.assertIn(wanted, names)
        machines = {struct.unpack("<H", path.read_bytes()[18:20])[0] for path in elf_files()}
        self.assertEqual(len(machines), 1, "files of several architectures")

    def test_symbol_versions(self):
        problems = [problem for path in elf_files() for problem in abi.check(str(path), path.parent.name == "bin")]
        self.assertEqual(problems, [])

    def test_libraries_are_the_systems_or_lie_in_the_package(self):
        for path in elf_files():
            needs = dynamic(path)
            places = [place.replace("$ORIGIN", str(path.parent)) for places in needs["RUNPATH"] + needs["RPATH"] for place in places.split(":")]
            for place in places:
                self.assertTrue(os.path.normpath(place).startswith(str(PACKAGE)), f"{path}: searches {place}")
            for name in needs["NEEDED"]:
                if not SYSTEM_LIBRARIES.fullmatch(name):
                    self.assertTrue(any((pathlib.Path(place) / name).is_file() for place in places), f"{path}: {name} is nowhere")

    def test_no_stack_may_be_executed(self):
        for path in elf_files():
            shown = subprocess.run(["readelf", "-lW", path], check=True, capture_output=True, text=True).stdout
            self.assertRegex(shown, r"GNU_STACK .* RW ", path)


class NoticesTest(unittest.TestCase):
    """Every part that is not ours is in NOTICES with its texts. What there is, is asked of the build: what the programs link, and
    the headers that they are compiled with, as some libraries are nothing else."""

    doc = PACKAGE / "share/doc/firesteel"

    def sources_of(self, program):
        """(distribution's packages, folders of deps) that a program's libraries and headers come from."""
        (command,) = ninja("-t", "commands", "-s", program).splitlines()
        linked = [word for word in command.split() if re.search(r"\.(a|so)$", word)]
        self.assertTrue(any(word.endswith("/libcrypto.a") for word in linked), linked)
        objects = [line for line in ninja("-t", "inputs", program).splitlines() if line.endswith(".o")]
        headers = {line.strip() for line in ninja("-t", "deps", *objects).splitlines() if line.startswith("    ")}
        self.assertTrue(any(name.endswith("/fmt/core.h") for name in headers))
        self.assertTrue(any(name.endswith("/duckdb.h") for name in headers))
        paths = {os.path.normpath(BUILD / name) for name in linked + sorted(headers)}
        ours = (str(BUILD) + "/", str(package_files.ROOT / "src") + "/")
        deps = str(CACHE / "deps") + "/"
        folders = {path.removeprefix(deps).split("/")[0] for path in map(os.path.realpath, paths) if path.startswith(deps)}
        others = sorted(path for path in paths if not path.startswith(ours) and not os.path.realpath(path).startswith((deps, *ours)))
        shown = subprocess.run(["dpkg-query", "-S", *others], check=True, capture_output=True, text=True).stdout
        packages = {line.split(":")[0] for line in shown.splitlines()}
        return packages - {KERNEL_HEADERS}, folders

    def test_all_that_is_linked_has_its_notice(self):
        packages_seen, folders_seen = set(), set()
        for program in ("firesteel", "firesteel-spark"):
            packages, folders = self.sources_of(program)
            packages_seen |= packages
            folders_seen |= folders
            for package in packages:
                parts = [part for part in notices.COMPONENTS if package in part.packages]
                self.assertTrue(any(f"bin/{program}" in part.within.split(", ") for part in parts),
                                f"bin/{program} holds parts of {package}, which tools/notices.py does not say")
            for folder in folders:
                self.assertTrue(any(part.folder and folder.startswith(part.folder) for part in notices.COMPONENTS), folder)
        # And none that is not there.
        for part in notices.COMPONENTS:
            if part.within in (notices.PROGRAMS, notices.SPARK):
                for package in part.packages:
                    self.assertIn(package, packages_seen, part.name)
                if part.folder:
                    self.assertTrue(any(folder.startswith(part.folder) for folder in folders_seen), part.name)

    def test_all_files_of_lib_have_their_notice(self):
        for path in sorted((PACKAGE / "lib").rglob("*")):
            if path.is_file():
                name = path.relative_to(PACKAGE).as_posix()
                parts = [part.name for part in notices.COMPONENTS if any(fnmatch.fnmatch(name, file) for file in part.files)]
                self.assertEqual(len(parts), 1, f"{name}: {parts}")

    def test_versions_of_what_others_linked_are_those_in_the_files(self):
        """They stand in tools/notices.py, since no package says them."""
        for name in ("httpfs", "aws"):
            content = (PACKAGE / f"lib/extensions/{name}.duckdb_extension").read_bytes()
            for part, text in (("curl", "libcurl {}"), ("OpenSSL", "OpenSSL {} "), ("zlib", "inflate {} ")):
                (version,) = (other.version for other in notices.COMPONENTS if other.name == f"{part}, in DuckDB's extensions")
                self.assertTrue(text.format(version).encode() in content, f"{name} has no {part} {version}")

    def test_every_component_is_listed_with_its_texts(self):
        listed = (self.doc / "NOTICES").read_text()
        for part in notices.COMPONENTS:
            (block,) = (block for block in listed.split("\n\n") if block.startswith(f"{part.name}\n"))
            self.assertIn(f"  licence:  {part.licence}\n", block)
            self.assertRegex(block, r"  version:  \S")
            (named,) = re.findall(r"^  texts:    (\S+)$", block, re.M)
            texts = [self.doc / named] if not named.endswith("/") else sorted((self.doc / named).iterdir())
            self.assertTrue(texts, part.name)
            for text in texts:
                # The shortest says in two lines that all may do with it as they please.
                self.assertGreater(text.stat().st_size, 60, text)

    def test_texts_that_others_refer_to_are_there(self):
        for text in (self.doc / "licences").rglob("*"):
            if text.is_file():
                for name in re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]+)", text.read_text(errors="replace")):
                    self.assertTrue((self.doc / "licences/common" / name.rstrip(".")).is_file(), f"{text}: {name}")

    def test_our_own_licence_and_documentation(self):
        for name in ("README.md", "LICENSE", "docs/workflow.md", "examples/bike_rides/workflow.yaml", "deploy/bootstrap.sh"):
            self.assertEqual((self.doc / name).read_bytes(), (package_files.ROOT / name).read_bytes())
        for page in self.doc.rglob("*.md"):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page}: links {target}")


unittest.main()
