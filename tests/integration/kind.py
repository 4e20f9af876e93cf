"""The kinds of server, and in what they differ where a test has to know."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """One kind of server.

    `title` is how its ``version`` begins, `program` how its command line is called. `no_plugin` is
    what it says of a mount that a failed reload left without one, `not_json` how it begins to say
    that a body is no JSON. `serving_standbys`: a node that stands by runs the plugin, for reads.
    """

    title: str
    program: str
    no_plugin: str
    not_json: str
    serving_standbys: bool


OPENBAO = Kind(
    title="OpenBao",
    program="bao",
    no_plugin="backend is nil",
    not_json="failed to decode JSON input: ",
    serving_standbys=True,
)
VAULT = Kind(
    title="Vault",
    program="vault",
    no_plugin="checksums did not match",
    not_json="error parsing JSON: failed to parse JSON input: ",
    serving_standbys=False,
)


def kind_of(binary: Path) -> Kind:
    """Ask a binary, whatever its name. Raises LookupError for neither."""
    asked = [str(binary), "version"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout
    for kind in (OPENBAO, VAULT):
        if told.startswith(f"{kind.title} v"):
            return kind
    raise LookupError(f"{binary} is neither OpenBao nor Vault: {told}")
