"""Build the Go programs of the bench: `build()`."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from grpc_tools import protoc

from scripts import go

ROOT = Path(__file__).resolve().parent.parent
BINARIES = go.TOOLS / "bench"
SOURCES = ROOT / "bench" / "go"
PROTO = "vault_plugin/pachyderm/proto/v2.proto"
PROGRAMS = ("host", "load", "pachd", "plugin")
PLUGINS = ("go-pooled", "go-dial", "go-single")  # the names the plugin knows itself by


def build() -> Path:
    """The folder of the programs, each under its name in `PROGRAMS` and `PLUGINS`.

    Raises RuntimeError without Go, and CalledProcessError where it refuses something; it has said
    why on stderr.
    """
    if not go.PRESENT:
        raise RuntimeError("the bench is written in Go in part: put go on PATH")
    BINARIES.mkdir(parents=True, exist_ok=True)
    generator = BINARIES / "protoc-gen-go"
    go.build(SOURCES, generator, "google.golang.org/protobuf/cmd/protoc-gen-go")
    _generate(generator)
    go.build(SOURCES, BINARIES, *(f"./{program}" for program in PROGRAMS))
    for name in PLUGINS:
        link = BINARIES / name
        link.unlink(missing_ok=True)
        link.symlink_to("plugin")
    return BINARIES


def _generate(generator: Path) -> None:
    """Write package pb, pachd's messages, from the engine's own .proto file."""
    bundled = importlib.resources.files("grpc_tools") / "_proto"
    output = SOURCES / "pb"
    output.mkdir(exist_ok=True)
    options = [
        f"-I{ROOT}",
        f"-I{bundled}",
        f"--plugin=protoc-gen-go={generator}",
        f"--go_out={output}",
        "--go_opt=module=bench/pb",
        f"--go_opt=M{PROTO}=bench/pb",
    ]
    if protoc.main(["protoc", *options, PROTO]) != 0:
        raise RuntimeError(f"protoc refused {PROTO}")
