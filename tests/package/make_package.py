"""Makes a package of the programs in a build folder and unpacks it, for the tests of this folder and of tests/deploy.

usage: make_package.py BUILD
"""

import shutil
import subprocess
import sys

import package_files


def main():
    build = sys.argv[1]
    folder = package_files.folder_of(build)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "unpacked").mkdir(parents=True)
    archive = package_files.make(build, folder)
    # With the tools that its users have.
    subprocess.run(["sha256sum", "--check", "--quiet", f"{archive.name}.sha256"], cwd=folder, check=True)
    subprocess.run(["tar", "-xzf", archive, "-C", folder / "unpacked", "--no-same-owner"], check=True)
    print(package_files.unpacked_of(build))


main()
