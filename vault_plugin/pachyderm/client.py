"""One warm connection to one pachd: deadlines, calls in flight, the caller's token."""

from __future__ import annotations

import asyncio
import functools
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shim.grpc import (
    Channel,
    Keepalive,
    Limits,
    Method,
    RpcError,
    Status,
    trust_bundle,
    trust_system,
)
from vault_plugin.pachyderm import address
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.pachyderm.patience import patience
from vault_plugin.pachyderm.told import Callers, shown, tells
from vault_plugin.pachyderm.turns import NoTurn, Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from shim import Masked

# The share of request_timeout that a call may wait for its turn: one that begins shall have time to
# end, since a mint that is cut off may have made a token that nobody hears of.
_WAIT = 0.9
_HOSTS_WAIT = 60.0  # seconds; the host itself gives up on a revocation after 90
_MOST_CALLS = 2000  # of one client, under way and in wait: some 20 MB
_LONGEST_ANSWER = 1 << 20  # bytes; pachd's answers to what we ask are short
_ABOUT = ("token", "root_token")  # the fields of requests that hold a token
_CALLER = "authn-token"  # the metadata key pachd reads the caller's token from

NO_NAME = "pachd answered with a token where a name belongs"
_TOLD = RpcError(Status.INTERNAL, NO_NAME)

Req = TypeVar("Req", bound="Message")
Rep = TypeVar("Rep", bound="Message")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pachd and how to trust it.

    `pachd_address` is as the operator wrote it. `ca_cert` is PEM, empty for the system's trust;
    `tls_server_name` is the name the certificate must hold, empty for the address's host.
    """

    pachd_address: str
    ca_cert: str = ""
    tls_server_name: str = ""

    def tls(self) -> ssl.SSLContext | None:
        """The context to verify pachd with; None for plain text. Raises ValueError on bad PEM."""
        spoken = address.parse(self.pachd_address).tls
        if not spoken and not self.ca_cert:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_cert:
            trust_bundle(context, self.ca_cert)
        else:
            trust_system(context)
        # As Go and so pachctl have it: no demands on a private CA's extensions (newer Pythons make
        # some), and what ca_cert holds is trusted though it be an intermediate or pachd's own.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.set_alpn_protocols(["h2"])
        return context if spoken else None


class Client:
    """Calls to one pachd.

    At most `max_in_flight` run at once, those of other clients of the same pachd included, since
    each permission-checked call takes two of a 2.x pachd's ten database connections and too many
    of them hang each other; the rest wait in order. A call ends within `request_timeout` seconds,
    its wait included, and is refused before where that is too short for those that wait already;
    calls of `urgent`, which are the host's own, go first, wait for a minute and have all of
    `request_timeout` then. `on_wrong_generation` is told when pachd does not know the service that
    was called.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        request_timeout: float,
        max_in_flight: int,
        on_wrong_generation: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self._where = address.parse(endpoint.pachd_address)
        self._tls = endpoint.tls()
        self._timeout = request_timeout
        self._on_wrong_generation = on_wrong_generation
        self._turns = Turns(self._where.host, self._where.port, max_in_flight)
        self._callers = Callers()
        self._calls = 0  # under way and in wait
        self._closed = False
        self._channel = self._new_channel()
        self.urgent = Urgent(self)

    async def call(
        self,
        method: Method[Req, Rep],
        request: Req,
        caller: Masked | None = None,
        *,
        outlives: bool = False,
        urgent: bool = False,
    ) -> Rep:
        """Pachd's reply to `request`, made with the token `caller`.

        One that `outlives` its caller is not given up once it is sent (`Channel.unary`).
        Raises PachdError for a refusal, and when pachd is not reached or does not answer in time.
        """
        metadata = [(_CALLER, caller.reveal())] if caller is not None else []
        now = asyncio.get_running_loop().time
        end = now() + self._timeout
        self._calls += 1
        try:
            if self._calls > _MOST_CALLS and not urgent:
                raise NoTurn(f"{_MOST_CALLS} calls are under way or wait")
            # Before the wait for its turn: that pachd is not reached is told to all at once.
            if not self._channel.connected:
                await self._channel.connect(self._timeout)
            wait = now() + _HOSTS_WAIT if urgent else end - (1 - _WAIT) * self._timeout
            await self._turns.take(wait, end, urgent=urgent)
            begun = now()
            left = self._timeout if urgent else end - begun
            silent = True
            try:
                reply = await self._channel.unary(
                    method, request, timeout=left, metadata=metadata, outlives=outlives
                )
                silent = False
            except RpcError as error:
                silent = error.code is Status.DEADLINE_EXCEEDED
                raise
            finally:
                self._turns.give_back(None if silent else now() - begun)
            if not _tells_token(reply, request, caller, self._callers):
                if caller is not None:
                    self._callers.add(caller.reveal())
                return reply
            refusal = self._refusal(_TOLD, method, request, caller)
        except NoTurn as error:
            refusal = self._refusal(_overloaded(error), method, request, caller)
        except RpcError as error:
            refusal = self._refusal(error, method, request, caller)
        finally:
            self._calls -= 1
            if self._closed:
                await self.close()
        # Not inside the handler, where it would drag pachd's own words along as its context.
        if refusal.meaning is Meaning.WRONG_GENERATION:
            self._on_wrong_generation()
        raise refusal

    async def close(self) -> None:
        """Close the connection once the calls under way and in wait have ended.

        A request that still holds this client may call on; its connection ends with its calls.
        """
        self._closed = True
        self._turns.close()
        if not self._calls:
            channel, self._channel = self._channel, self._new_channel()
            await channel.close()

    def _new_channel(self) -> Channel:
        """It dials at its first call."""
        return Channel.tcp(
            self._where.host,
            self._where.port,
            tls=self._tls,
            server_hostname=self._endpoint.tls_server_name or None,
            limits=Limits(max_message=_LONGEST_ANSWER),
            authority=self._endpoint.tls_server_name or None,  # as grpc-go has it
            patience=patience(self._timeout),
            keepalive=Keepalive(proof=min(1.0, self._timeout / 4)),
        )

    def _refusal(
        self, error: RpcError, method: Method[Any, Any], request: Message, caller: Masked | None
    ) -> PachdError:
        # The transport names the address as it dials it; here it stands as it was written.
        message = error.message.removeprefix(f"{self._where}: ")
        words = shown(message, self._callers.beside(_tokens(request, caller)))
        if error.code is Status.DEADLINE_EXCEEDED:
            words = f"no answer within {self._timeout:g}s"
        name = method.path.rpartition("/")[2]
        return PachdError(self._endpoint.pachd_address, error.code, message, name, shown=words)


