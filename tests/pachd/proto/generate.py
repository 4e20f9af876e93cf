"""Generates the message classes of this folder: ``python -m tests.pachd.proto.generate``."""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def generate(into: Path) -> None:
    """Write ``*_pb2.py`` and ``*_pb2.pyi`` for every ``.proto`` here below ``into``."""
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    sources = sorted(str(path) for path in HERE.glob("*.proto"))
    flags = [f"-I{ROOT}", f"-I{well_known}", f"--python_out={into}", f"--pyi_out={into}"]
    if protoc.main(["protoc", *flags, *sources]) != 0:
        sys.exit("protoc refused the files above")


if __name__ == "__main__":
    generate(ROOT)
