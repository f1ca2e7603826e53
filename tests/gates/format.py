"""Checks the layout of every C++ source with clang-format, or mends it.

usage: format.py CLANG_FORMAT [--fix]
"""

import pathlib
import subprocess
import sys


def main():
    root = pathlib.Path(__file__).parents[2]
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.h", "*.cc"],
        cwd=root, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    files = sorted({name for name in listed if name and (root / name).exists()})
    if not files:
        sys.exit("no sources found")
    mode = ["-i"] if "--fix" in sys.argv else ["--dry-run", "-Werror", "-ferror-limit=1"]
    done = subprocess.run([sys.argv[1], *mode, *files], cwd=root, capture_output=True, text=True)
    if done.returncode:
        wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "code should be clang-formatted" in line})
        sys.exit("\n".join(wrong or [done.stderr]) + "\nnot as clang-format would lay it out; run make format")
    print(f"{len(files)} sources are formatted")


main()
