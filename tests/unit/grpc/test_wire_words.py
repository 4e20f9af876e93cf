"""Status, timeouts, metadata and message prefixes as they lie on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.grpc import RpcError, Status
from shim.grpc.messages import MessageReader
from shim.grpc.metadata import (
    check_metadata,
    decode_timeout,
    encode_timeout,
    is_grpc,
    user_metadata,
)
from shim.grpc.status import (
    error_of_http,
    error_of_trailers,
    quote_message,
    status_fields,
    unquote_message,
)


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        ("plain words.", "plain words."),
        ("100%", "100%25"),
        ("a\nb", "a%0Ab"),
        ("Ä", "%C3%84"),
        ("\x7f", "%7F"),
    ],
)
def test_messages_are_percent_encoded(message: str, quoted: str) -> None:
    assert quote_message(message) == quoted
    assert unquote_message(quoted) == message


@given(st.text())
def test_any_message_survives(message: str) -> None:
    quoted = quote_message(message)
    assert quoted.isascii()
    assert quoted.isprintable() or not quoted
    assert unquote_message(quoted) == message.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("value", "message"),
    [("%", "%"), ("%zz", "%zz"), ("%ff", "\ufffd"), ("\xc3\x84", "Ä"), ("%C3%8", "\ufffd%8")],
)
def test_bad_messages_are_kept_as_far_as_they_go(value: str, message: str) -> None:
    assert unquote_message(value) == message


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (status_fields(Status.OK, ""), None, ""),
        (status_fields(Status.NOT_FOUND, "nö"), Status.NOT_FOUND, "nö"),
        ([("grpc-status", "5")], Status.NOT_FOUND, ""),
        ([("grpc-status", "99"), ("grpc-message", "x")], Status.UNKNOWN, "grpc-status '99': x"),
        ([("grpc-status", "abc")], Status.UNKNOWN, "grpc-status 'abc': "),
        ([], Status.INTERNAL, "the answer ended without a grpc-status"),
    ],
)
def test_trailers(fields: list[tuple[str, str]], code: Status | None, message: str) -> None:
    error = error_of_trailers(fields)
    if code is None:
        assert error is None
    else:
        assert error is not None
        assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("400", Status.INTERNAL),
        ("401", Status.UNAUTHENTICATED),
        ("403", Status.PERMISSION_DENIED),
        ("404", Status.UNIMPLEMENTED),
        ("429", Status.UNAVAILABLE),
        ("502", Status.UNAVAILABLE),
        ("503", Status.UNAVAILABLE),
        ("504", Status.UNAVAILABLE),
        ("200", Status.UNKNOWN),
        ("500", Status.UNKNOWN),
        ("302", Status.UNKNOWN),
    ],
)
def test_http_statuses(status: str, code: Status) -> None:
    assert error_of_http(status, "text/html").code is code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1e-9, "1u"),
        (0.5, "500000u"),
        (90.0, "90000000u"),
        (99.999999, "99999999u"),
        (100.0, "100000m"),
        (1e6, "1000000S"),
        (1e9, "16666667M"),
        (1e12, "99999999H"),
    ],
)
def test_timeouts(seconds: float, text: str) -> None:
    assert encode_timeout(seconds) == text
    if seconds < 1e12:
        assert decode_timeout(text) == pytest.approx(seconds, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "too short"),
        ("1", "too short"),
        ("123456789S", "too long"),
        ("10s", "not recognized"),
        ("-1S", "not a number"),
        ("1.5S", "not a number"),
        ("\u0661S", "not a number"),
    ],
)
def test_bad_timeouts(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode_timeout(text)


@pytest.mark.parametrize(
    ("content_type", "known"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc;charset=x", True),
        ("Application/gRPC", True),
        ("application/grpc-web", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_content_types(content_type: str, known: bool) -> None:
    assert is_grpc(content_type) is known


@pytest.mark.parametrize(
    ("key", "value"),
    [("Upper", "x"), ("a b", "x"), ("grpc-status", "0"), ("te", "x"), ("", "x"), (":path", "/")]
    + [("key", secret) for secret in ("s3cret\n", "s3crét", "s3cret\x00")],
)
def test_bad_metadata_is_refused_and_not_repeated(key: str, value: str) -> None:
    with pytest.raises(RpcError) as caught:
        check_metadata([(key, value)])
    assert caught.value.code is Status.INTERNAL
    assert "s3cr" not in str(caught.value)


def test_user_metadata_leaves_out_what_is_grpcs() -> None:
    fields = [(":path", "/"), ("te", "trailers"), ("grpc-timeout", "1S"), ("k", "v"), ("k", "w")]
    assert user_metadata(fields) == [("k", "v"), ("k", "w")]


def _message(body: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(body).to_bytes(4, "big") + body


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_messages_cut_anywhere(bodies: list[bytes], sizes: list[int]) -> None:
    reader = MessageReader(1_000, "")
    wire = b"".join(_message(body) for body in bodies)
    found = []
    position = turn = 0
    while position < len(wire):
        size = sizes[turn % len(sizes)]
        found += [bytes(each) for each in reader.feed(memoryview(wire)[position : position + size])]
        position += size
        turn += 1
    assert found == bodies
    assert reader.held == 0


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (_message(b"x", flag=1), Status.UNIMPLEMENTED),
        (_message(b"x", flag=2), Status.INTERNAL),
        (_message(bytes(11)), Status.RESOURCE_EXHAUSTED),
        (b"\0\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED),
    ],
)
@pytest.mark.parametrize("cut", [0, 3])
def test_messages_that_are_refused(wire: bytes, code: Status, cut: int) -> None:
    reader = MessageReader(10, "gzip")
    assert reader.feed(memoryview(wire[:cut])) == []
    with pytest.raises(RpcError) as caught:
        reader.feed(memoryview(wire[cut:]))
    assert caught.value.code is code
