"""The state of one mount: its configuration and its cluster, kept between requests."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from shim import BackendError, ReadOnlyStorage
from vault_plugin import config as stored
from vault_plugin import trust
from vault_plugin.pachyderm.cluster import Cluster
from vault_plugin.pachyderm.errors import BAD_TOKEN, Meaning, PachdError
from vault_plugin.proof import Proof

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from shim import Request, Storage
    from vault_plugin.config import Config
    from vault_plugin.pachyderm.api import Api
    from vault_plugin.pachyderm.client import Endpoint

_DOUBT = 90.0  # seconds that storage may take over a change it gave no answer to
_LAST_WORK = 30.0  # seconds that a mount that goes waits for what it carries through

T = TypeVar("T")


class Session:
    """A configuration and the connection made for it.

    The two are replaced together, so that no admin token is ever sent to the address of another
    configuration. `stored` is it as storage has it, `config` with what was learnt since.
    """

    def __init__(self, config: Config) -> None:
        self.config = self.stored = config
        self.cluster = connect(config, config.endpoint, config.generation)
        self.proof = Proof()
        self._trust: str | None = None  # once its bundle is stored for leases to name
        self._inspected = bool(config.cluster_id)

    async def api(self, *, urgent: bool = False) -> Api:
        """The API of the cluster, for a caller's calls or the host's own. Raises PachdError."""
        return await self.cluster.api(urgent=urgent)

    async def trust(self, storage: Storage) -> str:
        """The name of the bundle that its leases need; it is stored. Raises StorageError."""
        if self._trust is None:
            await trust.keep(storage, self.config.ca_cert)
            self._trust = trust.name_of(self.config.ca_cert)
        return self._trust

    async def cluster_id(self) -> str:
        """The cluster's id, asked once where config holds none; empty where pachd tells none.

        Raises PachdError.
        """
        if not self._inspected:
            found = await (await self.api(urgent=True)).cluster_id()
            self.config = dataclasses.replace(self.config, cluster_id=found)
            self._inspected = True
        return self.config.cluster_id

    async def identify(self) -> None:
        """Learn from pachd what a configuration that was stored unverified does not tell.

        That is the admin's subject, and the cluster's id also where 0.1.0 stored it.

        Raises PachdError.
        """
        if not self.config.admin_subject:
            identity = await (await self.api()).who_am_i(self.config.admin_token)
            self.config = dataclasses.replace(
                self.config, admin_subject=identity.subject, admin_expires=identity.expires
            )
        await self.cluster_id()

    async def choose_token(self) -> None:
        """Act with the stored token that works, where a rotation was interrupted.

        The rotation itself is settled by who may write. Without an answer nothing changes.
        """
        config = self.config
        for token in filter(None, (config.admin_token, config.next_token, config.old_token)):
            try:
                await (await self.api()).who_am_i(token)
            except PachdError as error:
                if error.meaning not in BAD_TOKEN:
                    return
            else:
                self.config = dataclasses.replace(config, admin_token=token)
                return


class Mount:
    """What the paths of one mount share.

    The configuration is read once and kept, with its connection, until it is written here or
    invalidated by the host.
    """

    def __init__(self) -> None:
        self.writing = asyncio.Lock()  # one configuration write at a time
        self._session: Session | None = None
        self._loading = asyncio.Lock()
        self._forgotten = 0  # how often; tells a load that what it read is stale
        self._doubted = 0.0  # the loop's time until which storage may change by itself; 0: it won't
        self._elsewhere: dict[Endpoint, Cluster] = {}
        self._users: Counter[Endpoint] = Counter()
        self.minting: set[asyncio.Task[Any]] = set()  # requests for whom pachd makes a token
        self.carried: set[asyncio.Task[Any]] = set()  # work that its request's end does not cut
        self._background: set[asyncio.Task[None]] = set()

    async def find_session(self, storage: Storage) -> Session | None:
        """The session, None where there is no configuration. Raises StorageError."""
        if self._session is None or self._doubted:
            async with self._loading:
                await self._load(storage)
        return self._session

    async def _load(self, storage: Storage) -> None:
        """Have the session of what storage holds, and no other."""
        while self._session is None or self._doubted:
            forgotten = self._forgotten
            certain = not self.doubted  # from here on, so that what is read stays
            config = await stored.load(storage)
            if forgotten != self._forgotten:
                continue
            if certain:
                self._doubted = 0.0
            if self._session is not None:
                if self._session.stored == config:
                    return
                self.forget()
                forgotten = self._forgotten
            if config is None:
                return
            session = Session(config)
            try:
                if config.unsettled:
                    await session.choose_token()
                if forgotten == self._forgotten:
                    self._session = session
                    return
            finally:
                if self._session is not session:  # its connection would stay
                    self.in_background(session.cluster.close())

    async def session(self, storage: Storage) -> Session:
        """The session. Raises UserError where there is no configuration yet."""
        session = await self.find_session(storage)
        if session is None:
            raise stored.missing()
        return session

    @contextlib.asynccontextmanager
    async def elsewhere(self, endpoint: Endpoint, limits: Config) -> AsyncIterator[Cluster]:
        """A cluster that is not the configuration's, with the limits of `limits`.

        Requests at the same time share it, so that they are held to `max_in_flight` together.
        Raises BackendError for an endpoint that cannot be dialled.
        """
        cluster = self._elsewhere.get(endpoint)
        if cluster is None:
            try:
                cluster = connect(limits, endpoint, "")
            except ValueError as error:
                raise BackendError(f"pachd at {endpoint.pachd_address}: {error}") from None
            self._elsewhere[endpoint] = cluster
        self._users[endpoint] += 1
        try:
            yield cluster
        finally:
            self._users[endpoint] -= 1
            if not self._users[endpoint]:
                del self._users[endpoint], self._elsewhere[endpoint]
                await cluster.close()

    def forget(self) -> None:
        """Read the configuration anew at the next request, and connect anew."""
        self._forgotten += 1
        if self._session is not None:
            self.in_background(self._session.cluster.close())
            self._session = None

    async def change(self, change: Coroutine[Any, Any, None]) -> None:
        """Have storage take a `change` of the configuration, and act by it from then on.

        Nothing comes between the two, nor is the change given up with its request. Raises
        StorageError; then storage may have taken it all the same, or do so yet: for as long as
        that can be, each request looks.
        """
        await self.carry_through(self._changed(change))

    async def _changed(self, change: Coroutine[Any, Any, None]) -> None:
        try:
            await change
        except BaseException as error:
            if not isinstance(error, ReadOnlyStorage):
                self._doubted = asyncio.get_running_loop().time() + _DOUBT
            raise
        finally:
            self.forget()

    @property
    def doubted(self) -> bool:
        """Whether storage may yet take a change that it gave no answer to."""
        return asyncio.get_running_loop().time() < self._doubted

    async def carry_through(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` gives. Its request's cancel waits for its end, so that none cuts it.

        The work is bounded by the deadlines of the calls it makes.
        """
        task = asyncio.ensure_future(work)
        self.carried.add(task)
        task.add_done_callback(self.carried.discard)
        given_up = False
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                given_up = True
        if given_up:
            if not task.cancelled():
                task.exception()  # nobody is left to hear of it
            raise asyncio.CancelledError
        return task.result()

    async def invalidate(self, key: str) -> None:
        """Drop what is kept of `key`, which another node wrote."""
        if key == stored.KEY:
            self.forget()

    async def sweep(self, request: Request) -> None:
        """Drop the bundles that no lease can name any more. Raises StorageError."""
        if not await request.storage.list(trust.PREFIX):
            return
        longest = await request.system.max_lease_ttl()
        async with self.writing:
            config = await stored.load(request.storage)
            named = trust.name_of(config.ca_cert) if config is not None else ""
            await trust.sweep(request.storage, named, longest)

    def retried(
        self, handler: Callable[[Request], Awaitable[T]]
    ) -> Callable[[Request], Awaitable[T]]:
        """`handler`, run once more where it met the past.

        That is a pachd of the other generation than remembered, which does not know the service
        called; or one that refused a caller after the admin token was rotated under the handler.
        Either changed nothing at pachd, or is undone by the log.
        """

        @functools.wraps(handler)
        async def tried(request: Request) -> T:
            forgotten = self._forgotten
            try:
                return await handler(request)
            except PachdError as error:
                if error.meaning in BAD_TOKEN:
                    if not await self._has_other_token(forgotten):
                        raise
                elif error.meaning is not Meaning.WRONG_GENERATION:
                    raise
            return await handler(request)

        return tried

    async def _has_other_token(self, forgotten: int) -> bool:
        """Whether the admin token may be another than before the session was `forgotten` last."""
        async with self.writing:  # a rotation under way ends first
            if self._session is not None and self._session.config.unsettled:
                self.forget()  # it was made before its rotation had gone as far as it has
        return self._forgotten != forgotten

    def in_background(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` beside the requests; the mount's end waits for it."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """End the connection to the cluster: the mount goes.

        What is carried through or done in the background is waited for, and tokens made for
        requests given up, which are to be revoked.
        """
        self.forget()
        given_up = [task for task in self.minting if task.cancelling()]
        if given_up:
            await asyncio.wait(given_up)  # not gathered: they would not heed its cancellation
        if self.carried:
            await asyncio.wait(self.carried, timeout=_LAST_WORK)
        await asyncio.gather(*self._background, return_exceptions=True)


def connect(config: Config, endpoint: Endpoint, generation: str) -> Cluster:
    """A cluster at `endpoint` with the limits of `config`; it dials at its first call."""
    return Cluster(
        endpoint,
        request_timeout=config.request_timeout,
        max_in_flight=config.max_in_flight,
        generation=generation,
        version=config.pachyderm_version,
    )
