"""What both generations tell of a cluster: its id, its release, the tokens it holds."""

import hashlib
import time
from collections.abc import AsyncIterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from shim import BackendError, Masked
from tests.unit.engine.cluster import Pachd, add_token, expire, is_v1
from vault_plugin.pachyderm import extract
from vault_plugin.pachyderm.api import Api, TokenInfo
from vault_plugin.pachyderm.client import Endpoint
from vault_plugin.pachyderm.cluster import Cluster
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.pachyderm.proto import v2_pb2


@pytest.fixture
async def api(pachd: Pachd) -> AsyncIterator[Api]:
    where = Endpoint(pachd.address)
    async with Cluster(where, request_timeout=10, max_in_flight=6) as cluster:
        yield await cluster.api()


async def extracted(api: Api, pachd: Pachd) -> list[TokenInfo]:
    return [entry async for entry in api.extract(Masked(pachd.root_token))]


async def test_the_id_needs_no_token(api: Api, pachd: Pachd) -> None:
    assert await api.cluster_id() == pachd.cluster.id
    assert pachd.journal("InspectCluster")[0].tokens == ()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (StatusCode.UNIMPLEMENTED, "unknown service admin.API"),
        (StatusCode.UNIMPLEMENTED, "unknown method InspectCluster for service admin_v2.API"),
        (StatusCode.UNKNOWN, 'no auth function for "/admin_v2.API/InspectCluster", this is a bug'),
        (StatusCode.PERMISSION_DENIED, "no"),
        (StatusCode.UNAUTHENTICATED, "no authentication token (try logging in)"),
    ],
)
async def test_no_id_where_pachd_has_none_to_tell(
    api: Api, pachd: Pachd, code: StatusCode, words: str
) -> None:
    pachd.faults.refuse("InspectCluster", code, words)
    assert await api.cluster_id() == ""


async def test_no_answer_is_not_taken_for_no_id(api: Api, pachd: Pachd) -> None:
    pachd.faults.refuse("InspectCluster", StatusCode.UNAVAILABLE, "away")
    with pytest.raises(PachdError, match="away"):
        await api.cluster_id()


@pytest.mark.parametrize("odd", ["x" * 129, "line\nbreak"])
async def test_an_id_that_no_pachd_has_is_none(api: Api, pachd: Pachd, odd: str) -> None:
    pachd.cluster.id = odd
    assert await api.cluster_id() == ""


async def test_the_release_is_known_once_the_generation_is(api: Api, pachd: Pachd) -> None:
    assert api.release == ((1, 13, 4) if is_v1(pachd) else (2, 11, 6))


async def test_tokens_are_told_with_hash_subject_and_end(api: Api, pachd: Pachd) -> None:
    token, endless = add_token(pachd, "robot:a", ttl=600), add_token(pachd, "robot:b", ttl=0)
    add_token(pachd, "pipeline:p")
    found = {entry.subject: entry for entry in await extracted(api, pachd)}
    assert found["robot:a"].hash == hashlib.sha256(token.encode()).hexdigest()
    assert found["robot:a"].expires == pytest.approx(time.time() + 600, abs=5)
    assert found["robot:b"].hash == hashlib.sha256(endless.encode()).hexdigest()
    assert found["robot:b"].expires is None
    assert "pipeline:p" not in found


async def test_2x_tells_expired_tokens_too(api: Api, pachd: Pachd) -> None:
    expire(pachd, add_token(pachd, "robot:a"))
    told = [e for e in await extracted(api, pachd) if e.subject == "robot:a"]
    assert len(told) == (0 if is_v1(pachd) else 1)


async def test_an_end_beyond_what_a_date_can_say(api: Api, pachd: Pachd) -> None:
    if is_v1(pachd):
        pytest.skip("etcd's leases end sooner")
    add_token(pachd, "robot:a", ttl=400_000 * 365 * 24 * 3600)
    told = next(e for e in await extracted(api, pachd) if e.subject == "robot:a")
    assert told.expires is not None
    assert told.expires > 1e12


async def test_who_may_not_extract_is_told_so(api: Api, pachd: Pachd) -> None:
    plain = Masked(add_token(pachd, "robot:plain"))
    with pytest.raises(PachdError, match="is not authorized") as told:
        await anext(api.extract(plain))
    assert told.value.meaning is Meaning.DENIED


async def test_a_list_beyond_the_usual_limit_in_slices(api: Api, pachd: Pachd) -> None:
    """A megabyte is the limit of all other answers."""
    for number in range(12_000):
        add_token(pachd, f"robot:{number}")
    answer = await api._client.call(api._EXTRACT, api._EXTRACT.request(), Masked(pachd.root_token))  # type: ignore[attr-defined]
    assert len(answer.data) > 1 << 20
    pieces = [len(piece) async for piece in extract.slices(answer)]
    assert sum(pieces) == len(answer.data)
    assert max(pieces) < 34 << 10
    assert len(await extracted(api, pachd)) >= 12_000


def answer(*parts: bytes) -> extract.RawAnswer:
    return extract.RawAnswer.FromString(b"".join(parts))


async def decoded(raw: extract.RawAnswer) -> list[str]:
    told = v2_pb2.ExtractAuthTokensResponse
    return [t.subject async for p in extract.slices(raw) for t in told.FromString(p).tokens]


def entry(subject: str) -> bytes:
    token = v2_pb2.TokenInfo(subject=subject, expiration=Timestamp(seconds=1))
    return v2_pb2.ExtractAuthTokensResponse(tokens=[token]).SerializeToString()


async def test_fields_of_later_releases_are_passed_over() -> None:
    later = b"\x10\x96\x01" + b"\x1d" + bytes(4) + b"\x21" + bytes(8) + b"\x2a\x03abc"
    raw = answer(entry("robot:a"), later, entry("robot:b"))
    assert await decoded(raw) == ["robot:a", "robot:b"]


@pytest.mark.parametrize(
    "bad",
    [
        b"\x0a\x05ab",  # ends inside a field
        b"\x0a",  # ends before the length
        b"\x0a" + b"\xff" * 11,  # a length without end
        b"\x0b",  # a group
        b"\x09\x01",  # ends inside a fixed number
        b"\x0a\xff\xff\xff\x7f",  # an entry of 256 MB
    ],
)
async def test_bytes_that_are_no_list(bad: bytes) -> None:
    with pytest.raises(BackendError, match="cannot be read"):
        await decoded(answer(entry("robot:a"), bad))
