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

from tests.pachd import ManualClock, PachdV1, PachdV2, Simulator
from tests.pachd.call import Pachd
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
            assert answer == {"code": case["code"], "message": case["message"]}
            return
        assert "ok" in answer, answer
        self._learn(case["ok"], answer["ok"])
        expected, got = self._translate(case["ok"]), answer["ok"]
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


def test_1x_answers_as_recorded() -> None:
    # A token of 99 s minted at 0.81 s was extracted at 3.13 s with 96 s left.
    start = epoch("2026-11-21T07:54:50.374672Z") - 96 - 3.13
    cluster = PachdV1(
        clock=ManualClock(start),
        root_token="472758dfb5034c8fb83cbc9bed436348",
        identity_providers=["GitHub"],
    )
    replay(cluster, "pachd-1.13.4-auth.json", start)


def test_2x_answers_as_recorded() -> None:
    # A token of 100 s was minted at 0.61 s.
    start = epoch("2026-11-21T07:54:55.417427Z") - 100 - 0.61
    cluster = PachdV2(clock=ManualClock(start), root_token="iamroot", cluster_id="ref-cluster")
    replay(cluster, "pachd-2.11.6-auth.json", start)
