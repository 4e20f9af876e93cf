"""Calls that carry a living token, on a gRPC server that knows one token at a time."""

from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc import StatusCode

from pachyderm_vault.channel import signed
from pachyderm_vault.errors import UnreachableError
from pachyderm_vault.no_token import NoTokenError
from tests.unit.client.called import REFUSALS, Server, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pachyderm_vault.lease import Credentials


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def channel(source: Source, server: Server) -> Iterator[grpc.Channel]:
    with ThreadPoolExecutor(4) as pool:
        running = grpc.server(pool, handlers=[server])
        port = running.add_insecure_port("127.0.0.1:0")
        running.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as bare:
            yield signed(bare, source, "here")  # type: ignore[arg-type]
        running.stop(None).wait()


def one(channel: grpc.Channel, name: str = "One", **options: Any) -> Any:
    call: Any = channel.unary_unary(f"/s/{name}")
    return call(b"x", **options)


def many(channel: grpc.Channel) -> Any:
    call: Any = channel.unary_stream("/s/Many")
    return call(b"x")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one[0].name)
def test_a_call_with_an_unknown_token_is_made_again_once(
    channel: grpc.Channel, source: Source, server: Server, refusal: tuple[StatusCode, str]
) -> None:
    server.refusal = refusal
    assert one(channel) == b"x"
    assert server.calls == [("One", ["old"]), ("One", ["new"])]
    assert one(channel) == b"x"
    assert source.refusals == ["old"]


def test_what_helps_nothing_is_told_as_pachd_said_it(
    channel: grpc.Channel, source: Source, server: Server
) -> None:
    server.known.clear()
    with pytest.raises(grpc.RpcError) as told:
        one(channel)
    assert told.value.code() is StatusCode.UNAUTHENTICATED
    assert len(server.calls) == 2

    source.replaces = False
    with pytest.raises(grpc.RpcError):
        one(channel)
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        (StatusCode.PERMISSION_DENIED, "robot:app is not authorized"),
        (StatusCode.UNAVAILABLE, "restarting"),
        (StatusCode.UNAUTHENTICATED, "no authentication token (try logging in)"),
        (StatusCode.INTERNAL, "disk full"),
    ],
    ids=lambda one: one[0].name,
)
def test_other_refusals_are_not_the_tokens(
    channel: grpc.Channel, source: Source, server: Server, refusal: tuple[StatusCode, str]
) -> None:
    server.refusal = refusal
    with pytest.raises(grpc.RpcError):
        one(channel)
    assert source.refusals == []


def test_a_call_about_another_token_says_nothing_of_ours(
    channel: grpc.Channel, source: Source
) -> None:
    with pytest.raises(grpc.RpcError):
        one(channel, "ExtendAuthToken")
    assert source.refusals == []


def test_the_callers_own_token_is_taken_out(
    channel: grpc.Channel, source: Source, server: Server
) -> None:
    source.given = "new"
    sent = [("authn-token", "theirs"), ("pach-transaction", "t")]
    assert one(channel, metadata=sent, timeout=5) == b"x"
    assert server.calls == [("One", ["new"])]


def test_answers_are_asked_for_again_before_the_first(
    channel: grpc.Channel, server: Server
) -> None:
    done: list[Any] = []
    answers = many(channel)
    answers.add_done_callback(done.append)
    assert list(answers) == [b"x", b"x"]
    assert server.calls == [("Many", ["old"]), ("Many", ["new"])]
    assert answers.code() is StatusCode.OK
    assert [call.code() for call in done] == [StatusCode.OK]  # of the call that counts


def test_answers_are_not_asked_for_again_after_the_first(
    channel: grpc.Channel, source: Source, server: Server
) -> None:
    server.late = True
    answers = many(channel)
    assert next(answers) == b"x"
    with pytest.raises(grpc.RpcError):
        next(answers)
    assert len(server.calls) == 1
    assert source.refusals == []


