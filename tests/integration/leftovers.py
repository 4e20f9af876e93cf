"""What a login that was cut off may leave behind: tokens, grants, entries of the log.

Asked of pachd as its admin and, below the mount's storage, of a server whose configuration
includes `RAW_STORAGE`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.pachd.proto import auth_v2_pb2
from tests.unit.pachd.caller import Caller

if TYPE_CHECKING:
    from tests.integration.mount import Mount

RAW_STORAGE = """
raw_storage_endpoint = true
"""
ROLLBACK_SECONDS = 150.0  # until the entries are old enough, and the host's call after that
RESOURCE = auth_v2_pb2.Resource(type=auth_v2_pb2.REPO, name="default/images")
ADMIN = "robot:admin"  # of a 1.x cluster


@dataclass(frozen=True)
class Leftover:
    """A living token of a robot; its end in Unix seconds, None for never."""

    subject: str
    end: float | None


@dataclass(frozen=True)
class Leftovers:
    """All there is on one mount at one time."""

    tokens: tuple[Leftover, ...]
    granted: frozenset[str]  # who may do something in the cluster's one repo
    logged: frozenset[str]  # the tokens in the write-ahead log, made or not

    def tokens_of(self, prefix: str) -> list[Leftover]:
        """The tokens of robots whose subjects start with `prefix`."""
        return [token for token in self.tokens if token.subject.startswith(prefix)]

    def granted_of(self, prefix: str) -> set[str]:
        """The robots with grants whose subjects start with `prefix`."""
        return {subject for subject in self.granted if subject.startswith(prefix)}


def look(mount: Mount) -> Leftovers:
    """What there is now. Raises grpc.RpcError where pachd does not answer."""
    return Leftovers(tuple(_tokens(mount)), frozenset(_granted(mount)), frozenset(_logged(mount)))


def _granted(mount: Mount) -> set[str]:
    if mount.extends:
        return {entry.username for entry in _call(mount, "GetACL", repo="images").entries}
    return set(_call(mount, "GetRoleBinding", resource=RESOURCE).binding.entries)


def wait_for_rollback(*mounts: Mount) -> None:
    """Back when every log is empty; AssertionError where one does not become so."""
    logs = [_log(mount) for mount in mounts]
    deadline = time.monotonic() + ROLLBACK_SECONDS
    while any(_entries(mount, log) for mount, log in zip(mounts, logs, strict=True)):
        assert time.monotonic() < deadline, f"not within {ROLLBACK_SECONDS} seconds"
        time.sleep(1)


def _log(mount: Mount) -> str:
    """Where the server keeps the mount's log."""
    uuid = mount.ask("GET", "/v1/sys/mounts")["data"][f"{mount.path}/"]["uuid"]
    return f"/v1/sys/raw/logical/{uuid}/wal"


def _entries(mount: Mount, log: str) -> list[str]:
    status, answer = mount.server.http("LIST", log)
    assert status in (200, 404), answer  # there is no empty folder
    return list(answer["data"]["keys"]) if status == 200 else []


def _logged(mount: Mount) -> set[str]:
    log = _log(mount)
    stored = [mount.ask("GET", f"{log}/{entry}") for entry in _entries(mount, log)]
    return {json.loads(entry["data"]["value"])["data"]["user_token"] for entry in stored}


def _tokens(mount: Mount) -> list[Leftover]:
    living = mount.pachd.live()
    found = []
    for stored in _call(mount, "ExtractAuthTokens").tokens:
        subject = stored.token_info.subject if mount.extends else stored.subject
        if subject in living and subject != ADMIN:
            end = stored.expiration.ToNanoseconds() / 1e9 if stored.HasField("expiration") else None
            found.append(Leftover(subject, end))
    return found


def _call(mount: Mount, method: str, **fields: Any) -> Any:
    service = "auth.API" if mount.extends else "auth_v2.API"
    with Caller(mount.pachd.address) as call:
        return call(f"/{service}/{method}", mount.pachd.root_token, **fields)
