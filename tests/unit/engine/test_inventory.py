"""``tokens/``: what pachd holds, whoever minted it, and never a token or a hash."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from shim import BackendError, UserError
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.pachd.cluster_v1 import ClusterV1
from tests.pachd.proto import auth_v1_pb2 as v1
from tests.pachd.proto import auth_v2_pb2 as pb
from tests.pachd.tokens import hashed
from tests.unit.engine.cluster import Pachd, add_admin, add_token, expire
from tests.unit.engine.conftest import configured
from tests.unit.engine.vault import Vault, lease_of
from vault_plugin import inventory, moments
from vault_plugin.pachyderm.api import TokenInfo
from vault_plugin.pachyderm.v1 import V1
from vault_plugin.pachyderm.v2 import V2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.pachd.call import Call

HASH = re.compile(r"[0-9a-f]{32}")
MANY = 50_000


async def told(mount: Vault, path: str, operation: str = "read") -> dict[str, Any]:
    """The answer, which says what it does not cover, and holds no hash."""
    answer = await mount.ask(operation, path)
    data = dict(answer.data or {})
    if not path.startswith("tokens/robot:"):
        assert any("robots alone" in warning for warning in answer.warnings)
    assert not HASH.search(repr(data))
    return data


async def test_nothing_but_the_admin(mount: Vault, pachd: Pachd) -> None:
    summed = await told(mount, "tokens")
    robots = 1 if isinstance(pachd.cluster, ClusterV1) else 0  # 2.x's root is none
    admin = ["robot:admin"] * robots
    assert summed == {
        "subjects": robots,
        "tokens": robots,
        "endless": robots,
        "earliest_end": None,
        "latest_end": None,
        "endless_subjects": admin,
        "outlasting_subjects": [],
    }


async def test_subjects_are_listed_that_have_living_tokens(mount: Vault, pachd: Pachd) -> None:
    for subject in ("robot:b", "robot:a", "robot:a", "pipeline:p"):
        add_token(pachd, subject)
    expire(pachd, add_token(pachd, "robot:dead"))
    keys = (await told(mount, "tokens/", "list"))["keys"]
    assert [key for key in keys if key != "robot:admin"] == ["robot:a", "robot:b"]


async def test_a_subject_is_counted(mount: Vault, pachd: Pachd) -> None:
    now = time.time()
    for ttl in (600, 0, 1200, 0):
        add_token(pachd, "robot:x", ttl)
    add_token(pachd, "robot:y")
    expire(pachd, add_token(pachd, "robot:x"))
    found = await told(mount, "tokens/robot:x")
    assert (found["tokens"], found["endless"]) == (4, 2)
    around = range(-3, 4)
    assert found["earliest_end"] in [moments.show(now + 600 + d) for d in around]
    assert found["latest_end"] in [moments.show(now + 1200 + d) for d in around]


async def test_a_login_counts_as_long_as_it_lives(mount: Vault) -> None:
    lease = lease_of(await mount.write("login/robot:x"))
    assert (await told(mount, "tokens/robot:x"))["tokens"] == 1
    await mount.revoke(lease)
    nothing = {"tokens": 0, "endless": 0, "earliest_end": None, "latest_end": None}
    assert await told(mount, "tokens/robot:x") == nothing


async def test_who_outlasts_max_ttl_is_named(vault: Vault, pachd: Pachd) -> None:
    mount = await configured(vault, pachd, max_ttl="1h")
    await mount.write("login/robot:ours", ttl="1h")
    add_token(pachd, "robot:endless", 0)
    add_token(pachd, "robot:long", 7200)
    found = await told(mount, "tokens")
    assert found["outlasting_subjects"] == ["robot:long"]
    assert "robot:endless" in found["endless_subjects"]
    assert not {"robot:long", "robot:ours"} & set(found["endless_subjects"])


async def test_robots_with_odd_names(mount: Vault, pachd: Pachd) -> None:
    for subject in ("robot:a b/c", "robot:a:b", "robot:"):
        add_token(pachd, subject)
        assert subject in (await told(mount, "tokens/", "list"))["keys"]
        counted = (await mount.read(f"tokens/{subject}")).data
        assert counted is not None
        assert counted["tokens"] == 1


@pytest.mark.parametrize("subject", ["user:kim", "github:kim", "kim", "pach:root"])
async def test_others_cannot_be_told(mount: Vault, pachd: Pachd, subject: str) -> None:
    with pytest.raises(UserError, match="robots alone"):
        await mount.read(f"tokens/{subject}")
    assert pachd.journal() == []


async def test_2x_needs_cluster_admin(vault: Vault, v2: Simulator[PachdV2]) -> None:
    mount = await configured(vault, v2, add_admin(v2))
    for path, operation in (("tokens", "read"), ("tokens/", "list"), ("tokens/robot:x", "read")):
        with pytest.raises(BackendError, match="clusterAdmin") as refusal:
            await mount.ask(operation, path)
        assert refusal.value.status == 400


async def test_many_tokens(mount: Vault, pachd: Pachd) -> None:
    """Fifty thousand, whose answer is beyond the limit of all others, take moments."""
    cluster = pachd.cluster
    for number in range(MANY):
        subject = f"robot:{number % 1000}"
        if isinstance(cluster, PachdV1):
            cluster.tokens.put(f"{number:064x}", subject, v1.TokenInfo.GET_TOKEN, 600)
        else:
            cluster.tokens.insert(f"{number:064x}", subject, 600)
    begun = time.monotonic()
    found = await told(mount, "tokens")
    assert time.monotonic() - begun < 30  # a generous multiple of what it takes
    assert found["tokens"] >= MANY
    assert (await told(mount, "tokens/robot:1"))["tokens"] >= MANY // 1000


async def test_a_list_beyond_all_bounds(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    for api in (V1, V2):
        monkeypatch.setattr(api, "_EXTRACT", dataclasses.replace(api._EXTRACT, max_reply=20))
    add_token(pachd, "robot:x")
    with pytest.raises(BackendError, match=r"larger than max .* takes no longer answer"):
        await mount.read("tokens")


async def test_memory_grows_with_subjects_and_not_with_tokens() -> None:
    async def tokens() -> AsyncIterator[TokenInfo]:
        for number in range(MANY):
            yield TokenInfo(f"{number:064x}", f"robot:{number % 10}", time.time() + 600)

    tracemalloc.start()
    counts = await inventory.by_subject(tokens())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert inventory.total(counts).tokens == MANY
    assert most < 1 << 20


async def test_names_in_an_answer_have_a_bound(mount: Vault, pachd: Pachd) -> None:
    for number in range(1001):
        add_token(pachd, f"robot:{number:04}", 0)
    answer = await mount.read("tokens")
    assert answer.data is not None
    assert len(answer.data["endless_subjects"]) == 1000
    assert any("1000 of them are named" in warning for warning in answer.warnings)
    assert len((await told(mount, "tokens/", "list"))["keys"]) >= 1001


# Those who mean ill


class Liar(PachdV2):
    """Names by tokens, and ends what never does in the year 10000."""

    async def who_am_i(self, call: Call, request: pb.WhoAmIRequest) -> pb.WhoAmIResponse:
        return pb.WhoAmIResponse(username=f"robot:{call.token()}")

    async def get_robot_token(
        self, call: Call, request: pb.GetRobotTokenRequest
    ) -> pb.GetRobotTokenResponse:
        return pb.GetRobotTokenResponse(token=call.token())

    async def extract_auth_tokens(
        self, call: Call, request: pb.ExtractAuthTokensRequest
    ) -> pb.ExtractAuthTokensResponse:
        entry = pb.TokenInfo(subject=f"robot:{call.token()}", hashed_token=hashed(call.token()))
        return pb.ExtractAuthTokensResponse(tokens=[entry])


class Eternal(PachdV2):
    """Its tokens end in the year 10000."""

    END = Timestamp(seconds=253_402_300_800)

    async def who_am_i(self, call: Call, request: pb.WhoAmIRequest) -> pb.WhoAmIResponse:
        row = await self.caller(call)
        return pb.WhoAmIResponse(username=row.subject, expiration=self.END)

    async def extract_auth_tokens(
        self, call: Call, request: pb.ExtractAuthTokensRequest
    ) -> pb.ExtractAuthTokensResponse:
        entry = pb.TokenInfo(subject="robot:x", expiration=self.END, hashed_token="00")
        return pb.ExtractAuthTokensResponse(tokens=[entry])


async def test_a_token_in_place_of_a_name_is_refused_and_not_shown(vault: Vault) -> None:
    with Simulator[PachdV2](Liar()) as pachd:
        with pytest.raises(BackendError, match="a token where a name belongs") as refusal:
            await configured(vault, pachd)
        assert pachd.root_token not in str(refusal.value)
        await configured(vault, pachd, verify=False)
        for operation, path in (
            ("update", "login/robot:x"),
            ("read", "tokens"),
            ("list", "tokens/"),
            ("read", "tokens/robot:x"),
            ("update", "config/rotate"),
        ):
            with pytest.raises(BackendError, match="a token where a name belongs"):
                await vault.ask(operation, path)
        assert pachd.root_token not in repr((await vault.read("check")).data)
        stored = {k: v for k, v in vault.entries.items() if k != "config"}
        assert pachd.root_token not in repr(stored)


async def test_an_admin_token_is_not_given_out(vault: Vault) -> None:
    class Generous(PachdV2):
        async def get_robot_token(
            self, call: Call, request: pb.GetRobotTokenRequest
        ) -> pb.GetRobotTokenResponse:
            return pb.GetRobotTokenResponse(token=call.token())

    with Simulator[PachdV2](Generous()) as pachd:
        mount = await configured(vault, pachd)
        with pytest.raises(BackendError, match="a token where a name belongs"):
            await mount.write("login/robot:x")


async def test_an_end_beyond_the_calendar(vault: Vault) -> None:
    with Simulator[PachdV2](Eternal()) as pachd:
        mount = await configured(vault, pachd)
        for path in ("config", "check"):
            data = (await mount.read(path)).data
            assert data is not None
            assert data["admin_expires"] == "9999-12-31T23:59:59Z"
        counted = await told(mount, "tokens/robot:x")
        assert counted["latest_end"] == "9999-12-31T23:59:59Z"
        with contextlib.suppress(BackendError):
            await mount.write("config/rotate")
