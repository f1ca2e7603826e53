"""Fetches the source package of a Python package from where pip finds it, and verifies nothing: the caller does.

`pip download` would build the package first, to learn what it depends on; of XGBoost that is its whole library. So this asks pip's
own parts for the address alone: its settings for indexes, proxies and certificates count as usual.

usage: fetch_source.py NAME VERSION FOLDER
"""

import sys

from pip._internal.commands import create_command
from pip._internal.network.download import Downloader


def main():
    name, version, folder = sys.argv[1:]
    command = create_command("download")
    options, _ = command.parse_args(["--no-deps", "--no-binary", name, name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        for candidate in finder.find_all_candidates(name):
            if str(candidate.version) == version and not candidate.link.is_wheel:
                Downloader(session, "off")(candidate.link, folder)
                return
    sys.exit(f"no source package of {name} {version} is on offer")


main()
