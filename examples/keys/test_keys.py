"""The example's own tests, on a host in memory and the service it makes keys of."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from examples.keys.keys import backend
from examples.keys.service import Service
from shim import BackendError, ReplicationState, UserError
from shim.testing import MemoryHost, status_of


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
async def host(service: Service) -> AsyncIterator[MemoryHost]:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    async with MemoryHost(backend) as host:
        await host.write("config", url=service.url, password=service.password)
        await host.write("roles/ci", owner="robots", ttl="10m")
        yield host


async def test_a_key_lives_as_long_as_its_lease(host: MemoryHost, service: Service) -> None:
    answer = await host.read("creds/ci")
    assert answer.data is not None
    assert answer.lease is not None
    assert service.keys == {answer.data["id"]: "robots"}
    await host.advance(500)
    await host.renew(answer.lease)
    assert host.held(answer.lease).ttl == 600
    await host.advance(500)
    assert service.keys
    await host.advance(101)
    assert not service.keys
    assert not host.leases


async def test_a_revocation_is_tried_until_the_service_is_back(
    host: MemoryHost, service: Service
) -> None:
    lease = (await host.read("creds/ci")).lease
    assert lease is not None
    service.down = True
    with pytest.raises(BackendError, match="refuses DELETE"):
        await host.revoke(lease)
    assert host.leases
    service.down = False
    await host.revoke(lease)
    assert not service.keys
    assert not host.leases


async def test_a_revocation_that_comes_twice_succeeds_twice(host: MemoryHost) -> None:
    lease = (await host.read("creds/ci")).lease
    assert lease is not None
    await host.revoke(lease)
    await host.revoke(host.hold(lease))
    assert not host.leases


async def test_a_crash_in_mid_mint_leaves_no_key(host: MemoryHost, service: Service) -> None:
    step = 0
    died = True
    while died:
        step += 1
        died = await host.killed_at(step, host.read("creds/ci"))
        if died:
            await asyncio.to_thread(str)  # the only thread: what was on its way has arrived
            await host.advance(700)
            await host.roll_back(immediate=False)
            assert not service.keys, step
            assert not [key for key in host.entries if key.startswith("wal/")], step
    assert step > 8
    assert len(service.keys) == 1


async def test_a_password_that_is_rotated_is_known_wherever_it_dies(
    host: MemoryHost, service: Service
) -> None:
    step = 1
    while await host.killed_at(step, host.write("config/rotate")):
        step += 1
        await host.write("config/rotate")
        await host.read("creds/ci")
    assert step > 5
    assert service.password != "correct horse"
    assert "password" not in ((await host.read("config")).data or {})


async def test_roles_are_listed_in_pages(host: MemoryHost) -> None:
    await host.write("roles/a", owner="ann")
    await host.write("roles/b", owner="bob")
    assert await host.list("roles") == ["a", "b", "ci"]
    assert await host.list("roles", after="a", limit=1) == ["b"]
    await host.delete("roles/a")
    assert await host.list("roles") == ["b", "ci"]


async def test_what_a_caller_must_change_is_said(host: MemoryHost) -> None:
    with pytest.raises(UserError, match="no role 'nobody'") as error:
        await host.read("creds/nobody")
    assert status_of(error.value) == 400
    with pytest.raises(UserError, match="missing required field 'owner'"):
        await host.write("roles/x")


async def test_the_mount_caps_a_role(host: MemoryHost) -> None:
    host.max_ttl = 60
    answer = await host.read("creds/ci")
    assert answer.lease is not None
    assert answer.lease.ttl == 60
    assert "capped to 1m0s" in answer.warnings[0]


async def test_a_standby_makes_no_key(host: MemoryHost, service: Service) -> None:
    host.state = ReplicationState.PERFORMANCE_STANDBY
    await host.restart()
    with pytest.raises(BackendError, match="cannot write to readonly storage"):
        await host.read("creds/ci")
    assert not service.keys
