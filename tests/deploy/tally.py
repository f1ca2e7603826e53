"""Counts what holds and what does not, for tests that go on after a failure."""

import sys
import time

_counts = {True: 0, False: 0}


def check(holds, text):
    _counts[bool(holds)] += 1
    if not holds:
        print(f"FAILED: {text}", flush=True)


def run(name, tests):
    """Runs the tests, says what each took, and ends the program: 1 if something did not hold, or nothing did."""
    for test in tests:
        started = time.monotonic()
        test()
        print(f"{test.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    print(f"{name}: {_counts[True]} passed, {_counts[False]} failed")
    sys.exit(1 if _counts[False] or not _counts[True] else 0)
