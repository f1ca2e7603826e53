"""Collects the messages of Spark Connect from the source package of Spark's Python client, where they lie compiled, as one file that
`protoc --descriptor_set_in` reads.

usage: connect_descriptors.py PROTO_FOLDER INCLUDE_FOLDER OUT
  PROTO_FOLDER    pyspark/sql/connect/proto of the package
  INCLUDE_FOLDER  where google/protobuf/*.proto lie
  OUT             the descriptor set
"""

import ast
import pathlib
import subprocess
import sys

WELL_KNOWN = ["google/protobuf/any.proto", "google/protobuf/timestamp.proto"]


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def descriptor_in(path):
    """The bytes that a generated module hands to AddSerializedFile: a FileDescriptorProto."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
            return ast.literal_eval(node.args[0])
    sys.exit(f"{path} holds no descriptor")


def main():
    folder, include, out = sys.argv[1:]
    subprocess.run(["protoc", f"-I{include}", f"--descriptor_set_out={out}", *WELL_KNOWN], check=True)
    paths = sorted(pathlib.Path(folder).glob("*_pb2.py"))
    if not paths:
        sys.exit(f"{folder} holds no generated module")
    with open(out, "ab") as stream:
        for path in paths:
            # A FileDescriptorSet repeats field 1, so that sets are appended to each other.
            descriptor = descriptor_in(path)
            stream.write(b"\x0a" + varint(len(descriptor)) + descriptor)


main()
