"""Every way the simulator can misbehave, seen from a client that behaves."""

import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from grpc import StatusCode

from shim.http2.frames import PREFACE
from tests.pachd import PachdV2, Simulator, When, self_signed
from tests.pachd.impostors import IMPOSTORS, NOT_HTTP2
from tests.unit.pachd.caller import Caller
from tests.unit.pachd.refused import refused

WHO = "/auth_v2.API/WhoAmI"
MINT = "/auth_v2.API/GetRobotToken"


@pytest.fixture
def pachd() -> Iterator[Simulator[PachdV2]]:
    with Simulator(PachdV2()) as simulator:
        yield simulator


@pytest.fixture
def call(pachd: Simulator[PachdV2]) -> Iterator[Caller]:
    with Caller(pachd.address) as caller:
        yield caller


def minted(pachd: Simulator[PachdV2]) -> int:
    return pachd.live()["robot:user"]


def read_to_the_end(client: socket.socket) -> None:
    while client.recv(4096):
        pass


@pytest.mark.parametrize(("when", "effect"), [(When.BEFORE, 0), (When.AFTER, 1)])
def test_slow(pachd: Simulator[PachdV2], call: Caller, when: When, effect: int) -> None:
    pachd.faults.slow("GetRobotToken", 30, when)
    with refused(StatusCode.DEADLINE_EXCEEDED):
        call(MINT, pachd.root_token, robot="user", timeout=1.5)
    assert minted(pachd) == effect
    assert call(WHO, pachd.root_token).username == "pach:root", "other methods are not slow"


def test_slow_but_in_time(pachd: Simulator[PachdV2], call: Caller) -> None:
    pachd.faults.slow("*", 0.2)
    started = time.monotonic()
    call(WHO, pachd.root_token)
    assert time.monotonic() - started >= 0.2
    pachd.faults.clear()


@pytest.mark.parametrize(("when", "effect"), [(When.BEFORE, 0), (When.AFTER, 1)])
def test_drop(pachd: Simulator[PachdV2], call: Caller, when: When, effect: int) -> None:
    pachd.faults.drop("GetRobotToken", when, times=1)
    with Caller(pachd.address) as bystander:
        bystander(WHO, pachd.root_token)
        with refused(StatusCode.UNAVAILABLE) as outcome:
            call(MINT, pachd.root_token, robot="user")
        assert "the connection was dropped" not in outcome.message, "no status may arrive"
        assert minted(pachd) == effect
        bystander(WHO, pachd.root_token)


@pytest.mark.parametrize(("when", "effect"), [(When.BEFORE, 0), (When.AFTER, 1)])
def test_refuse(pachd: Simulator[PachdV2], call: Caller, when: When, effect: int) -> None:
    pachd.faults.refuse("GetRobotToken", StatusCode.RESOURCE_EXHAUSTED, "nö", when, times=2)
    for turn in (1, 2):
        with refused(StatusCode.RESOURCE_EXHAUSTED, "nö"):
            call(MINT, pachd.root_token, robot="user")
        assert minted(pachd) == effect * turn
    call(MINT, pachd.root_token, robot="user")


def test_die_and_come_back(pachd: Simulator[PachdV2], call: Caller) -> None:
    token = call(MINT, pachd.root_token, robot="user").token
    address, port = pachd.address, pachd.port
    pachd.die()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((pachd.host, port), timeout=5)
    with refused(StatusCode.UNAVAILABLE):
        call(WHO, token)
    pachd.restart()
    assert pachd.address == address
    with Caller(address) as again:
        assert again(WHO, token).username == "robot:user", "the state has stayed"


def test_drop_connections(pachd: Simulator[PachdV2]) -> None:
    with socket.create_connection((pachd.host, pachd.port), timeout=10) as client:
        assert client.recv(9), "the server's settings"
        assert pachd.connections == 1
        pachd.drop_connections()
        with pytest.raises(ConnectionResetError):
            read_to_the_end(client)


