"""The simulator answers as the real servers did: every recorded case, replayed in order.

Time is the recording's own: the simulator's clock stands where the real server's stood, so that
times in requests need no translation and nothing here sleeps.
"""

import datetime
import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.pachd import Auth, ManualClock, PachdV1, PachdV2, Simulator
from tests.pachd.call import Pachd
from tests.pachd.proto import auth_v1_pb2 as v1
from tests.pachd.proto import auth_v2_pb2 as pb
from tests.unit.pachd.caller import Caller, request_type, response_type
from tests.unit.pachd.refused import message_of, status

RECORDED = Path(__file__).parents[2] / "recorded"
Case = dict[str, Any]

# Two cases came without their request: they called the other generation's services.
OTHER_GENERATION = {
    "2.x method on 1.x": "/auth_v2.API/WhoAmI",
    "2.x version on 1.x": "/versionpb_v2.API/GetVersion",
}
# Recorded without the bytes that were sent: a length that runs past the end of the message.
GARBAGE = {"garbage request bytes": b"\x0a\xff\xff\xff\x01"}
# Beside the first tokens of a long list the record says how many there were.
COUNT = "(count)"

# A field that the recorder did not know: who has which roles, as pachd 1.12 sent it.
UNKNOWN_FIELD = "#4"
# In no order that pachd keeps.
UNORDERED = ("satisfied", "missing")

# The only exception. 1.x's record keeps the three newest tokens of a list that was longer, without
# its length: robot:alice's token of 60 s (case 51) and robot:zero's of 30 days (case 12) live, and
# pachd 1.13.4 extracts every living robot's token, newest first. So the list is compared as far as
# it goes, and the simulator's must go on from there.
CUT_SHORT = ("pachd-1.13.4-auth.json", "extract")


