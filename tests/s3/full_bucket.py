"""moto's server with a bucket that is full from the start, for which requests would take minutes.

usage: full_bucket.py BUCKET NUM_OBJECTS [FLAG OF MOTO'S SERVER...]

The objects are called full/0000/000000.txt and so on, a hundred to a "folder", and hold one byte each.
"""

import sys

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import main

bucket, count = sys.argv[1], int(sys.argv[2])
backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
backend.create_bucket(bucket, "us-east-1")
for n in range(count):
    backend.put_object(bucket, f"full/{n // 100:04}/{n:06}.txt", b"x")
main(sys.argv[3:])
