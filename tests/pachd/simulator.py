"""A simulated pachd in this process: start it, look into it, and let things go wrong."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from tests.pachd.call import Call, Pachd
from tests.pachd.faults import Faults
from tests.pachd.gate import Gate
from tests.pachd.impostors import GARBAGE, Behaviour
from tests.pachd.server import Certificate, Server

Cluster = TypeVar("Cluster", bound=Pachd)
T = TypeVar("T")


class Simulator(Generic[Cluster]):
    """Serves a cluster on a real socket, from a thread and event loop of its own.

    ``with Simulator(PachdV2()) as pachd:`` serves at ``pachd.address`` until the block ends.
    ``cluster`` is the cluster's state, ``faults`` the faults of single calls, ``certificate`` what
    it shows; the methods here are those of the whole server and may be called from any other
    thread.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Certificate | None = None,
    ) -> None:
        self.cluster = cluster
        self.faults = Faults()
        self.certificate = certificate
        self._gate = Gate(host, port)
        self._server = Server(cluster, self.faults, self._gate.cut)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pachd", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def host(self) -> str:
        return self._gate.host

    @property
    def port(self) -> int:
        return self._gate.port

    @property
    def address(self) -> str:
        """Return ``host:port``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def root_token(self) -> str:
        """The first admin's token, as last rotated."""
        return self.cluster.root_token

    @property
    def roots(self) -> bytes | None:
        """The certificate to trust, PEM; None where it speaks plain text."""
        return None if self.certificate is None else self.certificate.certificate

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return self._gate.connections

    def live(self) -> Counter[str]:
        """Return how many living tokens each subject has."""
        return self._ask(lambda: Counter(self.cluster.live()))

    def subject_of(self, token: str) -> str | None:
        """Return whose living token this is; None when it is dead."""
        return self._ask(lambda: self.cluster.subject_of(token))

    def ends(self, token: str) -> float | None:
        """Return when this token ends (Unix seconds), None for never; LookupError if unknown."""
        return self._ask(lambda: self.cluster.ends(token))

    @property
    def busiest(self) -> int:
        """How many calls ran at once at most, since the start."""
        return self._server.busiest

    def journal(self, method: str | None = None) -> list[Call]:
        """Return the calls since the last ``forget``, oldest first, all or one method's."""
        return [call for call in list(self._server.journal) if method in (None, call.method)]

    def counts(self) -> Counter[str]:
        """Return how often each method was called since the last ``forget``."""
        return Counter(call.method for call in self.journal())

    def forget(self) -> None:
        """Begin a new journal."""
        self._server.journal.clear()

    def die(self) -> None:
        """Stop listening and reset every connection; the state stays."""
        self._do(self._stop)

    def restart(self, certificate: Certificate | None = None) -> None:
        """Come back on the same port, with another certificate if one is given."""
        self.certificate = certificate or self.certificate
        self._do(self._stop)
        self._do(self._start)

    def move(self, port: int = 0) -> None:
        """Listen at another port in place of this one, with the same state; 0 is any free one."""

        async def moved() -> None:
            await self._stop()
            self._gate.port = port
            await self._start()

        self._do(moved)

    def become(self, cluster: Cluster) -> None:
        """Serve another cluster at the same address, as after an upgrade or a new installation."""

        async def changed() -> None:
            await self._stop()
            journal = self._server.journal
            self.cluster = cluster
            self._server = Server(cluster, self.faults, self._gate.cut)
            self._server.journal = journal
            await self._start()

        self._do(changed)

    def drop_connections(self) -> None:
        """Reset every connection; new ones are welcome."""
        self._ask(self._gate.cut_all)

    def freeze(self) -> None:
        """Accept connections and requests but let no byte through in either direction."""
        self._ask(self._gate.flowing.clear)

    def thaw(self) -> None:
        """Let through what waited, and all that follows."""
        self._ask(self._gate.flowing.set)

    def vanish(self) -> None:
        """Freeze, and leave the connections there are for dead: `thaw` is for the new ones."""
        self._ask(self._gate.vanish)

    def deafen(self) -> None:
        """Answer no attempt to connect, not even by a refusal, until `restart`."""
        self._do(self._gate.deafen)

    def babble(self, behave: Behaviour | None = GARBAGE) -> None:
        """Let an impostor have every new connection; None ends it."""
        self._gate.impostor = behave

    async def _start(self) -> None:
        self._gate.upstream = await self._server.start(self.certificate)
        await self._gate.open()

    async def _stop(self) -> None:
        await self._gate.close()
        await self._server.stop()

    def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the server's loop and wait for its result."""

        async def wrapped() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result()

    def _ask(self, look: Callable[[], T]) -> T:
        """Run a function in the server's loop, between two of its calls."""

        async def wrapped() -> T:
            return look()

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result()