def epoch(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def cases(name: str) -> list[Case]:
    recorded: list[Case] = json.loads((RECORDED / name).read_text())
    return recorded


class Replay:
    """One fresh simulator, and what the recording's tokens are called in it."""

    def __init__(self, name: str, simulator: Simulator[Any], start: float) -> None:
        self._name = name
        self._start = start
        self._clock: ManualClock = simulator.cluster.clock
        self._caller = Caller(simulator.address)
        self._ours: dict[str, str] = {}

    def close(self) -> None:
        self._caller.__exit__(None, None, None)

    def play(self, case: Case) -> None:
        """Send a case's request and hold the answer against the recorded one."""
        # A call takes time even where the record's two decimals do not show it.
        earliest = self._clock.now() + 0.001
        began = self._start + case.get("at_s", 0) - case.get("after_s", 0)
        self._clock.advance(max(earliest, began) - self._clock.now())
        answer = self._answer(case)
        while "after_s" in case and "ok" in answer:
            self._clock.advance(0.01)
            assert self._clock.now() <= self._start + case["at_s"] + 0.5, "it should be dead by now"
            answer = self._answer(case)
        self._compare(case, answer)

    def _answer(self, case: Case) -> Case:
        path = case.get("method") or OTHER_GENERATION[case["case"]]
        metadata = [(key, self._ours.get(value, value)) for key, value in case.get("metadata", [])]
        try:
            body = GARBAGE.get(case["case"]) or self._body(path, case.get("request", {}))
            answer = self._caller.send(path, body, metadata)
        except grpc.RpcError as error:
            return {"code": status(error).name, "message": message_of(error)}
        response = response_type(path).FromString(answer)
        return {"ok": MessageToDict(response, preserving_proto_field_name=True)}

    def _body(self, path: str, request: Case) -> bytes:
        if not request:
            return b""
        message = ParseDict(self._translate(request), request_type(path)())
        body: bytes = message.SerializeToString()
        return body

    def _translate(self, value: Any) -> Any:
        """Replace the tokens and hashes of the real server by this one's."""
        if isinstance(value, dict):
            return {key: self._translate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._translate(item) for item in value]
        return self._ours.get(value, value) if isinstance(value, str) else value

    def _compare(self, case: Case, answer: Case) -> None:
        if "ok" not in case:
            words = case["message"]
            for told, own in self._ours.items():
                words = words.replace(told, own)
            assert answer == {"code": case["code"], "message": words}
            return
        assert "ok" in answer, answer
        self._learn(case["ok"], answer["ok"])
        expected, got = named(self._translate(case["ok"])), answer["ok"]
        for field in UNORDERED:
            if field in expected:
                expected[field].sort()
                got[field].sort()
        if COUNT in expected:
            assert len(got["tokens"]) == expected.pop(COUNT)
            got["tokens"] = got["tokens"][: len(expected["tokens"])]
        elif (self._name, case["case"]) == CUT_SHORT:
            assert len(got["tokens"]) > len(expected["tokens"])
            got["tokens"] = got["tokens"][: len(expected["tokens"])]
        assert masked(got) == masked(expected)
        for ours, theirs in zip(ends(got), ends(expected), strict=True):
            assert ours == pytest.approx(theirs, abs=0.05)

    def _learn(self, theirs: Case, ours: Case) -> None:
        """Remember a token that the server made, and its hash."""
        for field in ("token", "pach_token", "root_token"):
            if field in theirs and theirs[field] != ours.get(field):
                assert is_token(theirs[field])
                assert is_token(ours[field])
                self._ours[theirs[field]] = ours[field]
                self._ours[digest(theirs[field])] = digest(ours[field])


def named(answer: Case) -> Case:
    """Put the name to the field that was recorded by its number."""
    if UNKNOWN_FIELD not in answer:
        return answer
    roles = v1.ClusterRoles.FromString(bytes.fromhex(answer.pop(UNKNOWN_FIELD)))
    return {**answer, "cluster_roles": MessageToDict(roles)}


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    return uuid.UUID(text).version == 4 and text == text.lower() and len(text) == 32


def masked(value: Any) -> Any:
    """Say of times only that they are there."""
    if isinstance(value, dict):
        return {k: "a time" if k == "expiration" else masked(v) for k, v in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def ends(value: Any) -> Iterator[float]:
    """Find every expiration in an answer, in order."""
    if isinstance(value, dict):
        if "expiration" in value:
            yield epoch(value["expiration"][:26].rstrip("Z") + "Z")
        for item in value.values():
            yield from ends(item)
    elif isinstance(value, list):
        for item in value:
            yield from ends(item)


def replay(cluster: Pachd, name: str, start: float) -> None:
    with Simulator(cluster) as simulator:
        played = Replay(name, simulator, start)
        try:
            for number, case in enumerate(cases(name)):
                try:
                    played.play(case)
                except AssertionError as error:
                    error.add_note(f"case {number}: {case['case']}")
                    raise
        finally:
            played.close()


def cluster_id(name: str) -> str:
    """The id that the recorded cluster told, none where it was not asked."""
    told = (case["ok"]["id"] for case in cases(name) if "InspectCluster" in case.get("method", ""))
    return next(told, "")


# The recording, its release, the first admin's token, and when it began: that follows from an end
# that was told or asked for, the life it was of, and when. To 1.10 no end was told.
V1 = [
    ("pachd-1.8.8-auth.json", "1.8", "adminone", epoch("2026-11-25T22:00:00Z")),
    ("pachd-1.10.5-auth.json", "1.10", "adminone", epoch("2026-11-25T22:00:00Z")),
    (
        "pachd-1.12.5-auth.json",
        "1.12",
        "adminone",
        epoch("2026-11-25T22:08:24.659116Z") - 60 - 2.41,
    ),
    (
        "pachd-1.13.4-auth.json",
        "1.13",
        "472758dfb5034c8fb83cbc9bed436348",
        epoch("2026-11-21T07:54:50.374672Z") - 96 - 3.13,
    ),
]
# Of 1.12: seconds it was up before, by when etcd swept, and what activation had made by then.
UP = 0.21
OLDEST = "f51748f3d01d1adef1828c16972bd31bbca832057fb5920cfec2cfd7c5541ec3"
V2 = [
    ("pachd-2.0.8-auth.json", "2.0", epoch("2026-11-25T21:44:54.813769Z") - 60 - 3.71),
    ("pachd-2.4.2-auth.json", "2.4", epoch("2026-11-25T22:05:08.760737Z") - 60 - 3.53),
    ("pachd-2.6.11-auth.json", "2.6", epoch("2026-11-25T22:08:35.643682Z") - 60 - 3.63),
    ("pachd-2.11.6-auth.json", "2.11", epoch("2026-11-21T07:54:55.417427Z") - 100 - 0.61),
]


@pytest.mark.parametrize(("name", "release", "admin", "start"), V1, ids=[r[1] for r in V1])
def test_1x_answers_as_recorded(name: str, release: str, admin: str, start: float) -> None:
    clock = ManualClock(start - UP if release == "1.12" else start)
    cluster = PachdV1(
        release=release,
        clock=clock,
        root_token=admin,
        cluster_id=cluster_id(name),
        etcd_prefix="old188/" if release == "1.8" else "",
    )
    if release == "1.12":
        cluster.tokens.clear()
        cluster.tokens.put(OLDEST, "robot:admin", v1.TokenInfo.AUTHENTICATE, 0)
        cluster.tokens.put(digest(admin), "robot:admin", v1.TokenInfo.AUTHENTICATE, 0)
        clock.advance(UP)
    replay(cluster, name, start)


@pytest.mark.parametrize(("name", "release", "start"), V2, ids=[r[1] for r in V2])
def test_2x_answers_as_recorded(name: str, release: str, start: float) -> None:
    cluster = PachdV2(
        release=release,
        clock=ManualClock(start),
        root_token="iamroot",
        cluster_id=cluster_id(name),
    )
    if release == "2.6":  # recorded of a cluster whose default project was made as users have it
        cluster.bindings.set((pb.PROJECT, "default"), "allClusterUsers", ["projectWriter"])
    replay(cluster, name, start)


@pytest.mark.parametrize("name", ["1.10.5", "2.0.8"])
def test_auth_that_was_never_activated(name: str) -> None:
    recorded = f"pachd-{name}-not-activated.json"
    told = cluster_id(recorded)
    cluster: Pachd
    if name.startswith("1."):
        clock = ManualClock()
        cluster = PachdV1(release="1.10", clock=clock, auth=Auth.INACTIVE, cluster_id=told)
    else:
        cluster = PachdV2(release="2.0", clock=ManualClock(), active=False, cluster_id=told)
    replay(cluster, recorded, cluster.clock.now())
