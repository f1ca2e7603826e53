"""Checks that no tracked file holds what must stay out of the repository.

usage: tracked_files.py

That is: a file or a row of the shipping data set, which is not ours to redistribute; a path of one machine; the address
of a package registry (clients know theirs); a note about unfinished work; a file of a megabyte or more.
"""

import hashlib
import pathlib
import re
import subprocess
import sys

DATA_SET = {
    "043789288f00f118120dd3b0fd86fdfcdd42f8441ff74782b2b26858c749b33b": "ShippingLogs.csv",
    "16dd11bdc3e88c298a2cc8561d404e04ef438d6e58d7ee2a5f7bc33667687a62": "ProductDescriptions.csv",
}
MAX_BYTES = 1_000_000
# Brackets keep a pattern from finding itself here.
PATTERNS = {
    "a path of one machine": re.compile(r"/[w]ork/(?:main|shared)\b|/[r]oot/|/[t]mp/(?:dl|venv|fs-|bash_jobs)"),
    "the address of a package registry": re.compile(
        r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.(?:org|com)|[c]rates\.io|deb\.[d]ebian\.org|repo1?\.[m]aven"
    ),
    "a note about unfinished work": re.compile(r"\b(?:T[O]DO|F[I]XME)\b"),
}
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def data_set_ids(root):
    """The ids of orders and products, if the data set lies beside the checkout: any of them betrays a copied row."""
    ids = set()
    for name in DATA_SET.values():
        path = root.parent / "shared" / "data" / name
        if path.exists():
            ids.update(UUID.findall(path.read_text()))
    return ids


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    tracked = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    ids = data_set_ids(root)
    problems = []
    num_files = 0
    for name in filter(None, tracked):
        path = root / name
        if not path.is_file():
            continue
        num_files += 1
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest in DATA_SET:
            problems.append(f"{name}: is {DATA_SET[digest]} of the shipping data set")
        if len(content) >= MAX_BYTES:
            problems.append(f"{name}: {len(content)} bytes; files of {MAX_BYTES} bytes or more are generated, not tracked")
        text = content.decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            for what, pattern in PATTERNS.items():
                found = pattern.search(line)
                if found:
                    problems.append(f"{name}:{number}: {what}: {found[0]}")
            for value in UUID.findall(line) if ids else []:
                if value in ids:
                    problems.append(f"{name}:{number}: {value} is an id of the shipping data set")
    if not num_files:
        problems.append("git lists no tracked file")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{num_files} tracked files hold nothing that must stay out")


main()
