"""The executable finds names by /etc/hosts and DNS, with nothing of the machine's to help it."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import IPV6, needs_ipv6
from tests.unit.build.conftest import Built
from tests.unit.build.nameserver import AAAA, SERVFAIL, A, Nameserver, Question
from tests.unit.process.namespaces import apart, inside, network_of

pytestmark = pytest.mark.timeout(900)  # the first build of an executable takes minutes

NONAME, AGAIN, NODATA = -2, -3, -5  # netdb.h
MANY = [f"192.0.2.{host}" for host in range(1, 200)] + [f"2001:db8::{n:x}" for n in range(1, 200)]
ZONE: Mapping[str, list[str] | int | None] = {
    "four.example": ["192.0.2.4"],
    "six.example": ["2001:db8::6"],
    "both.example": ["192.0.2.4", "2001:db8::6"],
    "many.example": MANY,
    "alias.example": ["other.example"],
    "other.example": ["both.example"],
    "hosted.example": ["192.0.2.66"],
    "xn--bcher-kva.example": ["192.0.2.7"],
    "pachd.corp.example": ["192.0.2.8"],
    "pachd.evil.example": ["192.0.2.66"],
    "pachd.work.svc.cluster.local": ["192.0.2.9"],
    "empty.example": [],
    "failing.example": SERVFAIL,
    "silent.example": None,
}
HOSTS = ("127.0.0.1", "::1" if IPV6 else "127.0.0.2")
USUAL, OTHER = (f"nameserver {host}\n" for host in HOSTS)


@dataclasses.dataclass
class Machine:
    """A network with two name servers in it, and an /etc of its own."""

    pid: int
    etc: Path
    program: Built
    server: Nameserver
    other: Nameserver

    def told(self, resolv: str | None = USUAL, hosts: str = "", switch: str | None = "") -> None:
        """Write what stands in resolv.conf, hosts and nsswitch.conf."""
        for name, text in (("resolv", resolv), ("nsswitch", switch)):
            (self.etc / f"{name}.conf").unlink(missing_ok=True)
            if text is not None:
                (self.etc / f"{name}.conf").write_text(text)
        (self.etc / "hosts").write_text(hosts)

    def run(self, *arguments: str, env: Mapping[str, str] = {}) -> Any:
        """What the program answers."""
        seen = self.program.witness(*arguments, env=env, within=inside(self.pid))
        assert seen["mapped"] == [str(self.program.path)]
        return seen["answer"]

    def found(self, *names: str, env: Mapping[str, str] = {}) -> dict[str, Any]:
        """The addresses of each name, sorted; a number where there are none."""
        answer = self.run("names", *names, env=env)
        return {n: v if isinstance(v, int) else sorted(v) for n, v in answer.items()}


@pytest.fixture(scope="module")
def started(asker: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    etc = tmp_path_factory.mktemp("etc")
    with apart(f"mount --bind {etc} /etc") as pid, contextlib.ExitStack() as stack:
        with network_of(pid):
            servers = [stack.enter_context(Nameserver(host, ZONE)) for host in HOSTS]
        yield Machine(pid, etc, asker, *servers)


@pytest.fixture
def machine(started: Machine) -> Machine:
    for server in (started.server, started.other):
        server.asked.clear()
    started.told()
    return started


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("four.example", ["192.0.2.4"]),
        ("six.example", ["2001:db8::6"]),
        ("both.example", ["192.0.2.4", "2001:db8::6"]),
        ("alias.example", ["192.0.2.4", "2001:db8::6"]),
        ("FOUR.example.", ["192.0.2.4"]),
        ("bücher.example", ["192.0.2.7"]),
        ("nowhere.example", NONAME),
        ("empty.example", NODATA),
        ("failing.example", AGAIN),
    ],
)
def test_what_dns_says(machine: Machine, name: str, addresses: list[str] | int) -> None:
    assert machine.found(name) == {name: addresses}
    assert {question.kind for question in machine.server.asked} == {A, AAAA}
    assert machine.other.asked == []


def test_more_than_a_datagram_holds_is_asked_again_over_tcp(machine: Machine) -> None:
    assert machine.found("many.example") == {"many.example": sorted(MANY)}
    kinds = (A, AAAA)
    assert {*machine.server.asked} == {
        Question(protocol, "many.example", kind) for protocol in ("udp", "tcp") for kind in kinds
    }


def test_a_resolver_that_is_to_be_asked_over_tcp(machine: Machine) -> None:
    machine.told(f"{USUAL}options use-vc\n")
    assert machine.found("both.example")["both.example"] == ["192.0.2.4", "2001:db8::6"]
    assert {question.protocol for question in machine.server.asked} == {"tcp"}


def test_many_names_at_once(machine: Machine) -> None:
    names = ["four.example", "six.example", "both.example", "many.example", "nowhere.example"]
    found = machine.found(*names, *(f"n{number}.example" for number in range(40)))
    assert [found[name] for name in names] == [
        *(["192.0.2.4"], ["2001:db8::6"], ["192.0.2.4", "2001:db8::6"], sorted(MANY), NONAME)
    ]


@needs_ipv6
def test_a_resolver_that_is_reached_by_ipv6(machine: Machine) -> None:
    machine.told(OTHER)
    assert machine.found("both.example", "many.example") == {
        "both.example": ["192.0.2.4", "2001:db8::6"],
        "many.example": sorted(MANY),
    }
    assert {question.protocol for question in machine.other.asked} == {"udp", "tcp"}
    assert machine.server.asked == []


def test_a_dead_resolver_before_one_that_answers(machine: Machine) -> None:
    machine.told(f"nameserver 127.0.0.9\n{OTHER}")
    assert machine.found("four.example") == {"four.example": ["192.0.2.4"]}


def test_without_a_configuration_the_machine_itself_is_asked(machine: Machine) -> None:
    machine.told(None)
    assert machine.found("four.example") == {"four.example": ["192.0.2.4"]}


@pytest.mark.parametrize(
    ("resolv", "name", "asked", "address"),
    [
        (
            "search lab.example corp.example\n",
            "pachd",
            ["pachd.lab.example", "pachd.corp.example"],
            "192.0.2.8",
        ),
        ("domain corp.example\n", "pachd", ["pachd.corp.example"], "192.0.2.8"),
        (
            "search other.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
            "pachd.work",
            ["pachd.work.other.svc.cluster.local", "pachd.work.svc.cluster.local"],
            "192.0.2.9",
        ),
        ("search corp.example\n", "four.example", ["four.example"], "192.0.2.4"),
        ("search corp.example\n", "four.example.", ["four.example"], "192.0.2.4"),
    ],
)
def test_search_domains(
    machine: Machine, resolv: str, name: str, asked: list[str], address: str
) -> None:
    machine.told(USUAL + resolv)
    assert machine.found(name) == {name: [address]}
    assert list(dict.fromkeys(question.name for question in machine.server.asked)) == asked


def test_a_name_in_the_hosts_file_is_not_asked_for(machine: Machine) -> None:
    machine.told(
        hosts="192.0.2.1 hosted.example hosted # 192.0.2.3\n2001:db8::1 hosted.example\n"
        "192.0.2.2 hosted.example\n"
    )
    addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    assert machine.found("hosted.example", "hosted") == {
        "hosted.example": addresses,
        "hosted": ["192.0.2.1"],
    }
    assert machine.server.asked == []
    machine.told(hosts="192.0.2.1 another.example\n")
    assert machine.found("hosted.example") == {"hosted.example": ["192.0.2.66"]}


@pytest.mark.parametrize(
    "switch",
    [
        None,
        "",
        "hosts: evil [NOTFOUND=return] mymachines\npasswd: evil\n",
        "hosts:\n",
        "hosts: files [!UNAVAIL=return]\n",
        "hosts: dns\n",
        "\0\xff" * 500 + "\nhosts: [[[\n",
    ],
)
def test_no_other_configuration_counts(machine: Machine, switch: str | None) -> None:
    machine.told(hosts="192.0.2.1 hosted.example\n", switch=switch)
    found = machine.found("hosted.example", "four.example", "nowhere.example")
    assert found == {
        "hosted.example": ["192.0.2.1"],
        "four.example": ["192.0.2.4"],
        "nowhere.example": NONAME,
    }


def test_host_conf_does_not_count_either(machine: Machine) -> None:
    (machine.etc / "host.conf").write_text("multi off\ntrim .example\n")
    try:
        machine.told(hosts="192.0.2.1 hosted.example\n192.0.2.2 hosted.example\n")
        assert machine.found("hosted.example") == {"hosted.example": ["192.0.2.1", "192.0.2.2"]}
    finally:
        (machine.etc / "host.conf").unlink()


def test_the_environment_does_not_count_either(machine: Machine, tmp_path: Path) -> None:
    aliases = tmp_path / "aliases"
    aliases.write_text("pachd pachd.evil.example\n")
    machine.told(f"{USUAL}search corp.example\n")
    variables = {
        "HOSTALIASES": str(aliases),
        "LOCALDOMAIN": "evil.example",
        "RES_OPTIONS": "ndots:9 attempts:0",
        "RESOLV_MULTI": "off",
    }
    assert machine.found("pachd", env=variables) == {"pachd": ["192.0.2.8"]}


def test_the_process_ends_while_a_name_is_looked_up(machine: Machine) -> None:
    machine.told(f"{USUAL}options timeout:30\n")
    begun = time.monotonic()
    assert machine.run("leave", "silent.example") == "left"
    assert time.monotonic() - begun < 20
