"""A tuned maximum is obeyed by all that begins 50 ms later, however busy the mount is."""

import threading
import time
from typing import NamedTuple

import pytest

from tests.integration.mount import Login, Mount
from tests.integration.tuning import tune

HOUR = 3600
SLACK = 30  # seconds: of a token's margin, and of this machine


class Seen(NamedTuple):
    """A lease that was given or renewed: when it was asked for, its seconds, its token."""

    begun: float
    seconds: int
    token: str


class Busy:
    """Logs in and renews in several threads, so that the maximum is asked for all the time."""

    def __init__(self, mount: Mount) -> None:
        self.logins: list[Seen] = []
        self.renewals: list[Seen] = []
        self.failures: list[Exception] = []
        self._mount = mount
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(4)]

    def __enter__(self) -> "Busy":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while not self._over.is_set():
                begun = time.monotonic()
                login = self._mount.login(ttl="4h")
                self.logins.append(Seen(begun, login.seconds, login.token))
                begun = time.monotonic()
                self.renewals.append(Seen(begun, self._renewed(login), login.token))
        except Exception as error:
            self.failures.append(error)

    def _renewed(self, login: Login) -> int:
        body = {"lease_id": login.lease, "increment": 4 * HOUR}
        seconds: int = self._mount.ask("PUT", "/v1/sys/leases/renew", body)["lease_duration"]
        return seconds

    def since(self, begun: float) -> tuple[list[Seen], list[Seen]]:
        """The logins and renewals asked for from then on, some of each."""
        while not self.failures:
            found = tuple([s for s in seen if s.begun >= begun] for seen in self._kinds)
            if min(map(len, found)) >= 5:
                return found[0], found[1]
            time.sleep(0.01)
        raise self.failures[0]

    @property
    def _kinds(self) -> tuple[list[Seen], list[Seen]]:
        return list(self.logins), list(self.renewals)


def test_a_tuned_maximum_is_obeyed_in_both_directions(mount: Mount) -> None:
    tune(mount, max_lease_ttl="4h")
    with Busy(mount) as busy:
        for hours in (1, 2, 1, 4):
            tune(mount, max_lease_ttl=f"{hours}h")
            logins, renewals = busy.since(time.monotonic())
            for seen in logins:
                # Not the lease alone, which the host cuts by itself: the token was asked for it.
                end = mount.pachd.ends(seen.token)
                assert seen.seconds == hours * HOUR
                assert end is not None
                assert end - time.time() == pytest.approx(hours * HOUR, abs=SLACK)
            longest = max(seen.seconds for seen in renewals)
            assert hours * HOUR - SLACK <= longest <= hours * HOUR
    assert not busy.failures
