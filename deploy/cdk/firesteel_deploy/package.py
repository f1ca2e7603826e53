"""What the templates must know of a package and of the bootstrap script, read from the local files, so that nobody pastes digests."""

import dataclasses
import hashlib
import pathlib
import re

NAME = re.compile(r"firesteel-(?P<version>[0-9][0-9A-Za-z.+~-]*)-linux-(?P<machine>x86_64|aarch64)\.tar\.gz")
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}  # As EC2 and the templates call them.


class BadPackage(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Package:
    path: pathlib.Path
    version: str
    architecture: str
    sha256: str


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_package(path):
    """Throws BadPackage if that is no package, or not the one that the digest beside it was made of."""
    path = pathlib.Path(path).resolve()
    name = NAME.fullmatch(path.name)
    if not name:
        raise BadPackage(f"{path}: the name of a package is firesteel-VERSION-linux-x86_64.tar.gz or …-aarch64.tar.gz")
    if not path.is_file():
        raise BadPackage(f"{path}: there is no such file; make package writes one")
    sha256 = sha256_of(path)
    beside = path.with_name(path.name + ".sha256")
    if beside.exists():
        said = beside.read_text(encoding="utf-8").split()
        if not said or said[0] != sha256:
            raise BadPackage(f"{path}: has SHA-256 {sha256}, which is not what {beside.name} says; make or fetch it anew")
    return Package(path, name["version"], ARCHITECTURES[name["machine"]], sha256)


def bootstrap_key(sha256):
    """The name under which the bootstrap script is uploaded: it changes with its content."""
    return f"bootstrap-{sha256}.sh"
