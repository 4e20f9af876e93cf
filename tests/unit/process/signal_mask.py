"""What signals a process that was just started holds back."""

import asyncio
import signal
from pathlib import Path

from tests.unit.process.plugin_host import SOON


async def protected(process: asyncio.subprocess.Process) -> None:
    """Wait until a process that was just started holds back SIGTERM, the last thing it sees to."""
    async with asyncio.timeout(SOON):
        while True:
            status = Path(f"/proc/{process.pid}/status").read_text()  # noqa: ASYNC240 - no disk
            [blocked] = [line for line in status.splitlines() if line.startswith("SigBlk")]
            if int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                return
            await asyncio.sleep(0)
