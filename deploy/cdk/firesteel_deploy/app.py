"""Makes the app: the stacks that the context chooses, with the values that it gives."""

import pathlib

from .acknowledged import acknowledge_warnings, check_with_nag
from .stack import TemplateStack
from .template import Template
from .values import read_values

DEPLOY = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ("emr-cluster", "storage-and-network", "scheduled-run", "single-instance")


def build(app, deploy=DEPLOY):
    """Adds the stacks to an app and returns them. Throws BadValues. deploy: where cloudformation/ and bootstrap.sh lie."""
    templates = [Template(deploy / "cloudformation" / f"{name}.yaml") for name in TEMPLATES]
    values = read_values(app.node.get_all_context(), templates, deploy / "bootstrap.sh")
    stacks = [TemplateStack(app, one, values.synthesizer) for one in values.stacks]
    for stack in stacks:
        acknowledge_warnings(stack)
    if values.nag:
        check_with_nag(app, stacks)
    return stacks
