"""What is in a package of firesteel and is not ours, and the notices and licences that go with it.

COMPONENTS names every part with its licence, and where its version and its texts are found on the machine that builds: the
distribution's statements of copyright (/usr/share/doc), and what tools/setup took out of the source packages (deps/licences in the
cache). tests/package compares the list with what the programs are linked from.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess

PROGRAMS = "bin/firesteel, bin/firesteel-spark"
SPARK = "bin/firesteel-spark"
DUCKDB = "lib/libduckdb.so"
EXTENSIONS = "lib/extensions/*"
COMMON_LICENCES = pathlib.Path("/usr/share/common-licenses")


@dataclasses.dataclass(frozen=True)
class Component:
    name: str
    licence: str
    # Which files of the package it is part of.
    within: str
    # The distribution's packages that it comes from: their version and statements of copyright are its own.
    packages: tuple = ()
    # Or a pinned package, by its name in tools/pinned, with what of deps/licences belongs to it (patterns).
    pin: str = ""
    texts: tuple = ()
    # The folder below deps that its library and headers lie in.
    folder: str = ""
    # Files of the package that are this component, as patterns.
    files: tuple = ()
    # Its version, if neither the distribution's nor the pin's.
    version: str = ""
    # What the texts leave unsaid.
    notice: str = ""


COMPONENTS = (
    Component("AWS C libraries", "Apache-2.0; in aws-c-common also MIT (cJSON, libcbor) and BSD-3-Clause (ittnotify.h)",
              PROGRAMS, pin="awscrt", folder="awscrt-",
              texts=("awscrt/LICENSE", "awscrt/NOTICE", "awscrt/crt/aws-c-*/*", "awscrt/crt/aws-checksums/*", "awscrt/crt/s2n/*")),
    Component("CLI11", "BSD-3-Clause", PROGRAMS, packages=("libcli11-dev",)),
    Component("fmt", "MIT, with the exception for embedded code", PROGRAMS, packages=("libfmt-dev",)),
    Component("nlohmann/json", "MIT", PROGRAMS, packages=("nlohmann-json3-dev",)),
    Component("OpenSSL", "Apache-2.0", PROGRAMS, packages=("libssl-dev",)),
    Component("spdlog", "MIT", PROGRAMS, packages=("libspdlog-dev",)),
    Component("yaml-cpp", "MIT", PROGRAMS, packages=("libyaml-cpp-dev",)),
    Component("libstdc++ and libgcc of GCC", "GPL-3.0-or-later WITH GCC-exception-3.1", PROGRAMS,
              packages=("libstdc++-11-dev", "libgcc-11-dev")),
    Component("start files of the GNU C library", "LGPL-2.1-or-later, with the exception for programs linked with them", PROGRAMS,
              packages=("libc6-dev",)),
    Component("Abseil", "Apache-2.0", SPARK, packages=("libabsl-dev",)),
    Component("c-ares", "MIT", SPARK, packages=("libc-ares-dev",)),
    Component("FlatCC", "Apache-2.0; its portable/ BSD-3-Clause", SPARK, pin="nanoarrow", version="as nanoarrow brings it",
              texts=("nanoarrow/subprojects/flatcc-*/LICENSE", "nanoarrow/subprojects/flatcc-*/NOTICE",
                     "nanoarrow/subprojects/flatcc-*/external/*/LICENSE", "nanoarrow/subprojects/flatcc-*/include/*/*/LICENSE")),
    Component("gRPC, and upb", "Apache-2.0; upb BSD-3-Clause", SPARK, packages=("libgrpc-dev", "libgrpc++-dev")),
    Component("nanoarrow", "Apache-2.0", SPARK, pin="nanoarrow", folder="spark-client-", texts=("Apache-2.0",),
              notice="Apache Arrow nanoarrow, Copyright The Apache Software Foundation. This product includes software developed at\n"
                     "The Apache Software Foundation (http://www.apache.org/)."),
    Component("Protocol Buffers", "BSD-3-Clause", SPARK, packages=("libprotobuf-dev",)),
    Component("RE2", "BSD-3-Clause", SPARK, packages=("libre2-dev",)),
    Component("the messages of Spark Connect", "Apache-2.0", SPARK, pin="pyspark-client",
              texts=("pyspark-client/LICENSE", "pyspark-client/NOTICE")),
    Component("zlib", "Zlib", SPARK, packages=("zlib1g-dev",)),
    Component("Zstandard", "BSD-3-Clause", SPARK, packages=("libzstd-dev",)),
    Component("DuckDB", "MIT", DUCKDB + ", " + EXTENSIONS, pin="duckdb", folder="duckdb-",
              files=("lib/libduckdb.so", "lib/extensions/*.duckdb_extension"), texts=("duckdb/external/duckdb/LICENSE",)),
    Component("what DuckDB contains (ICU, Thrift, jemalloc, Mbed TLS, RE2, Zstandard, LZ4, Snappy, Brotli and others)",
              "each under its own: MIT, BSD, Apache-2.0, Unicode, PostgreSQL", DUCKDB, pin="duckdb",
              texts=("duckdb/external/duckdb/third_party/*/LICENSE", "duckdb/external/duckdb/third_party/*/NOTICES",
                     "duckdb/external/duckdb/third_party/*/*/LICENSE", "duckdb/external/duckdb/extension/*/third_party/*/LICENSE",
                     "duckdb/external/duckdb/src/include/duckdb/storage/compression/*/algorithm/LICENSE")),
    Component("curl, in DuckDB's extensions", "curl", EXTENSIONS, packages=("curl",), version="8.17.0-DEV"),
    Component("OpenSSL, in DuckDB's extensions", "Apache-2.0", EXTENSIONS, texts=("Apache-2.0",), version="3.6.0",
              notice="Copyright (c) 1998-2025 The OpenSSL Project Authors. Copyright (c) 1995-1998 Eric A. Young, Tim J. Hudson. All rights\n"
                     "reserved."),
    Component("zlib, in DuckDB's extensions", "Zlib", EXTENSIONS, packages=("zlib1g-dev",), version="1.3.1"),
    Component("AWS SDK for C++, in DuckDB's extension aws", "Apache-2.0", EXTENSIONS, texts=("Apache-2.0",),
              version="as DuckDB's project built it",
              notice="Copyright Amazon.com, Inc. or its affiliates. All Rights Reserved. This product includes software developed by\n"
                     "Amazon Technologies, Inc (http://www.amazon.com/). It contains TinyXML-2 by Lee Thomason and cJSON by Dave Gamble and\n"
                     "contributors, and stands on the AWS C libraries; their texts are beside this one."),
    Component("TinyXML-2, in DuckDB's extension aws", "Zlib", EXTENSIONS, packages=("libtinyxml2-dev",),
              version="as the AWS SDK contains it"),
    Component("cJSON and the AWS C libraries, in DuckDB's extension aws", "MIT; Apache-2.0", EXTENSIONS, pin="awscrt",
              version="as the AWS SDK contains them",
              texts=("awscrt/crt/aws-c-common/THIRD-PARTY-LICENSES.txt", "awscrt/crt/*/NOTICE", "awscrt/LICENSE")),
    Component("XGBoost, and dmlc-core", "Apache-2.0", "lib/xgboost/lib/libxgboost.so", pin="xgboost", folder="xgboost-",
              files=("lib/xgboost/lib/libxgboost.so",), texts=("xgboost/cpp_src/LICENSE", "xgboost/cpp_src/dmlc-core/LICENSE")),
    Component("libgomp of GCC", "GPL-3.0-or-later WITH GCC-exception-3.1", "lib/xgboost_cpu.libs/*", packages=("gcc-11-base",),
              version="as the package xgboost-cpu of XGBoost's project brings it", files=("lib/xgboost_cpu.libs/libgomp-*",),
              notice="A shared library of its own, unchanged, which may be replaced by another build. Its source is part of GCC's releases\n"
                     "(https://gcc.gnu.org) and of the distribution that packages for manylinux_2_28 are made on, AlmaLinux 8."),
)


def slug(name):
    """The folder of a component's texts: "AWS C libraries" -> "aws-c-libraries"."""
    return re.sub(r"[^a-z0-9+]+", "-", name.lower().split(" (")[0]).strip("-")


