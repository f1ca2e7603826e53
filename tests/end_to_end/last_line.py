"""The line by which the program says that it failed: the last one of stderr, with the cause and the exit code."""

import re


def message_of(line, code):
    """What such a line says, if it is one of a program that ended with `code`; throws AssertionError else."""
    found = re.fullmatch(r"firesteel: error: (.*) \(exit code (\d+)\)", line.rstrip("\n"))
    if not found or int(found[2]) != code:
        raise AssertionError(f"not the error line of exit code {code}: {line!r}")
    return found[1]
