"""A pachd that is not reached: told soon, with the address and the cause; then found again."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from grpc import StatusCode

from shim import BackendError
from tests.pachd import PachdV2, Simulator, When
from tests.unit.engine.cluster import Pachd, mint_method
from tests.unit.engine.vault import Vault, settle, token_of
from vault_plugin.pachyderm.patience import patience


@contextmanager
def told_soon(pachd: Pachd, why: str) -> Iterator[None]:
    started = time.monotonic()
    with pytest.raises(BackendError, match=f"^pachd at {pachd.address}: {why}") as refusal:
        yield
    assert time.monotonic() - started < 5
    assert "check pachd_address, the network and pachd itself" in str(refusal.value)
    assert str(refusal.value).count(pachd.address) == 1


async def test_refused(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:x")
    pachd.die()
    await settle()
    with told_soon(pachd, "connection refused"):
        await mount.write("login/robot:x")
    with told_soon(pachd, "connection refused"):
        await mount.read("version")
    pachd.restart()
    assert token_of(await mount.write("login/robot:x"))


async def test_accepted_and_then_silent(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    v2.freeze()
    with told_soon(v2, "no HTTP/2 from the server within 3 s"):
        await mount2.write("login/robot:x")
    v2.thaw()
    assert token_of(await mount2.write("login/robot:x"))


async def test_a_warm_connection_that_went_silent(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await mount2.write("login/robot:x")
    v2.freeze()
    with told_soon(v2, "no sign of life"):
        await mount2.write("login/robot:x")
    v2.thaw()
    assert token_of(await mount2.write("login/robot:x"))


async def test_slow_is_not_silent(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    """It answers PINGs while it thinks."""
    v2.faults.slow("GetRobotToken", 4)
    assert token_of(await mount2.write("login/robot:x"))


async def test_no_pachd_at_all(mount: Vault, pachd: Pachd) -> None:
    pachd.babble()
    with told_soon(pachd, ".*HTTP/2"):
        await mount.write("login/robot:x")
    pachd.babble(None)
    assert token_of(await mount.write("login/robot:x"))


async def test_a_connection_lost_is_dialled_again(mount: Vault, pachd: Pachd) -> None:
    for _ in range(3):
        assert token_of(await mount.write("login/robot:x"))
        pachd.drop_connections()
        await settle()
    assert token_of(await mount.write("login/robot:x"))


@pytest.mark.parametrize("when", list(When))
async def test_a_connection_lost_in_mid_call(mount: Vault, pachd: Pachd, when: When) -> None:
    pachd.faults.drop(mint_method(pachd), when, times=1)
    with told_soon(pachd, "connection lost"):
        await mount.write("login/robot:x")
    assert token_of(await mount.write("login/robot:x"))


async def test_many_at_once_all_hear_of_it_soon(mount: Vault, pachd: Pachd) -> None:
    pachd.die()
    started = time.monotonic()
    answers = await asyncio.gather(
        *(mount.write("login/robot:x") for _ in range(50)), return_exceptions=True
    )
    assert time.monotonic() - started < 5
    assert all("connection refused" in str(answer) for answer in answers)


async def test_an_address_that_does_not_resolve(vault: Vault) -> None:
    await vault.write("config", admin_token="t", pachd_address="pachd.invalid", verify=False)
    started = time.monotonic()
    with pytest.raises(BackendError, match=r"pachd at pachd\.invalid: .*(resolved|no connection)"):
        await vault.write("login/robot:x")
    assert time.monotonic() - started < 5


@contextmanager
def looked_up_in(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """A nameserver that is slow, as all of them are behind a dead one."""
    over = threading.Event()
    ask = socket.getaddrinfo

    def slow(host: str, *arguments: Any, **options: Any) -> list[Any]:
        over.wait(seconds)
        return ask("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        yield
    finally:
        over.set()


async def test_a_dead_nameserver_and_the_time_to_wait_for_the_next(
    vault: Vault, v2: Simulator[PachdV2], monkeypatch: pytest.MonkeyPatch
) -> None:
    with looked_up_in(monkeypatch, 3.5):
        await vault.write(
            "config",
            admin_token=v2.root_token,
            pachd_address=f"pachd.test:{v2.port}",
            request_timeout="60s",
        )


async def test_a_dead_nameserver_and_no_time(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    await vault.write(
        "config",
        admin_token="t",
        pachd_address="pachd.test",
        verify=False,
        request_timeout="1s",
    )
    with (
        looked_up_in(monkeypatch, 20),
        pytest.raises(
            BackendError, match=r"the look-up of the name pachd\.test took longer than 0\.9 s"
        ),
    ):
        await vault.write("login/robot:x")


def test_the_time_to_reach_pachd_follows_request_timeout() -> None:
    for seconds in (1, 2, 3, 5, 10, 20, 60, 120):
        limits = patience(seconds)
        assert max(limits.lookup, limits.connect, limits.greeting) <= limits.whole < seconds
    assert patience(10).whole < 5
    assert patience(60).lookup > 20  # four look-ups of 5 s, for a list of three search domains


@pytest.mark.parametrize(
    ("code", "message", "status", "advice"),
    [
        (StatusCode.UNAUTHENTICATED, "bad token", 0, "write a valid admin_token"),
        (StatusCode.INTERNAL, "token expiration is in the past", 0, "write a valid admin_token"),
        (StatusCode.PERMISSION_DENIED, "robot:v needs permissions", 400, "robotUser"),
        (
            StatusCode.UNKNOWN,
            "robot:v is not authorized to perform this operation; must be an admin",
            400,
            "cluster admin",
        ),
        (StatusCode.UNIMPLEMENTED, "the auth service is not activated", 400, "auth activate"),
        (StatusCode.UNAVAILABLE, "the auth service is only partially activated", 0, "try again"),
        (StatusCode.UNKNOWN, "subject has unrecognized prefix: foo:", 400, "robot:name"),
        (StatusCode.UNKNOWN, "could not öffnen", 0, ""),
    ],
)
async def test_a_refusal_is_told_in_pachds_own_words_with_what_to_do(
    mount: Vault, pachd: Pachd, code: StatusCode, message: str, status: int, advice: str
) -> None:
    pachd.faults.refuse(mint_method(pachd), code, message)
    with pytest.raises(BackendError) as refusal:
        await mount.write("login/robot:x")
    assert refusal.value.status == status
    assert str(refusal.value).startswith(f"pachd at {pachd.address}: {message}")
    assert advice in str(refusal.value)


async def test_a_pachd_gone_without_a_word_is_dialled_again_though_calls_give_up_early(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    """As after a failover: calls end before their silence could be told from slowness."""
    await mount2.write("config", request_timeout="1s")
    await mount2.write("login/robot:x")
    v2.vanish()
    v2.thaw()
    with pytest.raises(BackendError, match="no answer within 1s"):
        await mount2.write("login/robot:x")
    await asyncio.sleep(4.5)  # with nothing to do
    assert token_of(await mount2.write("login/robot:x"))
