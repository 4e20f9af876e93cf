"""The built file's bill of materials: CycloneDX 1.6, JSON.

It accounts for every entry of the archive, and for the libraries inside the native modules as far
as their makers tell. It bears no time, and its serial number follows from the file's sha256: the
same file has the same bill.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from importlib.metadata import distribution
from typing import Any

from scripts.bundle.archive import entry_name
from scripts.bundle.contents import DEPENDENCIES, Contents
from scripts.bundle.linked import Linked, linked

NAME = "vault-plugin-secrets-pachyderm"
LICENCE = "Apache-2.0"
# protobuf's metadata do not name theirs as SPDX does.
LICENCES = {"protobuf": "BSD-3-Clause"}


def licence(dependency: str) -> str:
    """Give a dependency's licence as an SPDX expression. Raises KeyError where there is none."""
    stated = distribution(dependency).metadata.get_all("License-Expression")
    return stated[0] if stated else LICENCES[dependency]


def bill(version: str, sha256: str, contents: Contents, laid_out: Mapping[str, bytes]) -> bytes:
    """Write the bill of the file with this `sha256`, built from `contents` as `laid_out`."""
    owners = {entry_name(i): i.owner for i in (*contents.modules, *contents.natives)}
    files: dict[str, list[dict[str, Any]]] = {owner: [] for owner in ("", *DEPENDENCIES)}
    for name, data in laid_out.items():
        digest = hashlib.sha256(data).hexdigest()
        files[owners.get(name, "")].append({"type": "file", "name": name, **_hashes(digest)})
    plugin = {
        **_component("application", f"pkg:generic/{NAME}@{version}", NAME, version, LICENCE),
        **_hashes(sha256),
        "components": files[""],
    }
    inside = {dependency: linked(distribution(dependency)) for dependency in DEPENDENCIES}
    libraries = [_dependency(name, files[name]) for name in DEPENDENCIES]
    told = [library for libraries_of in inside.values() for library in libraries_of]
    refs = {library["name"]: library["bom-ref"] for library in libraries}
    needs = {plugin["bom-ref"]: [ref for name, ref in refs.items() if name != "cffi"]}
    needs |= {refs[name]: _tops(found) for name, found in inside.items()}
    needs[refs["cryptography"]].append(refs["cffi"])
    needs |= {library.purl: list(library.needs) for library in told}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, sha256).urn,
        "version": 1,
        "metadata": {"lifecycles": [{"phase": "build"}], "component": plugin},
        "components": [*libraries, *map(_linked, told)],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(needed)} for ref, needed in sorted(needs.items())
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


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