class Urgent:
    """The client as it makes the calls that are the host's own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def call(
        self,
        method: Method[Req, Rep],
        request: Req,
        caller: Masked | None = None,
        *,
        outlives: bool = False,
    ) -> Awaitable[Rep]:
        """As `Client.call`."""
        return self._client.call(method, request, caller, outlives=outlives, urgent=True)


def _overloaded(why: NoTurn) -> RpcError:
    return RpcError(Status.UNAVAILABLE, f"overloaded: {why}")


@functools.cache
def _strings(kind: Descriptor | None) -> tuple[list[str], list[str]]:
    """The names of a message's fields that hold one token each, and of its other single strings.

    None is the kind of what nobody has decoded.
    """
    fields = kind.fields if kind is not None else []
    single = [f.name for f in fields if f.type == f.TYPE_STRING and not f.is_repeated]
    return [n for n in single if n in _ABOUT], [n for n in single if n not in _ABOUT]


def _tells_token(reply: Message, request: Message, caller: Masked | None, callers: Callers) -> bool:
    """Whether `reply` names by a token that pachd was told, or by the one it brings itself."""
    brings, names = _strings(reply.DESCRIPTOR)
    if not brings and not names:
        return False
    told = _tokens(request, caller)
    brought = [getattr(reply, name) for name in brings]
    for token in brought:
        if tells(token, told):
            return True
    known = [*told, *filter(None, brought)]
    for name in names:
        words = getattr(reply, name)
        if callers.told_in(words) or tells(words, known):
            return True
    return False


def _tokens(request: Message, caller: Masked | None) -> list[str]:
    """The tokens that a call tells pachd: its caller's, and those it is about."""
    held, _ = _strings(request.DESCRIPTOR)
    about = [token for name in held if (token := getattr(request, name))]
    return about if caller is None else [caller.reveal(), *about]
