"""A registry of images on loopback, go-containerregistry's own."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


class Registry:
    """A process of `program`, built of registry/."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = f"127.0.0.1:{self._line()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def push(self, layout: bytes, name: str) -> None:
        """Validate an image, a layout in a tar, and have it under `name`."""
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(fileobj=io.BytesIO(layout)) as tar:
                tar.extractall(folder, filter="data")
            self._order(f"{folder} {self.address}/{name}")

    def validate(self, archive: Path) -> None:
        """Validate an image of one CPU in the file that `docker load` takes."""
        self._order(str(archive))

    def _order(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        said = self._line()
        assert said == "ok", said

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
