"""Signals that a real plugin process gets with its server, or alone."""

import asyncio
import signal

from shim.process.signals import IGNORED
from tests.unit.process.plugin_host import SOON, connected, start
from tests.unit.process.signal_mask import protected


async def test_what_is_meant_for_the_server_leaves_it_alone() -> None:
    async with connected() as host:
        for number in IGNORED:
            host.plugin.process.send_signal(number)
            assert await host.ask("status"), number.name
        await host.ask("labour", "0.001")
        await host.shut_down()
        assert await host.plugin.ended() == 0


async def test_from_its_start_on() -> None:
    process = await start()
    await protected(process)
    for number in (*IGNORED, signal.SIGTERM):
        process.send_signal(number)
    assert process.stdout is not None
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stdout.readline(), SOON)
    assert line.startswith(b"1|5|unix|")
    said = await asyncio.wait_for(process.stderr.readline(), SOON)
    assert b"SIGTERM: serving until the host is gone" in said
    assert process.returncode is None
    process.kill()
    await process.communicate()


async def test_on_sigterm_it_serves_until_the_host_is_gone() -> None:
    async with connected() as host:
        for _ in range(2):
            host.plugin.process.send_signal(signal.SIGTERM)
            assert await host.ask("status")
        await host.shut_down()
        assert await host.plugin.ended() == 0
    assert not host.plugin.socket.parent.exists()
    assert [line["@message"] for line in host.plugin.logs if "SIGTERM" in line["@message"]] == [
        "SIGTERM: serving until the host is gone, 60 s at most"
    ]


async def test_but_not_for_ever() -> None:
    async with connected(ECHO_FAREWELL="0.2") as host:
        host.plugin.process.send_signal(signal.SIGTERM)
        assert await host.plugin.ended() == 0
    assert not host.plugin.socket.parent.exists()
    assert any(line["@message"] == "closed" for line in host.plugin.logs)
