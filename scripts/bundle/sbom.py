"""The built file's bill of materials: CycloneDX 1.6, JSON.

It accounts for every entry of the file, and for the libraries inside the native modules as far as
their makers tell. It bears no time, and its serial number follows from the file's sha256: the
same file has the same bill.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from typing import Any

from scripts.bundle.contents import DEPENDENCIES
from scripts.bundle.linked import Linked, linked

LICENCE = "Apache-2.0"
# protobuf's metadata do not name theirs as SPDX does.
LICENCES = {"protobuf": "BSD-3-Clause"}


def licence(dependency: str) -> str:
    """Give a dependency's licence as an SPDX expression. Raises KeyError where there is none."""
    stated = distribution(dependency).metadata.get_all("License-Expression")
    return stated[0] if stated else LICENCES[dependency]


def bill(
    name: str,
    version: str,
    sha256: str,
    files: Mapping[str, Mapping[str, bytes]],
    carried: Sequence[Linked] = (),
) -> bytes:
    """Write the bill of the file `name` with this `sha256`.

    `files` are its entries by owner, "" for our own; `carried` are the libraries of an executable,
    which carries no native module of a dependency.
    """
    listed = {owner: _files(entries) for owner, entries in files.items()}
    plugin = {
        **_component("application", f"pkg:generic/{name}@{version}", name, version, LICENCE),
        **_hashes(sha256),
        "components": listed[""],
    }
    used = [dependency for dependency in DEPENDENCIES if dependency in listed]
    inside = {d: [] if carried else linked(distribution(d)) for d in used}
    libraries = [_dependency(name, listed[name]) for name in used]
    told = [library for libraries_of in inside.values() for library in libraries_of]
    refs = {library["name"]: library["bom-ref"] for library in libraries}
    direct = [ref for name, ref in refs.items() if name != "cffi"]
    needs = {plugin["bom-ref"]: [*direct, *(one.purl for one in carried)]}
    needs |= {refs[name]: _tops(found) for name, found in inside.items()}
    if "cryptography" in refs:
        needs[refs["cryptography"]].append(refs["cffi"])
    needs |= {library.purl: list(library.needs) for library in (*told, *carried)}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, sha256).urn,
        "version": 1,
        "metadata": {"lifecycles": [{"phase": "build"}], "component": plugin},
        "components": [
            *libraries,
            *map(_linked, told),
            *({**_linked(one), "components": listed.get(one.name, [])} for one in carried),
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(needed)} for ref, needed in sorted(needs.items())
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _files(entries: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"type": "file", "name": name, **_hashes(hashlib.sha256(data).hexdigest())}
        for name, data in sorted(entries.items())
    ]


def _hashes(sha256: str) -> dict[str, Any]:
    return {"hashes": [{"alg": "SHA-256", "content": sha256}]} if sha256 else {}


def _component(kind: str, purl: str, name: str, version: str, licence: str) -> dict[str, Any]:
    versioned = {"version": version} if version else {}
    licensed = {"licenses": [{"expression": licence}]} if licence else {}
    return {"type": kind, "bom-ref": purl, "name": name, "purl": purl, **versioned, **licensed}


def _dependency(name: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe a dependency: what of it is in the archive, and by its tags from which wheel."""
    found = distribution(name)
    purl = f"pkg:pypi/{name}@{found.version}"
    wheel = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(": ")[2] for line in wheel if line.startswith("Tag: ")]
    return {
        **_component("library", purl, name, found.version, licence(name)),
        "properties": [{"name": "wheel:tag", "value": tag} for tag in tags],
        "components": files,
    }


def _linked(library: Linked) -> dict[str, Any]:
    described = _component("library", library.purl, library.name, library.version, library.licence)
    return {**described, **_hashes(library.sha256)}


def _tops(libraries: list[Linked]) -> list[str]:
    """Give those that no other needs: what the native module itself links."""
    needed = {purl for library in libraries for purl in library.needs}
    return [library.purl for library in libraries if library.purl not in needed]
