"""moto's server, in which a write under a condition is one step, as it is in S3: moto looks first and writes then, and of two that look at
the same time both would write.

usage: atomic_server.py [FLAG OF MOTO'S SERVER...]
"""

import sys
import threading

from moto.s3.responses import S3Response
from moto.server import main

LOCK = threading.RLock()


def in_one_step(method):
    def locked(*arguments, **named):
        with LOCK:
            return method(*arguments, **named)

    return locked


for name in ("_key_response_put", "_key_response_post"):
    setattr(S3Response, name, in_one_step(getattr(S3Response, name)))
main(sys.argv[1:])
