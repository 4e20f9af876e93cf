"""Regenerate the Python code of every .proto file beside it: `python -m scripts.proto`."""

import importlib.resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("shim", "vault_plugin", "tests")


def proto_files(root: Path = ROOT) -> list[str]:
    """Every .proto file of the project, as a path below the root, which is also its import name."""
    found = (path for folder in FOLDERS for path in (root / folder).rglob("*.proto"))
    return sorted(path.relative_to(root).as_posix() for path in found)


def generate(output: Path) -> None:
    """Write `*_pb2.py` and `*_pb2.pyi` of every .proto file below the folder `output`.

    Raises RuntimeError when the compiler refuses a file; it has said why on stderr.
    """
    bundled = importlib.resources.files("grpc_tools") / "_proto"
    options = [f"-I{ROOT}", f"-I{bundled}", f"--python_out={output}", f"--pyi_out={output}"]
    if protoc.main(["protoc", *options, *proto_files()]) != 0:
        raise RuntimeError("protoc refused a .proto file")


if __name__ == "__main__":
    generate(ROOT)