def test_half_open(pachd: Simulator[PachdV2], call: Caller) -> None:
    call(WHO, pachd.root_token)
    pachd.freeze()
    with refused(StatusCode.DEADLINE_EXCEEDED):
        call(WHO, pachd.root_token, timeout=0.3)
    with socket.create_connection((pachd.host, pachd.port), timeout=0.3) as client:
        with pytest.raises(TimeoutError):
            client.recv(1)
        pachd.thaw()
        client.settimeout(10)
        assert client.recv(9), "what waited comes through"
    assert call(WHO, pachd.root_token).username == "pach:root"


def test_vanished(pachd: Simulator[PachdV2]) -> None:
    with socket.create_connection((pachd.host, pachd.port), timeout=10) as old:
        assert old.recv(9), "the server's settings"
        pachd.vanish()
        with socket.create_connection((pachd.host, pachd.port), timeout=0.3) as new:
            with pytest.raises(TimeoutError):
                new.recv(1)
            pachd.thaw()
            new.settimeout(10)
            assert new.recv(9), "whoever came meanwhile is served"
        old.settimeout(0.3)
        old.sendall(PREFACE)
        with pytest.raises(TimeoutError):
            read_to_the_end(old)


def test_behind_a_dead_route(pachd: Simulator[PachdV2], call: Caller) -> None:
    pachd.deafen()
    with pytest.raises(TimeoutError):
        socket.create_connection((pachd.host, pachd.port), timeout=0.5)
    pachd.restart()
    assert call(WHO, pachd.root_token).username == "pach:root"


def test_an_impostor_goes_with_its_connections(pachd: Simulator[PachdV2]) -> None:
    pachd.babble(IMPOSTORS["nothing"])
    with socket.create_connection((pachd.host, pachd.port), timeout=0.3) as client:
        with pytest.raises(TimeoutError):
            client.recv(1)
        pachd.babble(None)
        pachd.drop_connections()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_garbage(pachd: Simulator[PachdV2]) -> None:
    pachd.babble()
    with socket.create_connection((pachd.host, pachd.port), timeout=10) as client:
        assert client.recv(len(NOT_HTTP2), socket.MSG_WAITALL) == NOT_HTTP2
    with Caller(pachd.address) as call, refused(StatusCode.UNAVAILABLE):
        call(WHO, pachd.root_token)
    pachd.babble(None)
    with Caller(pachd.address) as call:
        assert call(WHO, pachd.root_token).username == "pach:root"


def test_tls_and_another_certificate_on_the_same_port() -> None:
    first, second = (self_signed("localhost", "127.0.0.1") for _ in range(2))
    with Simulator(PachdV2(), certificate=first) as pachd:
        with Caller(pachd.address, roots=first.certificate) as call:
            assert call(WHO, pachd.root_token).username == "pach:root"
        with Caller(pachd.address) as plain, refused(StatusCode.UNAVAILABLE):
            plain(WHO, pachd.root_token)
        assert ssl.get_server_certificate((pachd.host, pachd.port)).encode() == first.certificate
        pachd.restart(second)
        with Caller(pachd.address, first.certificate) as old, refused(StatusCode.UNAVAILABLE):
            old(WHO, pachd.root_token)
        with Caller(pachd.address, roots=second.certificate) as call:
            assert call(WHO, pachd.root_token).username == "pach:root"


def test_the_journal_tells_who_called_what(pachd: Simulator[PachdV2], call: Caller) -> None:
    token = call(MINT, pachd.root_token, robot="user").token
    call(WHO, token)
    with refused(StatusCode.UNAUTHENTICATED):
        call(WHO, "nobody's")
    assert pachd.counts() == {"GetRobotToken": 1, "WhoAmI": 2}
    assert [entry.subject for entry in pachd.journal("WhoAmI")] == ["robot:user", None]
    assert [entry.code for entry in pachd.journal("WhoAmI")] == [
        StatusCode.OK,
        StatusCode.UNAUTHENTICATED,
    ]
    assert token not in repr(pachd.journal()), "tokens appear in no repr"
    pachd.forget()
    assert not pachd.journal()
