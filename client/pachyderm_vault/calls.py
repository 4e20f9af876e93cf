"""What makes every call of a Pachyderm client carry the living token: an interceptor of gRPC's."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional

import grpc

from pachyderm_vault.answers import Answers
from pachyderm_vault.clock import now
from pachyderm_vault.errors import MovedError, TokenError
from pachyderm_vault.no_token import NoTokenError
from pachyderm_vault.source import TIMEOUT, TokenSource

if TYPE_CHECKING:
    from pachyderm_vault.lease import Credentials

log = logging.getLogger("pachyderm_vault")

KEY = "authn-token"  # where pachd looks for the token; two of them it refuses
UNKNOWN = "provided auth token is corrupted or has expired"  # both generations
EXPIRED = "token expiration is in the past"  # 2.x, as long as it remembers it
# Calls that name another token, of which pachd says the very same.
ABOUT_TOKENS = frozenset({"ExtendAuthToken", "RestoreAuthToken", "RevokeAuthToken"})


class Details(NamedTuple):
    """A call, as `grpc.ClientCallDetails`."""

    method: str
    timeout: Optional[float]
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class Signed(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Puts the token of `source` on each call.

    A call that pachd refuses because it does not know the token is made again, once, with the token
    of a new login, where nothing was begun: with one request, and before the first answer.
    `address` is where the channel leads, as the mount has it: a token for elsewhere is not sent
    there; None sends any.
    """

    def __init__(self, source: TokenSource, address: Optional[str]) -> None:
        self._source = source
        self._address = address

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """A call of one request and one answer."""
        again = _Attempts(self, continuation, client_call_details, request)
        call = again.first()
        if not call.done():  # a future, which must not be waited for here
            call.add_done_callback(again.tell)
            return call
        return again.after(call) or call if isinstance(call, grpc.RpcError) else call

    def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """A call of one request and a stream of answers."""
        again = _Attempts(self, continuation, client_call_details, request)
        return Answers(again.first(), again.after)

    def intercept_stream_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request_iterator: Any
    ) -> Any:
        """A stream of requests, which cannot be made again."""
        return self._once(continuation, client_call_details, request_iterator)

    def intercept_stream_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request_iterator: Any
    ) -> Any:
        """A stream of requests, which cannot be made again."""
        return self._once(continuation, client_call_details, request_iterator)

    def _once(self, continuation: Callable[..., Any], details: Any, requests: Any) -> Any:
        again = _Attempts(self, continuation, details, requests)
        call = again.first()
        call.add_done_callback(again.tell)
        return call

    def credentials(self, ends: Optional[float]) -> Credentials:
        """The living token, for a call that has until `ends`. Raises NoTokenError."""
        found = self._source.at_hand()
        if found is None:
            try:
                found = self._source.credentials(patience(ends))
            except TokenError as error:
                raise NoTokenError(str(error)) from None
        return self.checked(found)

    def checked(self, found: Credentials) -> Credentials:
        """The same, if it is for where the channel leads. Raises NoTokenError."""
        if self._address is not None and found.address != self._address:
            raise NoTokenError(
                f"the mount leads to {found.address} now, and this client is connected to"
                f" {self._address}: connect anew"
            ) from MovedError(found.address)
        return found

    def gives(self, credentials: Credentials) -> bool:
        """Whether calls are begun with this token still."""
        found = self._source.at_hand()
        return found is not None and found.token == credentials.token

    def after(
        self, method: str, error: object, used: Credentials, ends: Optional[float]
    ) -> Optional[Credentials]:
        """The token to make a call with again, after it failed; None where that is no help."""
        if not unknown_token(method, error) or (ends is not None and now() >= ends):
            return None
        return self.another(used, ends)

    def another(self, refused: Credentials, ends: Optional[float]) -> Optional[Credentials]:
        """Another token than the one that pachd refused, where one can be had."""
        try:
            found = self._source.refused(refused, patience(ends))
            return None if found is None else self.checked(found)
        except TokenError as error:
            log.warning("pachd does not know the token, and there is no other: %s", error)
            return None


class _Attempts:
    """One call, and the other that may follow it."""

    def __init__(
        self, by: Signed, continuation: Callable[..., Any], details: Any, request: Any
    ) -> None:
        self._by = by
        self._continuation = continuation
        self._details = details
        self._request = request
        self._ends = None if details.timeout is None else now() + details.timeout
        self._used: Optional[Credentials] = None

    def first(self) -> Any:
        """The call, with the token of now."""
        return self._with(self._by.credentials(self._ends))

    def after(self, error: Any) -> Any:
        """The call with another token, after it failed with `error`; None where that is no help."""
        used = self._used
        if used is None:
            return None
        another = self._by.after(self._details.method, error, used, self._ends)
        return None if another is None else self._with(another)

    def tell(self, call: Any) -> None:
        """Have the token replaced for later calls, where pachd did not know this one's."""
        used = self._used
        if call.cancelled() or used is None or not self._by.gives(used):
            return
        error = call.exception()
        if error is not None and unknown_token(self._details.method, error):
            threading.Thread(
                target=self._by.another,
                args=(used, None),
                name="pachyderm-vault refused",
                daemon=True,
            ).start()

    def _with(self, credentials: Credentials) -> Any:
        self._used = credentials
        details = self._details
        signed = Details(
            details.method,
            left(self._ends),
            with_token(details.metadata, credentials),
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )
        return self._continuation(signed, self._request)


def with_token(metadata: Any, credentials: Credentials) -> List[Any]:
    """The metadata of a call with the token, which stays masked in the frames of a traceback."""
    sent = [pair for pair in metadata or () if pair[0] != KEY]
    sent.append((KEY, credentials.token))
    return sent


def left(ends: Optional[float]) -> Optional[float]:
    """The seconds that a call has until `ends`, as gRPC wants them; None for no bound."""
    return None if ends is None else max(0.001, ends - now())


def patience(ends: Optional[float]) -> float:
    """The seconds that a call has for a token."""
    return TIMEOUT if ends is None else max(0.0, ends - now())


def unknown_token(method: str, error: object) -> bool:
    """Whether pachd says with `error` that it does not know the caller's token."""
    if isinstance(error, NoTokenError) or not isinstance(error, grpc.RpcError):
        return False
    if method.rpartition("/")[2] in ABOUT_TOKENS:
        return False
    failed: Any = error  # which is a call, too
    code, details = failed.code(), failed.details() or ""
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return UNKNOWN in details
    return code is grpc.StatusCode.INTERNAL and EXPIRED in details
