"""Every case of the original plugin's recorded HTTP behaviour, asked of this engine.

The answer is the same, or the case is listed in ``docs/differences.md`` with its reason.
"""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.integration import recorded_http
from tests.integration.kind import OPENBAO, VAULT
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV1, Simulator
from tests.unit.pachd.caller import Caller

ADMIN_TOKEN = "472758dfb5034c8fb83cbc9bed436348"
DIRECT = "(pachd direct) "


class Outcome(NamedTuple):
    case: str
    recorded: Any
    ours: Any

    @property
    def equal(self) -> bool:
        return recorded_http.same(self.recorded, self.ours)


class Replay:
    """Asks the cases in order; later ones use the leases and tokens of earlier ones."""

    def __init__(self, server: VaultServer, pachd: Simulator[PachdV1]) -> None:
        self._server = server
        self._pachd = pachd
        self._leases: dict[str, str] = {}  # recorded to ours
        self._token = ""  # of the last login

    def run(self) -> Iterator[Outcome]:
        for case in recorded_http.cases(self._pachd.port):
            name = case["case"]
            if name == "renew after expiry":
                time.sleep(3)  # the lease of the case before lasts two seconds
            if name.startswith(DIRECT):
                yield Outcome(name, *self._direct(case))
            else:
                yield Outcome(name, *self._http(case))

    def _http(self, case: dict[str, Any]) -> tuple[Any, Any]:
        body = case["request_body"]
        if isinstance(body, dict) and body.get("lease_id") in self._leases:
            body = {**body, "lease_id": self._leases[body["lease_id"]]}
        status, answer = self._server.http(
            case["method"],
            case["path"],
            body,
            headers=case["request_headers"],
            token=self._server.root_token if case["authenticated"] else None,
        )
        answer = recorded_http.as_recorded(answer, self._server.kind)
        recorded = case["response"]
        if isinstance(answer, dict) and answer.get("lease_id"):
            if isinstance(recorded, dict) and recorded.get("lease_id"):
                self._leases[recorded["lease_id"]] = answer["lease_id"]
            self._token = (answer.get("data") or {}).get("user_token", self._token)
        return (
            (case["status"], recorded_http.comparable(recorded)),
            (status, recorded_http.comparable(answer)),
        )

    def _direct(self, case: dict[str, Any]) -> tuple[Any, Any]:
        """Compare what pachd knows of the token; the cases between ask pachd itself."""
        subject = self._pachd.subject_of(self._token)
        if case["case"].endswith("RevokeAuthToken"):
            with Caller(self._pachd.address) as call:
                call("/auth.API/RevokeAuthToken", ADMIN_TOKEN, token=self._token)
            return {}, {}
        return case["response"].get("username"), subject


@pytest.fixture(scope="module")
def outcomes(server: VaultServer, plugin_file: Any) -> list[Outcome]:
    with Simulator(PachdV1(root_token=ADMIN_TOKEN)) as pachd:
        server.register("pachyderm", plugin_file)
        return list(Replay(server, pachd).run())


def test_every_difference_is_listed_with_its_reason(outcomes: list[Outcome]) -> None:
    listed = recorded_http.differences()
    unlisted = [outcome for outcome in outcomes if not outcome.equal and outcome.case not in listed]
    assert not unlisted, "\n".join(
        f"{o.case}\n  recorded {json.dumps(o.recorded)}\n  ours     {json.dumps(o.ours)}"
        for o in unlisted
    )


def test_every_listed_difference_is_one(outcomes: list[Outcome]) -> None:
    differ = {outcome.case for outcome in outcomes if not outcome.equal}
    assert recorded_http.differences() - differ == set()


def test_vaults_own_form_of_an_answer_is_the_recorded_one() -> None:
    recorded = {"lease_id": "", "data": {"mount_type": "kept"}}
    told = {**recorded, "mount_type": "pachyderm"}
    assert recorded_http.as_recorded(told, VAULT) == recorded
    lookup = {"data": {"id": "pachyderm/login/robot:x/id", "last_renewal": None}}
    found = recorded_http.as_recorded({**lookup, "mount_type": "system"}, VAULT)
    assert found == {"data": {**lookup["data"], "path": "pachyderm/login/robot:x"}}
    words = "invalid character 'o' in literal null (expecting 'u')"
    refusal = {"errors": [f"error parsing JSON: failed to parse JSON input: {words}"]}
    said = {"errors": [f"failed to decode JSON input: {words}"]}
    assert recorded_http.as_recorded(refusal, VAULT) == said
    assert recorded_http.as_recorded(said, OPENBAO) == said


def test_every_case_was_asked(outcomes: list[Outcome]) -> None:
    assert len(outcomes) == 208
