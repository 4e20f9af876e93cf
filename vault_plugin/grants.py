"""Grants: what an ephemeral robot may do, as roles write it and as pachd takes it.

Config bounds them by `allowed_grants`: globs of the same form, whose resource and role match each
for itself, and in which `*` crosses no ``/``. A grant on the cluster is allowed where it is written
out alone.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim import CodedError, UserError
from vault_plugin import globs
from vault_plugin.pachyderm import release as releases
from vault_plugin.pachyderm.release import Feature

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vault_plugin.pachyderm.release import Release

CLUSTER = "cluster"
PROJECT = "project"
REPO = "repo"
_GRANT = re.compile(r"(?:(cluster)|(project|repo):([^=\s]+))=([A-Za-z]+)")
_GLOB = re.compile(r"(?:(cluster)=([A-Za-z]+)|(project|repo):([^=\s]+)=([^=\s]+))")
# What projects and repos are called: a glob for anything else is a mistake, and so is such a grant.
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?", re.ASCII)
_ROLE = re.compile(r"[A-Za-z]+")
# 1.x scopes of a repo.
SCOPES = ("READER", "WRITER", "OWNER")


@dataclass(frozen=True, slots=True)
class Grant:
    """Roles (2.x) or a scope (1.x) on one resource; `name` is empty for the cluster."""

    kind: str
    name: str
    roles: tuple[str, ...]

    @property
    def where(self) -> str:
        """The resource as roles write it."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def texts(self) -> list[str]:
        """As roles write it, a text for each role."""
        return [f"{self.where}={role}" for role in self.roles]


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
                f"invalid grants: '{globs.written(text)}'; write, separated by commas or as a JSON"
                " list, repo:<project>/<repo>=<role>, project:<project>=<role> or cluster=<role>,"
                " on 1.x repo:<repo>=READER"
            )
        cluster, kind, name, role = match.groups()
        roles = found.setdefault((cluster or kind, name or ""), [])
        if role not in roles:
            roles.append(role)
    return tuple(Grant(kind, name, tuple(roles)) for (kind, name), roles in found.items())


def check_written(found: Iterable[Grant]) -> None:
    """Raise UserError for a grant on what no project or repo can be called."""
    for grant in found:
        if grant.name and not _NAME.fullmatch(grant.name):
            raise UserError(
                f"invalid grants: '{globs.written(grant.where)}' names no project or repo; names"
                " have letters, digits, '_', '-' and '.'"
            )


def check_allowed(found: Iterable[Grant], allowed: Sequence[str], mount_point: str) -> None:
    """Raise CodedError unless `allowed`, of config, has every one of `found`."""
    texts = [text for grant in found for text in grant.texts]
    refused = [text for text in texts if not any(_matches(text, glob) for glob in allowed)]
    if refused:
        wanted = shlex.quote(",".join([*allowed, *refused]))
        raise CodedError(
            400,
            f"the grants {', '.join(refused)} are not among allowed_grants in config"
            f" ({', '.join(allowed) or 'none'}): who may write config allows them with"
            f" `vault patch {mount_point}config allowed_grants={wanted}`",
        )


def check_globs(listed: Iterable[str], version: str) -> None:
    """Raise UserError for the first of `listed`, of allowed_grants, that can match no grant.

    `version` is Pachyderm's, empty where it is not known.
    """
    for glob in meaningless(listed, version):
        what = f"grant of Pachyderm {version}" if version else "grant"
        raise UserError(
            f"invalid allowed_grants: '{globs.written(glob)}' can match no {what}; write grants as"
            " roles do, separated by commas or as a JSON list: repo:<project>/<repo>=<role> or"
            " project:<project>=<role>, repo:<repo>=<role> before 2.5.0, repo:<repo>=READER on 1.x,"
            " with globs for the names and the role (repo:default/*=repoReader), or cluster=<role>"
            " without any"
        )


def meaningless(listed: Iterable[str], version: str) -> list[str]:
    """Those of `listed` that can match no grant of Pachyderm `version`, or, empty, of any."""
    known = releases.parse(version)
    return [glob for glob in listed if not _can_match(glob, known)]


def _can_match(glob: str, known: Release | None) -> bool:
    match = _GLOB.fullmatch(glob)
    if match is None or "," in glob:  # which parts the entries
        return False
    v1 = known is not None and known[0] == 1
    projects = not v1 and releases.has(known, Feature.PROJECT)
    cluster, _, kind, resource, role = match.groups()
    if cluster:
        return not v1
    names = [globs.example(part) for part in resource.split("/")]
    if kind == PROJECT:
        fits = len(names) == 1 and projects
    else:
        fits = len(names) in ((1, 2) if known is None else (1 + projects,))
    if v1:
        fits = fits and any(fnmatch.fnmatchcase(scope, role) for scope in SCOPES)
    called, role_example = "/".join(filter(None, names)), globs.example(role)
    return (
        fits
        and None not in names
        and _NAME.fullmatch(called) is not None
        and role_example is not None
        and _ROLE.fullmatch(role_example) is not None
    )


def _matches(text: str, glob: str) -> bool:
    """Whether the entry `glob` of allowed_grants allows the grant `text`, of one role."""
    if text == glob:
        return True
    (kind, name, role), (kind_glob, name_glob, role_glob) = _split(text), _split(glob)
    parts, part_globs = name.split("/"), name_glob.split("/")
    return (
        kind != CLUSTER
        and kind == kind_glob
        and len(parts) == len(part_globs)
        and fnmatch.fnmatchcase(role, role_glob)
        and all(map(fnmatch.fnmatchcase, parts, part_globs))
    )


def _split(text: str) -> tuple[str, str, str]:
    where, _, role = text.rpartition("=")
    kind, _, name = where.partition(":")
    return kind, name, role
