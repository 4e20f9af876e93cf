"""A process whose event loop hangs ends by itself, and no other does."""

import asyncio
import signal

import pytest

from shim.grpc import RpcError, Status
from tests.unit.process.echo_plugin import HANGS
from tests.unit.process.plugin_host import (
    HOST,
    SOON,
    Connected,
    Launched,
    connect,
    connected,
    start,
)

TICK = 0.5  # seconds; the plugin's own is longer
UNHEARD = ("deaf", "standard error")  # hangs of which the log does not tell as of the others
LATE = 30.0


async def cut_off(host: Connected, path: str, data: str) -> None:
    """Ask, and be told at once that there is nobody any more."""
    with pytest.raises(RpcError) as error:
        await host.ask(path, data, timeout=LATE)
    assert error.value.code == Status.UNAVAILABLE


async def hang(host: Connected, how: str) -> int:
    """Have the plugin hang while another call is under way: its exit status."""
    innocent = asyncio.create_task(cut_off(host, "sleep", "600"))
    await host.ask("status")  # asked later, answered: the other is under way
    await cut_off(host, "hang", how)
    await innocent
    return await host.plugin.ended()


@pytest.mark.parametrize("how", [how for how in HANGS if how not in UNHEARD])
async def test_a_hang_ends_the_process_with_its_stack_in_the_log(how: str) -> None:
    async with connected(ECHO_TICK=str(TICK)) as host:
        assert await hang(host, how) == 1
    [said] = [line for line in host.plugin.logs if line["@module"] == "shim.process.watchdog"]
    assert said["@level"] == "error"
    assert "hangs" in said["@message"]
    assert "echo_plugin.py" in said["stacktrace"]
    assert "in answer" in said["stacktrace"]


async def test_a_hang_that_lets_no_python_run_ends_too() -> None:
    async with connected(ECHO_TICK=str(TICK)) as host:
        assert await hang(host, "deaf") == -signal.SIGPROF
    said = b"".join(host.plugin.stderr).decode()
    assert "most recent call first" in said
    assert "echo_plugin.py" in said


async def test_a_host_that_does_not_read_does_not_keep_it_alive() -> None:
    process = await start(ECHO_TICK=str(TICK))
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), SOON)).decode()
        async with connect(Launched(process, line, HOST)) as host:
            await cut_off(host, "hang", "standard error")
    except BaseException:
        process.kill()
        raise
    finally:
        await process.communicate()
    assert process.returncode == 1


async def test_the_log_shows_no_value() -> None:
    async with connected(ECHO_TICK=str(TICK)) as host:
        await cut_off(host, "hold", "hvs.secret")
        await host.plugin.ended()
    assert any("hangs" in line["@message"] for line in host.plugin.logs)
    assert b"hvs.secret" not in b"".join(host.plugin.stderr)


async def test_a_loop_that_comes_round_in_time_lives_on() -> None:
    async with connected(ECHO_TICK=str(TICK)) as host:
        await host.ask("labour", str(TICK * 0.7), timeout=LATE)
        assert await host.ask("status")


async def test_a_process_that_was_stopped_lives_on() -> None:
    async with connected(ECHO_TICK=str(TICK)) as host:
        for pause in (4.0, 4.3, 4.6):  # ticks, whole or not
            host.plugin.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(pause * TICK)
            host.plugin.process.send_signal(signal.SIGCONT)
            assert await host.ask("status", timeout=LATE)
        await asyncio.sleep(4 * TICK)
        assert await host.ask("status")
