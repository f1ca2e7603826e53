"""Checks that a binary loads on the oldest system that releases are for: glibc 2.34 with a GCC 11 runtime.

usage: abi.py [--runpath] FILE...

For every FILE: no required symbol version above the limits, no needed library but those listed. With --runpath also
that each FILE looks for its libraries only beside itself. Prints what is wrong and fails, or prints one line per FILE.
"""

import re
import subprocess
import sys

# OpenMP's runtime lies beside the library that needs it.
LIMITS = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11, 0), "GOMP": (4, 5), "OMP": (3, 0)}
LIBRARIES = re.compile(
    r"(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\.so\.\d+|libduckdb\.so|libgomp-[0-9a-f]+\.so[\d.]+|ld-linux-[\w-]+\.so\.\d+"
)
RUNPATH = "$ORIGIN/lib:$ORIGIN/../lib"


def number(version):
    return tuple(int(part) for part in version.split("."))


def check(path, with_runpath):
    described = subprocess.run(
        ["objdump", "-p", path], check=True, capture_output=True, text=True
    ).stdout
    problems = []
    needed = re.findall(r"^\s+NEEDED\s+(\S+)$", described, re.M)
    problems += [f"needs {name}" for name in needed if not LIBRARIES.fullmatch(name)]
    references = described.partition("Version References:")[2]
    required = [name.rpartition("_")[::2] for name in re.findall(r"\s(\w+_[\w.]+)$", references, re.M)]
    if not needed or not required:
        problems.append("objdump shows no needed library or no symbol version: is it a dynamic ELF file?")
    highest = {}
    for family, version in required:
        if family not in LIMITS or not re.fullmatch(r"[0-9.]+", version):
            problems.append(f"requires {family}_{version}, for which no limit is known")
            continue
        if number(version) > LIMITS[family]:
            limit = ".".join(map(str, LIMITS[family]))
            problems.append(f"requires {family}_{version}, above {family}_{limit}")
        highest[family] = max(highest.get(family, (0,)), number(version))
    if with_runpath:
        runpath = re.findall(r"^\s+(?:RUNPATH|RPATH)\s+(\S*)$", described, re.M)
        if runpath != [RUNPATH]:
            problems.append(f"has the library path {runpath}, not {RUNPATH}")
    summary = ", ".join(f"{family}_{'.'.join(map(str, v))}" for family, v in sorted(highest.items()))
    print(f"{path}: at most {summary}; needs {', '.join(needed)}")
    return [f"{path}: {problem}" for problem in problems]


def main():
    arguments = sys.argv[1:]
    with_runpath = "--runpath" in arguments
    paths = [a for a in arguments if a != "--runpath"]
    if not paths:
        sys.exit(__doc__)
    problems = [problem for path in paths for problem in check(path, with_runpath)]
    sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
