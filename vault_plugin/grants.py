"""Grants: what an ephemeral robot may do, as roles write it and as pachd takes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shim import UserError

CLUSTER = "cluster"
PROJECT = "project"
REPO = "repo"
_GRANT = re.compile(r"(?:(cluster)|(project|repo):([^=\s]+))=([A-Za-z]+)")
# 1.x scopes of a repo.
SCOPES = ("READER", "WRITER", "OWNER")


@dataclass(frozen=True, slots=True)
class Grant:
    """Roles (2.x) or a scope (1.x) on one resource; `name` is empty for the cluster."""

    kind: str
    name: str
    roles: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """As roles write it, a text for each role."""
        where = f"{self.kind}:{self.name}" if self.name else self.kind
        return [f"{where}={role}" for role in self.roles]


def parse(written: list[str]) -> tuple[Grant, ...]:
    """The grants in texts such as ``repo:default/images=repoReader``.

    On 2.x also ``project:default=projectViewer`` and ``cluster=debugger``; on 1.x
    ``repo:images=READER``. Several roles on one resource are one grant, since pachd replaces a
    principal's whole entry. Raises UserError with what to write.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for text in written:
        match = _GRANT.fullmatch(text)
        if match is None:
            raise UserError(
                f"invalid grants: '{text}'; write repo:<project>/<repo>=<role>,"
                " project:<project>=<role> or cluster=<role>, on 1.x repo:<repo>=READER"
            )
        cluster, kind, name, role = match.groups()
        roles = found.setdefault((cluster or kind, name or ""), [])
        if role not in roles:
            roles.append(role)
    return tuple(Grant(kind, name, tuple(roles)) for (kind, name), roles in found.items())
