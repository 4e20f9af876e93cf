"""A program that is always signed in, and calls pachd again and again until its input ends.

Run by any Python that has the client: it prints a line of JSON for each call, ``[began, ended,
error]`` in Unix seconds, and now and then its size, ``[kilobytes, threads, logins, renewals]``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")

from pachyderm_vault import AppRole, TokenSource, connect  # noqa: E402

PAUSE = 0.02  # seconds between two calls
SIZED = 50  # calls from one look at its own size to the next


def size() -> list[int]:
    """Resident kilobytes and threads of this process."""
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return [int(lines["VmRSS"].split()[0]), int(lines["Threads"])]


def end(over: threading.Event) -> None:
    """Set `over` once there is no more input."""
    sys.stdin.read()
    over.set()


def main() -> None:
    """Call."""
    over = threading.Event()
    threading.Thread(target=end, args=(over,), daemon=True).start()
    sign_in = AppRole(os.environ["ROLE_ID"], os.environ["SECRET_ID"])
    with TokenSource(sys.argv[1], sign_in=sign_in) as source:
        client = connect(source)
        who_am_i = client.auth.who_am_i if hasattr(client, "auth") else client.who_am_i
        number = 0
        while not over.wait(PAUSE):
            began = time.time()
            error: str | None = None
            try:
                assert who_am_i().username == "robot:live"
            except Exception as failed:
                error = f"{type(failed).__name__}: {failed}"[:300]
            print(json.dumps([began, time.time(), error]), flush=True)
            number += 1
            if number % SIZED == 0:
                counts = [source.counts["logins"], source.counts["renewals"]]
                print(json.dumps(size() + counts), flush=True)


main()
