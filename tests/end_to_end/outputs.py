"""Whether an output is whole, whose it is, and what lies in it that should not; for local folders and S3 prefixes.

An output is looked at as its files: {path below it: content}. On S3 these are objects, and manifest.json, the list, may say that
the file of a path lies under another key. _SUCCESS holds nothing and is the last thing to be written there, for those who know no
list; an output is whole without.
"""

import hashlib
import io
import json
import re

import pyarrow.parquet as parquet

UID = re.compile(r"_[0-9a-f]{12}(?![0-9a-f])")
PART = re.compile(r"(?:^|(?<=/))(part-\d{5})(?:-[0-9a-f-]{36})?(?:-c\d{3})?")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HASH = re.compile(r"\b[0-9a-f]{64}\b")
NOT_LISTED = ("manifest.json", "status.json")


class NotWhole(Exception):
    """An output is not what its list says; the text says what is wrong."""


def _listed(files, folder=""):
    manifest = files.get(f"{folder}manifest.json")
    if manifest is None:
        raise NotWhole(f"there is no {folder}manifest.json")
    try:
        entries = json.loads(manifest)["files"]
    except (ValueError, KeyError) as error:
        raise NotWhole(f"{folder}manifest.json is no list: {error!r}") from error
    return [entry for entry in entries if entry["path"] != "manifest.json"]


def follow_list(files, needs_checksums=False):
    """Reads an output as its list says: {path: content}, manifest.json among them. Throws NotWhole if a file is missing or
    another one than listed. With `needs_checksums`, for S3, every entry must have one, and marks of success may be missing."""
    found = {"manifest.json": files.get("manifest.json")}
    for entry in _listed(files):
        path = entry["path"]
        content = files.get(entry.get("key", path))
        if content is None and needs_checksums and path.endswith("_SUCCESS"):
            content = b""
        if content is None:
            raise NotWhole(f"'{path}' is listed and not there")
        _check_entry(entry, content, needs_checksums)
        found[path] = content
    for name in [name for name in found if name.endswith("/manifest.json")]:  # Outputs within, such as those of `run`.
        folder = name.removesuffix("manifest.json")
        for entry in _listed(found, folder):
            if folder + entry["path"] not in found:
                raise NotWhole(f"'{folder}{entry['path']}' is listed in {name} and not there")
            _check_entry(entry, found[folder + entry["path"]], False)
    return found


def _check_entry(entry, content, needs_checksums):
    if "bytes" in entry and entry["bytes"] != len(content):
        raise NotWhole(f"'{entry['path']}' has {len(content)} bytes where the list says {entry['bytes']}")
    if "sha256" in entry and entry["sha256"] != hashlib.sha256(content).hexdigest():
        raise NotWhole(f"'{entry['path']}' has another SHA-256 than the list says")
    if needs_checksums and ("sha256" not in entry or "bytes" not in entry):
        raise NotWhole(f"'{entry['path']}' is listed without size or checksum")


def missing_marks(files):
    """_SUCCESS files that the list names and that are not there: a run that ended well has written them all."""
    return sorted(entry["path"] for entry in _listed(files) if entry["path"].endswith("_SUCCESS") and entry["path"] not in files)


def plain_copies_missing(files):
    """Files that a program which goes by plain names would miss, or find with another content than listed."""
    return sorted(
        entry["path"] for entry in _listed(files) if files.get(entry["path"]) != files.get(entry.get("key", entry["path"]))
    )  # fmt: skip


def strays(files):
    """What lies in an output and is neither listed, nor a plain copy of what is, nor the list or the status themselves."""
    known = set(NOT_LISTED)
    for entry in _listed(files):
        known |= {entry["path"], entry.get("key", entry["path"])}
    return sorted(set(files) - known)


def plain_view_problems(files):
    """What a program that lists a prefix and trusts _SUCCESS would get wrong: a folder with _SUCCESS must hold the data files that
    the list gives it, no others."""
    listed = {entry["path"]: entry for entry in _listed(files)}
    problems = []
    for marker in [name for name in files if name.rpartition("/")[2] == "_SUCCESS"]:
        folder = marker.removesuffix("_SUCCESS")
        there = {name for name in files if _is_data_in(name, folder)}
        wanted = {name for name in listed if _is_data_in(name, folder)}
        if there != wanted:
            problems.append(f"'{folder}' has _SUCCESS, but {sorted(there ^ wanted)} are not both listed and there")
        problems += [
            f"'{name}' beside _SUCCESS is not what the list says"
            for name in sorted(there & wanted)
            if listed[name].get("bytes", len(files[name])) != len(files[name])
        ]
    return problems


def _is_data_in(name, folder):
    rest = name.removeprefix(folder)
    return name.startswith(folder) and "/" not in rest and rest[0] not in "_." and rest not in NOT_LISTED


def content_of(found):
    """What an output says, apart from names, uids and times that a run may choose: equal for equal results. `found` is what
    follow_list returns, or one file."""
    if isinstance(found, bytes):
        return hashlib.sha256(found).hexdigest()
    result = {}
    for path, content in sorted(found.items()):
        name = UID.sub("_UID", PART.sub(r"\1", path))
        if name == "status.json" or name.endswith("_SUCCESS"):
            continue
        result[name] = _content_of_file(name, content)
    return result


def _content_of_file(name, content):
    if name.endswith(".parquet"):
        table = parquet.read_table(io.BytesIO(content))
        rows = sorted(_without_uids(repr(row)) for row in table.to_pylist())
        return hashlib.sha256(repr((_without_uids(str(table.schema)), rows)).encode()).hexdigest()
    if name.endswith("manifest.json"):
        manifest = json.loads(content)
        return _without_uids(json.dumps([manifest.get(key) for key in ("version", "step", "rows", "evaluation")]))
    if "predictions.csv/" in name or "rejected/" in name:
        header, *lines = content.decode().splitlines() or [""]
        return header, hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    if name.endswith("metrics.json"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(_without_uids(content.decode(errors="replace")).encode()).hexdigest()


def _without_uids(text):
    """Without names, hashes and times, which differ with the names of inputs and outputs."""
    return re.sub(r'"(?:timestamp|file|path)":\s*(?:"[^"]*"|\d+)', '"_":0', HASH.sub("HASH", UID.sub("_UID", UUID.sub("UUID", text))))