def pinned_version(root, name):
    line = re.search(rf"^pypi +\S+ +{re.escape(name)} +(\S+) ", (root / "tools/pinned").read_text(), re.M)
    if not line:
        raise LookupError(f"tools/pinned has no {name}")
    return line[1]


def installed_version(package):
    return subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", package], check=True, capture_output=True, text=True
    ).stdout.strip()


def version_of(component, root):
    if component.version:
        return component.version
    if component.packages:
        return ", ".join(sorted({installed_version(package) for package in component.packages}))
    return pinned_version(root, component.pin)


def texts_of(component, cache):
    """(name in the package, file on this machine) of each text of a component. Throws LookupError if there is none."""
    found = {}
    for package in component.packages:
        path = pathlib.Path("/usr/share/doc") / package / "copyright"
        if not path.is_file():
            raise LookupError(f"{component.name}: {path} is missing; is the package {package} installed without its documentation?")
        found[f"{package}.copyright"] = path
    licences = cache / "deps/licences"
    for pattern in component.texts:
        if pattern == "Apache-2.0":
            found["see-common"] = None
            continue
        matches = sorted(path for path in licences.glob(pattern) if path.is_file())
        if not matches:
            raise LookupError(f"{component.name}: {licences} has no {pattern}; run tools/setup package")
        # From the last folder without a wildcard on: third_party/*/LICENSE -> third_party-brotli-LICENSE.
        num_fixed = next((i for i, part in enumerate(pattern.split("/")) if "*" in part), pattern.count("/"))
        for path in matches:
            name = "-".join(path.relative_to(licences).parts[num_fixed - 1:])
            if found.setdefault(name, path) != path:
                raise LookupError(f"{component.name}: {path} and {found[name]} would both be {name}")
    if not found:
        raise LookupError(f"{component.name}: no text")
    return found