@pytest.mark.parametrize("kind", ["Up", "Both"])
def test_requests_are_never_sent_again_but_the_next_have_another_token(
    channel: grpc.Channel, source: Source, server: Server, kind: str
) -> None:
    make = channel.stream_unary if kind == "Up" else channel.stream_stream
    call: Any = make(f"/s/{kind}")
    sent: list[bytes] = []

    def requests() -> Iterator[bytes]:
        sent.append(b"x")
        yield b"x"

    with pytest.raises(grpc.RpcError):
        list(call(requests()))
    assert server.calls == [(kind, ["old"])]
    assert len(sent) <= 1
    deadline = time.monotonic() + 10
    while source.given == "old" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert b"".join(bytes([b]) if isinstance(b, int) else b for b in call(requests())) == b"x"


def test_a_future_is_not_waited_for(channel: grpc.Channel, source: Source, server: Server) -> None:
    call: Any = channel.unary_unary("/s/One")
    server.slow = 0.2
    with pytest.raises(grpc.RpcError):
        call.future(b"x").result()
    deadline = time.monotonic() + 10
    while source.given == "old" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert call.future(b"x").result() == b"x"
    assert server.calls == [("One", ["old"]), ("One", ["new"])]


def test_futures_of_a_token_that_nobody_gives_any_more_ask_for_no_other(
    channel: grpc.Channel, source: Source, server: Server
) -> None:
    """A thousand may fail at once, and each would wait for Vault in a thread of its own."""
    call: Any = channel.unary_unary("/s/One")
    server.slow = 0.2
    future = call.future(b"x")
    while not server.calls:
        time.sleep(0.01)
    source.error = UnreachableError("Vault is down")
    with pytest.raises(grpc.RpcError):
        future.result()
    time.sleep(0.1)
    assert source.refusals == []


@pytest.mark.parametrize("kind", ["One", "Many", "Up", "Both"])
def test_no_traceback_shows_the_token(channel: grpc.Channel, server: Server, kind: str) -> None:
    """With all its variables, as error trackers take them."""
    server.known.clear()
    server.refusal = (StatusCode.PERMISSION_DENIED, "no")
    any_channel: Any = channel
    make: dict[str, Any] = {
        "One": lambda: any_channel.unary_unary("/s/One")(b"x"),
        "Many": lambda: next(any_channel.unary_stream("/s/Many")(b"x")),
        "Up": lambda: any_channel.stream_unary("/s/Up")(iter([b"x"])),
        "Both": lambda: next(any_channel.stream_stream("/s/Both")(iter([b"x"]))),
    }
    for failure in (grpc.RpcError, ValueError):
        with pytest.raises(failure) as told:
            make[kind]()
        shown = traceback.TracebackException.from_exception(told.value, capture_locals=True)
        text = "".join(shown.format())
        assert "metadata" in text or kind in ("Many", "Both")
        assert "'old'" not in text
        channel.close()  # next comes what a closed channel says


def test_a_cancelled_stream_of_answers_is_not_asked_for_again(
    channel: grpc.Channel, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = many(channel)

    def cancel(*_: object) -> Credentials:
        answers.cancel()  # as another thread does while Vault is asked
        source.given = "new"
        return source._credentials()

    monkeypatch.setattr(source, "refused", cancel)
    with pytest.raises(grpc.RpcError):
        next(answers)
    with pytest.raises(grpc.RpcError):
        next(answers)


def test_a_call_and_its_answer_may_be_asked_for(channel: grpc.Channel) -> None:
    call: Any = channel.unary_unary("/s/One")
    answer, made = call.with_call(b"x", 5, (("pach-transaction", "t"),))
    assert (answer, made.code()) == (b"x", StatusCode.OK)


def test_without_a_token_nothing_is_sent(
    channel: grpc.Channel, source: Source, server: Server
) -> None:
    source.error = UnreachableError("Vault is down")
    with pytest.raises(NoTokenError, match="Vault is down") as told:
        one(channel)
    assert told.value.code() is StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError):
        next(many(channel))
    assert server.calls == []


def test_a_token_for_elsewhere_is_not_sent_here(
    channel: grpc.Channel, source: Source, server: Server
) -> None:
    source.address = "elsewhere"
    with pytest.raises(NoTokenError, match=r"leads to elsewhere now.*connect anew"):
        one(channel)
    assert server.calls == []


def test_many_threads_are_served(channel: grpc.Channel, source: Source) -> None:
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(one(channel))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"x"] * 16
    assert source.given == "new"
