"""Build the Go programs of the bench: `build()`."""

from __future__ import annotations

import importlib.resources
import os
import shutil
import subprocess
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
BINARIES = TOOLS / "bench"
SOURCES = ROOT / "bench" / "go"
PROTO = "vault_plugin/pachyderm/proto/v2.proto"
PROGRAMS = ("host", "load", "pachd", "plugin")
PLUGINS = ("go-pooled", "go-dial", "go-single")  # the names the plugin knows itself by


def build() -> Path:
    """The folder of the programs, each under its name in `PROGRAMS` and `PLUGINS`.

    Raises RuntimeError without Go, and CalledProcessError where it refuses something; it has said
    why on stderr.
    """
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("the bench is written in Go in part: put go on PATH")
    environment = {
        **os.environ,
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
        # Nothing of it in HOME, which may be empty or not to be written.
        "GOPATH": str(TOOLS / "go"),
        "GOCACHE": str(TOOLS / "cache"),
    }
    BINARIES.mkdir(parents=True, exist_ok=True)

    def compile_to(output: Path, *packages: str) -> None:
        command = [go, "build", "-trimpath", "-o", str(output), *packages]
        subprocess.run(command, check=True, cwd=SOURCES, env=environment)

    generator = BINARIES / "protoc-gen-go"
    compile_to(generator, "google.golang.org/protobuf/cmd/protoc-gen-go")
    _generate(generator)
    compile_to(BINARIES, *(f"./{program}" for program in PROGRAMS))
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
