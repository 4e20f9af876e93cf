"""Requests in flight while the configuration changes under them."""

import asyncio

from tests.unit.engine.cluster import Pachd, mint_method, sent
from tests.unit.engine.vault import Vault, lease_of, token_of


async def test_a_login_under_way_ends_where_it_began(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    await mount.write("login/robot:warm")
    pachd.faults.slow(mint_method(pachd), 0.3)
    under_way = [asyncio.ensure_future(mount.write("login/robot:x")) for _ in range(4)]
    await asyncio.sleep(0)
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    for response in await asyncio.gather(*under_way):
        assert pachd.subject_of(token_of(response)) == "robot:x"
        assert lease_of(response).internal["pachd_address"] == pachd.address
    assert sent(other) == {other.root_token}
    assert other.root_token not in sent(pachd)


async def test_a_login_that_has_not_called_yet_when_config_changes(
    mount: Vault, pachd: Pachd
) -> None:
    """Its configuration is forgotten and the connection closed, but it may still call."""
    await mount.write("login/robot:warm")
    mount.delay = 0.1  # it waits for the host to tell the mount's maximum
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await asyncio.sleep(0.05)
    assert not task.done()
    await mount.backend.invalidate("config")
    async with asyncio.timeout(5):
        assert pachd.subject_of(token_of(await task)) == "robot:x"


async def test_the_old_admin_token_never_reaches_the_new_address(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    clusters = [pachd, other]
    stop = asyncio.Event()
    answers = []

    async def log_in(n: int) -> None:
        while not stop.is_set():
            answers.append(await mount.write(f"login/robot:{n}"))

    async def move() -> None:
        for turn in range(1, 20):
            there = clusters[turn % 2]
            await mount.write(
                "config",
                admin_token=there.root_token,
                pachd_address=there.address,
                verify=bool(turn % 3),
            )
            await asyncio.sleep(0.01)
        stop.set()

    await asyncio.gather(move(), *(log_in(n) for n in range(6)))
    for cluster in clusters:
        assert sent(cluster) == {cluster.root_token}
    by_address = {cluster.address: cluster for cluster in clusters}
    assert {r.data["pachd_address"] for r in answers if r.data} == by_address.keys()
    for response in answers:
        assert response.data is not None
        there = by_address[response.data["pachd_address"]]
        assert there.subject_of(token_of(response)) is not None


async def test_two_writes_at_once_do_not_mix(mount: Vault, pachd: Pachd, other: Pachd) -> None:
    for _ in range(5):
        await asyncio.gather(
            *(
                mount.write("config", admin_token=there.root_token, pachd_address=there.address)
                for there in (pachd, other)
            ),
            mount.write("config", ttl="7m", verify=False),
        )
        response = await mount.write("login/robot:x")
        assert token_of(response)
        assert lease_of(response).ttl == 420
    for there in (pachd, other):
        assert sent(there) == {there.root_token}


async def test_a_configuration_read_while_it_is_replaced_is_not_kept(
    mount: Vault, pachd: Pachd
) -> None:
    mount.delay = 0.05
    reading = asyncio.ensure_future(mount.write("login/robot:x"))
    await asyncio.sleep(0.02)
    await mount.backend.invalidate("config")
    mount.entries["config"] = mount.entries["config"].replace(b'"ttl": 1200', b'"ttl": 77')
    await reading
    assert lease_of(await mount.write("login/robot:x")).ttl == 77
    assert pachd.live()["robot:x"] == 2
