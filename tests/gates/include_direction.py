"""Compares every #include in src, and every link line of its CMake files, with docs/architecture.md's picture.

usage: include_direction.py [SRC]

The rules: a folder includes only what lies below it; DuckDB's header is included only in engine/duckdb, AWS's only in
storage/s3, gRPC's and nanoarrow's only in engine/spark/connect, the messages of Spark Connect only in engine/spark; engine/spark is
known to programs alone, not to the library of cli, so that a program without it is possible; the target that a file belongs to links every folder that the file includes (publicly if the file is listed
under HEADERS) and links no folder above it; every source is listed, and every header that another folder includes is
listed under HEADERS, which has it checked to compile alone. Test programs (firesteel_test) may include and link anything.
"""

import pathlib
import re
import sys

# What each folder may include besides itself. Lowest first.
BELOW = {
    "base": [],
    "table": ["base"],
    "sql": ["table", "base"],
    "storage": ["base"],
    "storage/s3": ["storage", "base"],
    "engine": ["sql", "table", "base"],
    "engine/duckdb": ["engine", "sql", "storage", "table", "base"],
    "engine/spark/connect": ["base"],
    "engine/spark": ["engine/spark/connect", "engine/duckdb", "engine", "sql", "storage", "table", "base"],
    "model": ["table", "base"],
    "metric": ["table", "base"],
    "features": ["engine", "sql", "table", "base"],
    "learn": ["model", "metric", "table", "base"],
    "sparkml": ["features", "model", "engine", "sql", "storage", "table", "base"],
    "export": ["sparkml", "model", "sql", "table", "base"],
    "sample": ["base"],
}
BELOW["workflow"] = [
    folder for folder in BELOW if not folder.startswith(("engine/", "storage/")) and folder not in ("export", "sample")]
BELOW["cli"] = list(BELOW)
# Headers of others, by how they begin -> the folder (and those in it) that may include them.
OTHERS = {
    "duckdb.h": "engine/duckdb",
    "aws/": "storage/s3",
    "grpcpp/": "engine/spark/connect",
    "grpc/": "engine/spark/connect",
    "nanoarrow/": "engine/spark/connect",
    "spark/connect/": "engine/spark",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
KEYWORDS = {"SOURCES", "HEADERS", "DEPENDS", "PRIVATE_DEPENDS"}


def folder_of(path):
    """The innermost folder of BELOW that a path relative to src belongs to, or None."""
    parents = [parent.as_posix() for parent in pathlib.PurePosixPath(path).parents]
    return next((parent for parent in parents if parent in BELOW), None)


def target_of(folder):
    return "firesteel_spark_connect" if folder == "engine/spark/connect" else "firesteel_" + folder.rpartition("/")[2]


class Target:
    """One firesteel_library, firesteel_executable or firesteel_test of a CMake file."""

    def __init__(self, kind, tokens, directory):
        self.kind = kind
        self.directory = directory
        self.name = "firesteel_" + tokens[0] if kind == "library" else tokens[0]
        lists = {keyword: [] for keyword in KEYWORDS}
        current = None
        for token in tokens[1:]:
            if token in KEYWORDS:
                current = lists[token]
            elif current is not None:
                current.append(token)
        self.headers = [(directory / name).as_posix() for name in lists["HEADERS"]]
        self.sources = [(directory / name).as_posix() for name in lists["SOURCES"]]
        self.public = set(lists["DEPENDS"])
        self.linked = self.public | set(lists["PRIVATE_DEPENDS"])


def read_targets(src):
    targets = []
    for path in sorted(src.rglob("CMakeLists.txt")):
        text = re.sub(r"#.*", "", path.read_text())
        for kind, body in re.findall(r"\bfiresteel_(library|executable|test)\s*\(([^()]*)\)", text):
            targets.append(Target(kind, body.split(), path.parent.relative_to(src)))
    return targets


def check(src):
    problems = []
    targets = read_targets(src)
    owner = {name: target for target in targets for name in target.sources + target.headers}
    folders = {target_of(folder): folder for folder in BELOW}
    libraries = {target.directory: target for target in targets if target.kind == "library"}
    public = {name for target in targets for name in target.headers}
    files = sorted(p for p in src.rglob("*") if p.suffix in (".h", ".cc"))
    for path in files:
        name = path.relative_to(src).as_posix()
        folder = folder_of(name)
        target = owner.get(name)
        if target is None and path.suffix == ".h":
            parents = pathlib.PurePosixPath(name).parents
            target = next((libraries[d] for d in map(pathlib.Path, parents) if d in libraries), None)
        if folder is None:
            problems.append(f"src/{name}: its folder is not in the picture; add it to BELOW and to docs/architecture.md")
            continue
        if target is None:
            problems.append(f"src/{name}: belongs to no target; list it in the folder's CMakeLists.txt")
            continue
        if target.kind == "test":
            continue
        for bracket, included in INCLUDE.findall(path.read_text()):
            for beginning, home in OTHERS.items():
                if included.startswith(beginning) and not f"{folder}/".startswith(f"{home}/"):
                    problems.append(f"src/{name}: includes {included}, whose types belong to src/{home} alone")
            other = folder_of(included) if bracket == '"' else None
            if other is None or other == folder:
                continue
            if other not in BELOW[folder]:
                problems.append(f"src/{name}: includes {included}, but {folder} may not know {other}")
            elif folder == "cli" and other.startswith("engine/spark") and target.kind != "executable":
                problems.append(f"src/{name}: includes {included}, which a program of cli may, and its library may not")
            elif included not in public:
                problems.append(f"src/{name}: includes {included}, which {other} does not list under HEADERS")
            elif target_of(other) not in target.linked:
                problems.append(f"src/{name}: includes {included}, but {target.name} does not link {target_of(other)}")
            elif name in target.headers and target_of(other) not in target.public:
                problems.append(f"src/{name}: a header includes {included}, so {target_of(other)} goes under DEPENDS")
    for target in targets:
        own = {folder_of(name) for name in target.sources + target.headers}
        if target.kind == "test":
            continue
        for linked in sorted(target.linked & set(folders)):
            for folder in sorted(own - {None, folders[linked]}):
                if folders[linked] not in BELOW[folder]:
                    problems.append(f"src/{folder}/CMakeLists.txt: {target.name} links {linked}, which {folder} may not know")
        if target.kind == "library" and "cli" in own and target.linked & {"firesteel_spark", "firesteel_spark_connect"}:
            problems.append(f"{target.name} links Spark's client, which a program of cli may, and its library may not")
        if "duckdb" in target.linked and own != {"engine/duckdb"}:
            problems.append(f"{target.name} links DuckDB, which only src/engine/duckdb may")
        if "aws_s3_api" in target.linked and own != {"storage/s3"}:
            problems.append(f"{target.name} links AWS's libraries, which only src/storage/s3 may")
    if not files:
        problems.append(f"{src}: no sources found")
    return problems, len(files), len(targets)


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "src"
    problems, num_files, num_targets = check(root)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{num_files} files of {num_targets} targets include downwards only")


if __name__ == "__main__":
    main()
