"""What a login that was cut off may leave behind: tokens, grants, entries of the log.

Asked of pachd as its admin and of the server below the mount's storage.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.pachd.proto import auth_v2_pb2
from tests.unit.pachd.caller import Caller
from vault_plugin import minting

if TYPE_CHECKING:
    from tests.integration.mount import Mount

ROLLBACK_SECONDS = 150.0  # until the entries are old enough, and the host's call after that
RESOURCE = auth_v2_pb2.Resource(type=auth_v2_pb2.REPO, name="default/images")
ADMIN = "robot:admin"  # of a 1.x cluster


@dataclass(frozen=True)
class Leftover:
    """A living token of a robot, by its hash; its end in Unix seconds, None for never."""

    hash: str
    subject: str
    end: float | None


@dataclass(frozen=True)
class Leftovers:
    """All there is on one mount at one time."""

    tokens: tuple[Leftover, ...]
    granted: frozenset[str]  # who may do something in the cluster's one repo
    logged: frozenset[str]  # the tokens of logins under way in the write-ahead log, made or not
    given: frozenset[str]  # those in the log that were given out, and whose lease has not shown

    def tokens_of(self, prefix: str) -> list[Leftover]:
        """The tokens of robots whose subjects start with `prefix`."""
        return [token for token in self.tokens if token.subject.startswith(prefix)]

    def granted_of(self, prefix: str) -> set[str]:
        """The robots with grants whose subjects start with `prefix`."""
        return {subject for subject in self.granted if subject.startswith(prefix)}


def look(mount: Mount) -> Leftovers:
    """What there is now. Raises grpc.RpcError where pachd does not answer."""
    entries = _entries(mount)
    return Leftovers(
        tokens=tuple(_tokens(mount)),
        granted=frozenset(_granted(mount)),
        logged=frozenset(_tokens_of(entries, minting.MINT)),
        given=frozenset(_tokens_of(entries, minting.GIVEN)),
    )


def _granted(mount: Mount) -> set[str]:
    if mount.extends:
        return {entry.username for entry in _call(mount, "GetACL", repo="images").entries}
    return set(_call(mount, "GetRoleBinding", resource=RESOURCE).binding.entries)


def wait_for_rollback(*mounts: Mount) -> None:
    """Back when no log knows of a login under way; AssertionError where one still does."""
    deadline = time.monotonic() + ROLLBACK_SECONDS
    while any(_tokens_of(_entries(mount), minting.MINT) for mount in mounts):
        assert time.monotonic() < deadline, f"not within {ROLLBACK_SECONDS} seconds"
        time.sleep(1)


def _entries(mount: Mount) -> list[dict[str, Any]]:
    """The mount's log, below its storage."""
    uuid = mount.ask("GET", "/v1/sys/mounts")["data"][f"{mount.path}/"]["uuid"]
    log = f"/v1/sys/raw/logical/{uuid}/wal"
    status, answer = mount.server.http("LIST", log)
    assert status in (200, 404), answer  # there is no empty folder
    entries = []
    for key in answer["data"]["keys"] if status == 200 else ():
        status, answer = mount.server.http("GET", f"{log}/{key}")
        if status == 200:  # else it was deleted just now
            entries.append(json.loads(answer["data"]["value"]))
    return entries


def _tokens_of(entries: list[dict[str, Any]], kind: str) -> set[str]:
    return {entry["data"]["user_token"] for entry in entries if entry["kind"] == kind}


def _tokens(mount: Mount) -> list[Leftover]:
    living = mount.pachd.live()
    found = []
    for stored in _call(mount, "ExtractAuthTokens").tokens:
        subject = stored.token_info.subject if mount.extends else stored.subject
        if subject in living and subject != ADMIN:
            end = stored.expiration.ToNanoseconds() / 1e9 if stored.HasField("expiration") else None
            found.append(Leftover(stored.hashed_token, subject, end))
    return found


def _call(mount: Mount, method: str, **fields: Any) -> Any:
    service = "auth.API" if mount.extends else "auth_v2.API"
    with Caller(mount.pachd.address, mount.pachd.roots) as call:
        return call(f"/{service}/{method}", mount.pachd.root_token, **fields)
