"""What makes every call of a Pachyderm client carry the living token: an interceptor of gRPC's."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional

import grpc

from pachyderm_vault.clock import now
from pachyderm_vault.errors import MovedError, TokenError
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


class NoTokenError(TokenError, grpc.RpcError):
    """A call was not begun, since there is no token for it: pachd was not asked.

    To those who look, it is a call that failed as UNAUTHENTICATED.
    """

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAUTHENTICATED

    def details(self) -> str:
        return str(self)

    def initial_metadata(self) -> Any:
        return ()

    def trailing_metadata(self) -> Any:
        return ()

    def result(self, timeout: Optional[float] = None) -> Any:
        raise self

    def exception(self, timeout: Optional[float] = None) -> Any:
        return self

    def traceback(self, timeout: Optional[float] = None) -> Any:
        return self.__traceback__

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        fn(self)

    def add_callback(self, callback: Callable[[], Any]) -> bool:
        return False

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True


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

    def credentials(self, timeout: float) -> Credentials:
        """The living token. Raises NoTokenError."""
        found = self._source.at_hand()
        if found is None:
            try:
                found = self._source.credentials(timeout)
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

    def another(self, refused: Credentials, timeout: float) -> Optional[Credentials]:
        """Another token than the one that pachd refused, where one can be had."""
        try:
            found = self._source.refused(refused, timeout)
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
        self._credentials: Optional[Credentials] = None

    def first(self) -> Any:
        """The call, with the token of now."""
        timeout = TIMEOUT if self._details.timeout is None else self._details.timeout
        return self._with(self._by.credentials(timeout))

    def after(self, error: Any) -> Any:
        """The call with another token, after it failed with `error`; None where that is no help."""
        used = self._credentials
        if used is None or not unknown_token(self._details.method, error):
            return None
        left = TIMEOUT if self._ends is None else self._ends - now()
        if left <= 0:
            return None
        another = self._by.another(used, left)
        return None if another is None else self._with(another)

    def tell(self, call: Any) -> None:
        """Have the token replaced for later calls, where pachd did not know this one's."""
        if call.cancelled() or self._credentials is None:
            return
        error = call.exception()
        if error is not None and unknown_token(self._details.method, error):
            threading.Thread(
                target=self._by.another,
                args=(self._credentials, TIMEOUT),
                name="pachyderm-vault refused",
                daemon=True,
            ).start()

    def _with(self, credentials: Credentials) -> Any:
        self._credentials = credentials
        details = self._details
        others = [pair for pair in details.metadata or () if pair[0] != KEY]
        left = details.timeout
        if self._ends is not None:
            left = max(0.001, self._ends - now())
        signed = Details(
            details.method,
            left,
            [*others, (KEY, str(credentials.token))],
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )
        return self._continuation(signed, self._request)


class Answers:
    """A stream of answers, made again before its first one where pachd does not know the token.

    All else that a call can be asked is answered by the call as it then is, which is not made again
    from there on.
    """

    def __init__(self, call: Any, after: Callable[[Any], Any]) -> None:
        self._call = call
        self._after: Optional[Callable[[Any], Any]] = after
        self._callbacks: List[Callable[[Any], Any]] = []

    def __iter__(self) -> Answers:
        return self

    def __next__(self) -> Any:
        if self._after is None:
            return next(self._call)
        try:
            answer = next(self._call)
        except grpc.RpcError as error:
            another = self._after(error)
            if another is None:
                self._settled()
                raise
            self._call = another
        except StopIteration:
            self._settled()
            raise
        else:
            self._settled()
            return answer
        self._settled()
        return next(self._call)

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        """Have it called with the call that counts."""
        if self._after is None:
            self._call.add_done_callback(fn)
        else:
            self._callbacks.append(fn)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self._settled()
        return getattr(self._call, name)

    def _settled(self) -> None:
        """There is no other call from here on."""
        self._after = None
        callbacks, self._callbacks = self._callbacks, []
        for fn in callbacks:
            self._call.add_done_callback(fn)


def unknown_token(method: str, error: Any) -> bool:
    """Whether pachd says with `error` that it does not know the caller's token."""
    if method.rpartition("/")[2] in ABOUT_TOKENS or isinstance(error, NoTokenError):
        return False
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return UNKNOWN in details
    return code is grpc.StatusCode.INTERNAL and EXPIRED in details