def write(root, cache, doc, title):
    """Writes NOTICES and licences/ into the folder `doc`."""
    lines = [title, "=" * len(title), "",
             "firesteel is under the Apache License 2.0 (LICENSE). This package also holds what others made, as follows; the texts that",
             "go with it are in licences/, and those that they refer to in licences/common/.", ""]
    common = {"Apache-2.0"}
    for component in COMPONENTS:
        lines += [f"{component.name}", f"  version:  {version_of(component, root)}", f"  licence:  {component.licence}",
                  f"  part of:  {component.within}"]
        names = []
        for name, path in sorted(texts_of(component, cache).items()):
            if path is None:
                names.append("licences/common/Apache-2.0")
                continue
            target = doc / "licences" / slug(component.name) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            names.append(target.relative_to(doc).as_posix())
            text = path.read_text(encoding="utf-8", errors="replace")
            common |= {found.rstrip(".") for found in re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]+)", text)}
        lines.append(f"  texts:    {names[0]}" if len(names) == 1 else f"  texts:    licences/{slug(component.name)}/")
        lines += [f"  {line}" for line in component.notice.splitlines()]
        lines.append("")
    (doc / "licences/common").mkdir(parents=True)
    for name in sorted(common):
        if not (COMMON_LICENCES / name).is_file():
            raise LookupError(f"{COMMON_LICENCES / name} is missing")
        shutil.copyfile(COMMON_LICENCES / name, doc / "licences/common" / name)
    (doc / "NOTICES").write_text("\n".join(lines))
