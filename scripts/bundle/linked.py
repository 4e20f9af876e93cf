"""The libraries inside the native modules, as the SBOMs in their wheels tell them (PEP 770)."""

import json
from collections.abc import Iterator
from importlib.metadata import Distribution
from typing import Any, NamedTuple

from scripts.bundle.contents import installed

# Linked into a wheel's native module, and told by no SBOM in it: name to SPDX licence.
UNTOLD = {"cffi": {"libffi": "MIT"}, "protobuf": {"utf8_range": "MIT"}}

# Tells of libraries that stand beside the native modules, from where the archive takes none.
BESIDE = "auditwheel.cdx.json"

# Whose SBOM tells no licence.
LICENCES = {"openssl": "Apache-2.0"}


class Linked(NamedTuple):
    """A library in a native module. `needs` are the purls of others; "" is what nobody tells."""

    purl: str
    name: str
    version: str
    licence: str
    sha256: str
    needs: tuple[str, ...]


def linked(distribution: Distribution) -> list[Linked]:
    """Give what is linked into a dependency's native modules, sorted, each once."""
    found = [
        library
        for name, source in installed(distribution)
        if ".dist-info/sboms/" in name and not name.endswith(BESIDE)
        for library in _told(json.loads(source.read_bytes()))
    ]
    for name, licence in UNTOLD.get(distribution.name, {}).items():
        found.append(Linked(f"pkg:generic/{name}", name, "", licence, "", ()))
    return sorted(set(found))


def _told(sbom: dict[str, Any]) -> Iterator[Linked]:
    """Read a CycloneDX document. Its own references name folders of the machine it was made on."""
    root = sbom["metadata"].get("component")
    components = [*filter(None, [root]), *sbom["components"]]
    purls = {c.get("bom-ref", c["purl"]): _bare(c["purl"]) for c in components}
    needs = {d["ref"]: d.get("dependsOn", ()) for d in sbom.get("dependencies", ())}
    for component in components:
        digests = {one["alg"]: one["content"] for one in component.get("hashes", ())}
        yield Linked(
            purl=_bare(component["purl"]),
            name=component["name"],
            version=component["version"],
            licence=_licence(component) or LICENCES.get(component["name"], ""),
            sha256=digests.get("SHA-256", ""),
            needs=tuple(sorted(purls[r] for r in needs.get(component.get("bom-ref"), ()))),
        )


def _licence(component: dict[str, Any]) -> str:
    """Give the stated licence as an SPDX expression, "" where there is none."""
    stated = component.get("licenses", ())
    expressions = [one.get("expression") or one["license"].get("id") for one in stated]
    return " AND ".join(filter(None, expressions))


def _bare(purl: str) -> str:
    """Take the place of download away, which is a place on another's machine."""
    return purl.partition("?")[0]
