"""The app that `cdk` runs (cdk.json). README.md says which context it takes."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from aws_cdk import App  # noqa: E402

from firesteel_deploy.app import build  # noqa: E402
from firesteel_deploy.values import BadValues  # noqa: E402


def main():
    app = App()
    try:
        build(app)
    except BadValues as error:
        for problem in error.problems:
            print(f"firesteel: error: {problem}", file=sys.stderr)
        sys.exit(2)
    app.synth()


main()
