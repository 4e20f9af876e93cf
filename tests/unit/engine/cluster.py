"""What happens to a simulated cluster behind the engine's back."""

from __future__ import annotations

import time
from typing import Any, TypeAlias

from tests.pachd import PachdV1, PachdV2, Simulator
from tests.pachd.bindings import CLUSTER_KEY
from tests.pachd.proto import auth_v1_pb2 as v1
from tests.pachd.releases import V1_RELEASES
from tests.pachd.tokens import hashed, new_token

Pachd: TypeAlias = Simulator[PachdV1] | Simulator[PachdV2]

MINT = ("GetAuthToken", "GetRobotToken")


def simulator(generation: type[PachdV1 | PachdV2], **cluster: Any) -> Pachd:
    """A cluster of `generation`, made with the arguments `cluster`."""
    if generation is PachdV1:
        return Simulator(PachdV1(**cluster))
    return Simulator(PachdV2(**cluster))


def of_release(release: str, **cluster: Any) -> Pachd:
    """A cluster of `release`, made with the arguments `cluster`."""
    if release in V1_RELEASES:
        return Simulator(PachdV1(release=release, **cluster))
    return Simulator(PachdV2(release=release, **cluster))


def upgrade(pachd: Pachd, release: str) -> None:
    """Put a new cluster of `release` in the place, whose first admin has the same token."""
    there: Simulator[Any] = pachd
    kind = PachdV1 if release in V1_RELEASES else PachdV2
    there.become(kind(release=release, root_token=pachd.root_token))


def is_v1(pachd: Pachd) -> bool:
    return isinstance(pachd.cluster, PachdV1)


def mint_method(pachd: Pachd) -> str:
    return MINT[0] if is_v1(pachd) else MINT[1]


def add_token(pachd: Pachd, subject: str, ttl: int = 600) -> str:
    """A token that the engine did not mint; a `ttl` of 0 has no end."""
    if isinstance(pachd.cluster, PachdV1):
        return pachd.cluster.mint(subject, v1.TokenInfo.GET_TOKEN, ttl)
    token = new_token()
    pachd.cluster.tokens.insert(hashed(token), subject, ttl)
    return token


def add_admin(pachd: Pachd, subject: str = "robot:vault", ttl: int = 0) -> str:
    """The token of a new admin, on 2.x one with no more than the role the engine needs."""
    if isinstance(pachd.cluster, PachdV1):
        pachd.cluster.admins.add(subject)
    else:
        pachd.cluster.bindings.set(CLUSTER_KEY, subject, ["robotUser"])
    return add_token(pachd, subject, ttl)


def kill(pachd: Pachd, token: str) -> None:
    """Revoke a token out of band."""
    pachd.cluster.tokens.delete(hashed(token))


def expire(pachd: Pachd, token: str) -> None:
    """Let a token's end be past."""
    if isinstance(pachd.cluster, PachdV1):
        lease = pachd.cluster.tokens.get(hashed(token))
        assert lease is not None
        lease.expires = time.time() - 10
    else:
        row = pachd.cluster.tokens.get(hashed(token))
        assert row is not None
        row.expires = int(time.time() - 10) * 1_000_000


def sent(pachd: Pachd) -> set[str]:
    """Every token that was sent to this cluster as the caller's."""
    return {token for call in pachd.journal() for token in call.tokens}


def entries(pachd: Pachd) -> dict[str, object]:
    """Who may do what on each resource: the role bindings of 2.x, the access lists of 1.x."""
    if isinstance(pachd.cluster, PachdV1):
        return {repo: dict(found) for repo, found in pachd.cluster.access._of.items()}
    return {str(key): dict(found) for key, found in pachd.cluster.bindings._of.items()}
