"""Tuning a mount's TTLs."""

import time

from tests.integration.mount import Mount

REMEMBERED = 0.05  # seconds for which a mount may go by the TTLs of before


def tune(mount: Mount, **ttls: str) -> None:
    """Tune, and let pass the moment for which a mount remembers its TTLs."""
    mount.ask("POST", f"/v1/sys/mounts/{mount.path}/tune", ttls)
    time.sleep(REMEMBERED)
