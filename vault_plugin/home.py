"""The cluster that serves a lease: its own, or config's where that proves to be the same.

A lease's own address comes first. Where that does not answer, or is another cluster by now, or
where config's cluster has the lease's id, config's cluster serves it, once it has proved itself:
it holds the hash of the token. A token that came over TLS is not sent in plain text, but to be
revoked at such a cluster, where config itself says so.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from shim import BackendError
from vault_plugin.config import Config
from vault_plugin.pachyderm import address
from vault_plugin.pachyderm.errors import Meaning, PachdError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shim import Masked, Request
    from vault_plugin.held_token import HeldToken
    from vault_plugin.mount import Mount, Session
    from vault_plugin.pachyderm.api import Api


@dataclass(slots=True)
class Home:
    """`admin` is the admin token, None where config holds none of this cluster.

    `moved_to` is the configuration whose cluster proved to be the lease's, at another place than
    the lease names; None where it is at its own. `dialled` is what leaving the ``async with``
    gives back, None where the session's own connection is used.
    """

    api: Api
    admin: Masked | None
    moved_to: Config | None = None
    dialled: contextlib.AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.dialled is not None:
            await self.dialled.aclose()


async def find(mount: Mount, request: Request, held: HeldToken, *, ends: bool) -> Home:
    """The home of `held`, to revoke its token (`ends`) or to renew it, for an ``async with``.

    Raises BackendError where there is none, with what each place said, and StorageError.
    """
    session = await mount.find_session(request.storage)
    if session is not None and _is_at(held, session.config):
        return Home(await session.api(urgent=True), session.config.admin_token)
    places: list[Callable[[], Awaitable[Home]]] = [lambda: _own(mount, request, held, session)]
    if session is not None:
        other = session
        places.append(lambda: _proven(other, held, ends=ends))
        with contextlib.suppress(PachdError):  # it is asked last, then
            if held.cluster_id and await other.cluster_id() == held.cluster_id:
                places.reverse()
    said = []
    for place in places:
        try:
            return await place()
        except BackendError as error:
            said.append(str(error))
    raise BackendError("; ".join(said))


async def _own(mount: Mount, request: Request, held: HeldToken, session: Session | None) -> Home:
    """The cluster at the lease's own address, unless another answers there now."""
    if not held.pachd_address:
        raise BackendError("the lease names no pachd_address, and there is no configuration")
    limits = (
        session.config
        if session is not None
        else Config(admin_token=held.user_token, pachd_address=held.pachd_address)
    )
    endpoint = await held.endpoint(request.storage)
    async with contextlib.AsyncExitStack() as dialled:
        cluster = await dialled.enter_async_context(mount.elsewhere(endpoint, limits))
        api = await cluster.api(urgent=True)
        if not await check_id(api, held) and session is not None:
            # Another cluster may have taken the place, and config's may be the lease's.
            await _check_known(api, held)
        return Home(api, None, dialled=dialled.pop_all())


async def check_id(api: Api, held: HeldToken) -> bool:
    """Whether the cluster of `api`, at the lease's address, tells the id of the lease's.

    Raises BackendError where it tells another, or none where the lease's did.
    """
    if not held.cluster_id:
        return False
    there = await api.cluster_id()
    if not there:
        raise BackendError(f"{held.pachd_address} does not tell which cluster it is: try again")
    if there != held.cluster_id:
        raise BackendError(
            f"the token of this lease is of the cluster {held.cluster_id}, and at"
            f" {held.pachd_address} is the cluster {there} now: write the address of"
            f" {held.cluster_id} to config"
        )
    return True


async def _check_known(api: Api, held: HeldToken) -> None:
    try:
        await api.who_am_i(held.user_token)
    except PachdError as error:
        if error.meaning is Meaning.BAD_CALLER:
            raise BackendError(f"{held.pachd_address} does not know the token") from None
        if error.meaning is not Meaning.EXPIRED_CALLER:
            raise


async def _proven(session: Session, held: HeldToken, *, ends: bool) -> Home:
    """Config's cluster, if it holds the token and the token may be told to it."""
    config = session.config
    if held.came_over_tls and not ends and not address.parse(config.pachd_address).tls:
        raise BackendError(
            f"config names {config.pachd_address}, in plain text, and the token of this lease came"
            " over TLS, so it is not sent there: log in again"
        )
    api = await session.api(urgent=True)
    if held.subject and not held.subject.startswith("robot:"):
        raise BackendError(
            f"whether {config.pachd_address} is the lease's cluster cannot be proven for"
            f" {held.subject}: pachd lists the tokens of robots alone; the token ends by itself"
        )
    try:
        known = await session.proof.holds(api, config.admin_token, held.user_token)
    except PachdError as error:
        if error.meaning is not Meaning.DENIED:
            raise
        raise BackendError(
            f"whether {config.pachd_address} is the lease's cluster cannot be proven: {error};"
            " give the admin clusterAdmin for as long as there are leases of before"
        ) from None
    if not known:
        raise BackendError(f"{config.pachd_address} does not hold the token of this lease")
    return Home(api, config.admin_token, config)


def _is_at(held: HeldToken, config: Config) -> bool:
    """Whether config names the lease's own place, and nothing speaks against it.

    A lease without an address is config's.
    """
    if not held.pachd_address:
        return True
    if held.cluster_id and config.cluster_id and held.cluster_id != config.cluster_id:
        return False
    try:
        a, b = address.parse(held.pachd_address), address.parse(config.pachd_address)
    except ValueError:  # another version of the engine took what this one does not
        return False
    return (a.host, a.port) == (b.host, b.port) and b.tls >= a.tls
