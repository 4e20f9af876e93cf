"""Writes the OCI image of the executable: a layout in a tar, made without a container's daemon.

`make image` runs it: ``python -m scripts.image --output FILE EXECUTABLE...``, a file for each CPU.
The image holds the file and nothing else (OCI image specification 1.1). The layout has one entry,
an index with an image for each CPU; ``manifest.json`` is for Docker daemons that read no layout. It
bears no time: the same files give the same image, with the same zlib.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
import zlib
from pathlib import Path
from typing import Any, Final

from scripts.bundle.engine import Engine
from scripts.bundle.executable.target import TRIPLETS, cpu
from scripts.bundle.sbom import LICENCE

ENGINE = Engine(Path(__file__).resolve().parents[1] / "vault_plugin")
NAME: Final = "vault-plugin-secrets-pachyderm"
USER: Final = "65534:65534"  # nobody: it has to write where a volume lets it, and nowhere else

#: what the names of images here begin with that no registry has: podman's word, which Docker takes
LOCAL: Final = "localhost"

_OCI: Final = "application/vnd.oci.image"
_CONFIG: Final = f"{_OCI}.config.v1+json"
_INDEX: Final = f"{_OCI}.index.v1+json"
_LAYER: Final = f"{_OCI}.layer.v1.tar+gzip"
_MANIFEST: Final = f"{_OCI}.manifest.v1+json"


class NoImage(Exception):  # noqa: N818  a finding about what was given
    """No image can be made of that; the text says why."""


class Layout:
    """An OCI image layout in the making: its blobs by digest."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def add(self, media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
        """Keep a blob; its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self._blobs[digest] = content
        return {
            "mediaType": media_type,
            "digest": f"sha256:{digest}",
            "size": len(content),
            **more,
        }

    def written(self, top: dict[str, Any], docker: list[dict[str, Any]]) -> bytes:
        """The layout as a tar, with the descriptor `top` in its index, and what Docker reads."""
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [top]}
        files = {f"blobs/sha256/{digest}": blob for digest, blob in sorted(self._blobs.items())}
        files["index.json"] = _json(index)
        files["manifest.json"] = _json(docker)
        files["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
        return _tar(files, 0o644)


def image(executables: list[Path], version: str) -> bytes:
    """The image of all `executables`, an image index with one for each CPU.

    Its tag is the version as a server's catalog has it, ``v1.2.3``: OpenBao pulls it by that.
    Raises NoImage.
    """
    told = {
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": LICENCE,
        "org.opencontainers.image.description": f"the notices: /{NAME} --licenses",
    }
    layout = Layout()
    images: dict[str, dict[str, Any]] = {}
    docker: dict[str, dict[str, Any]] = {}
    for file in executables:
        arch = cpu(file)
        if arch not in TRIPLETS:
            what = f"is for {arch}" if arch else "is no executable"
            raise NoImage(f"{file} {what}: write one with make build FORM=executable")
        if arch in images:
            raise NoImage(f"{file} is a second executable for {arch}: give one for each CPU")
        images[arch], docker[arch] = _image(layout, arch, file.read_bytes(), told)
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [images[arch] for arch in sorted(images)],
        "annotations": told,
    }
    name = f"{LOCAL}/{NAME}:v{version}"
    for arch, entry in docker.items():  # a tag is of one image there
        entry["RepoTags"] = [f"{name}-{arch}" if len(docker) > 1 else name]
    named = {
        "org.opencontainers.image.ref.name": f"v{version}",
        "io.containerd.image.name": name,
    }
    top = layout.add(_INDEX, _json(index), annotations=named)
    return layout.written(top, [docker[arch] for arch in sorted(docker)])


def _image(
    layout: Layout, arch: str, file: bytes, told: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Add the image for one CPU; its descriptor, and its entry for Docker."""
    content = _tar({NAME: file}, 0o755)
    layer = layout.add(_LAYER, _compressed(content))
    config = {
        "architecture": arch,
        "os": "linux",
        "config": {"User": USER, "Entrypoint": [f"/{NAME}"], "Labels": told},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": layout.add(_CONFIG, _json(config)),
        "layers": [layer],
        "annotations": told,
    }
    docker = {"Config": _place(manifest["config"]), "Layers": [_place(layer)]}
    platform = {"architecture": arch, "os": "linux"}
    return layout.add(_MANIFEST, _json(manifest), platform=platform), docker


def _place(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    """Root's files in a tar, in the order given, of no time."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _compressed(content: bytes) -> bytes:
    """As gzip has it; module gzip would write what differs from one Python to the next."""
    gzip = zlib.compressobj(level=6, wbits=31)
    return gzip.compress(content) + gzip.flush()


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def main() -> int:
    """Write the image; give the exit code."""
    parser = argparse.ArgumentParser(prog="make image", description="Write the OCI image.")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    parser.add_argument("executables", type=Path, nargs="+", metavar="EXECUTABLE")
    options = parser.parse_args()
    try:
        content = image(options.executables, ENGINE.version)
    except (NoImage, OSError) as lack:
        print(f"image: {lack}", file=sys.stderr)
        return 1
    options.output.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    print(f"{options.output}  {len(content) / 1e6:.1f} MB\nsha256 {sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
