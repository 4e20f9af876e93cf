"""What sources leave behind at the end of a process, of a worker, of themselves."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from pachyderm_vault import TokenSource
from pachyderm_vault.endings import close_all
from tests.unit.client.vault import LOGIN, REVOKE, refused

if TYPE_CHECKING:
    from tests.unit.client.vault import Vault

CLIENT = Path(__file__).parents[3] / "client"
WORKERS = """
import multiprocessing, sys, hvac
from pachyderm_vault import TokenSource

def work(source=None):
    source = source or TokenSource({path!r}, hvac.Client({address!r}, "vault"))
    print(source.credentials().lease_id, flush=True)

if __name__ == "__main__":
    kind, inherited = sys.argv[1:]
    mine = TokenSource({path!r}, hvac.Client({address!r}, "vault"))
    worker = multiprocessing.get_context(kind).Process(
        target=work, args=(mine,) if inherited else ()
    )
    worker.start()
    worker.join()
    sys.exit(worker.exitcode)
"""


def source(host: Vault) -> TokenSource:
    return TokenSource(LOGIN, host.client("vault"))


def test_what_a_forgotten_source_had_is_revoked_at_the_end(host: Vault) -> None:
    one = source(host)
    lease_id = one.credentials().lease_id
    forgotten = weakref.ref(one)
    del one
    deadline = time.monotonic() + 10
    while forgotten() is not None and time.monotonic() < deadline:
        time.sleep(0.05)  # while the keeper looks at it
        gc.collect()
    assert forgotten() is None
    assert host.revoked == []
    close_all()
    assert host.revoked == [lease_id]


def test_a_silent_vault_holds_nobody_up_at_the_end(host: Vault) -> None:
    sources = [source(host) for _ in range(12)]
    for one in sources:
        one.credentials()
    silent = threading.Event()
    host.answers[REVOKE] = lambda _: refused(503) if silent.wait(30) else refused(500)
    began = time.monotonic()
    close_all(patience=0.5)
    took = time.monotonic() - began
    silent.set()
    assert took < 4  # at half a second for each it would be 6
    assert all(one.closed for one in sources)


def test_a_worker_of_multiprocessing_revokes_its_own_at_its_end(
    host: Vault, tmp_path: Path
) -> None:
    script = tmp_path / "workers.py"
    script.write_text(WORKERS.format(path=LOGIN, address=host.address))
    for kind, inherited in (("fork", "its parent's"), ("fork", ""), ("forkserver", "")):
        done = subprocess.run(
            [sys.executable, script, kind, inherited],
            env={"PYTHONPATH": str(CLIENT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert host.revoked == [done.stdout.strip()], kind
        host.revoked.clear()
