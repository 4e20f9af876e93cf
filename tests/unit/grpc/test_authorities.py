"""The system's trust, found where other distributions have it, by handshakes on real sockets."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from shim.grpc import Channel, RpcError, Server, authorities, trust_bundle, trust_system
from tests.unit.grpc.certificates import identity

if TYPE_CHECKING:
    from pathlib import Path

FILES, DIRECTORIES = authorities.FILES, authorities.DIRECTORIES
NAMES = ("red", "blue", "green")
BROKEN = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n".format


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three servers' certificates, each its own authority, with their keys."""
    folder = tmp_path_factory.mktemp("made")
    return {name: identity(folder, name) for name in NAMES}


class System:
    """A root directory of the test's own, in which the system's trust is looked for."""

    def __init__(self, root: Path, made: dict[str, Path]) -> None:
        self.root = root
        self._made = made

    def text(self, name: str) -> str:
        """One of the certificates, PEM, after its key."""
        return self._made[name].read_text()

    def write(self, path: str, *texts: str, names: tuple[str, ...] = ()) -> Path:
        """A file below the root: words, then the certificates called `names`."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join([*texts, *map(self.text, names)]))
        return file

    async def trusted(self) -> set[str]:
        """The names of the servers that a client with the system's trust accepts."""
        return {name for name, own in self._made.items() if await _accepted(own) is None}


async def _accepted(own: Path) -> str | None:
    """Why a client with the system's trust does not accept a server; None where it does."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(own)
    server = Server()
    port = await server.listen_tcp("127.0.0.1", 0, shown)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust_system(context)
    channel = Channel.tcp("127.0.0.1", port, tls=context, server_hostname="localhost")
    try:
        await channel.connect(10)
    except RpcError as error:
        return error.message
    finally:
        await channel.close()
        server.close()
    return None


@pytest.fixture
def system(tmp_path: Path, made: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> System:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    for places in ("FILES", "DIRECTORIES"):
        below = [f"{tmp_path}{place}" for place in getattr(authorities, places)]
        monkeypatch.setattr(authorities, places, below)
    return System(tmp_path, made)


@pytest.mark.parametrize("file", FILES)
async def test_each_distributions_file(system: System, file: str) -> None:
    system.write(file, names=("red", "green"))
    assert await system.trusted() == {"red", "green"}


async def test_the_first_file_that_can_be_read(system: System) -> None:
    first, second, third = FILES[1:4]
    system.write(f"{first}/is/a/directory")
    system.write(second, names=("red",))
    system.write(third, names=("blue",))
    assert await system.trusted() == {"red"}


async def test_an_empty_file_is_one_too(system: System) -> None:
    system.write(FILES[2])
    system.write(FILES[3], names=("red",))
    assert await system.trusted() == set()


@pytest.mark.parametrize("directory", DIRECTORIES)
async def test_each_distributions_directory(system: System, directory: str) -> None:
    system.write(f"{directory}/red.pem", names=("red",))
    system.write(f"{directory}/a name that no hash has", names=("green",))
    assert await system.trusted() == {"red", "green"}


async def test_a_file_and_all_directories_together(system: System) -> None:
    system.write(FILES[-1], names=("red",))
    for directory, name in zip(DIRECTORIES, ("blue", "green"), strict=True):
        system.write(f"{directory}/{name}.pem", names=(name,))
    assert await system.trusted() == set(NAMES)


async def test_the_variables_name_other_places(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.write(FILES[2], names=("red",))
    system.write(f"{DIRECTORIES[1]}/blue.pem", names=("blue",))
    monkeypatch.setenv("SSL_CERT_FILE", str(system.write("own.pem", names=("green",))))
    assert await system.trusted() == {"blue", "green"}
    monkeypatch.setenv("SSL_CERT_DIR", f"{system.root}/nowhere")
    assert await system.trusted() == {"green"}
    monkeypatch.setenv("SSL_CERT_FILE", f"{system.root}/nowhere.pem")
    assert await system.trusted() == set()
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", "")
    assert await system.trusted() == {"red", "blue"}


async def test_a_list_of_directories(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("red", "blue"):
        system.write(f"{name}/one.pem", names=(name,))
    system.write("here/green.pem", names=("green",))
    monkeypatch.chdir(system.root / "here")  # which an empty name does not mean
    places = ("red", "nowhere", "blue")
    monkeypatch.setenv("SSL_CERT_DIR", ":".join(["", *(f"{system.root}/{p}" for p in places), ""]))
    assert await system.trusted() == {"red", "blue"}


@pytest.mark.parametrize(
    "broken",
    [
        BROKEN("bm8gY2VydGlmaWNhdGU="),
        BROKEN("no base64"),
        BROKEN("====="),
        BROKEN(""),
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN TRUSTED CERTIFICATE-----\nbm8=\n-----END TRUSTED CERTIFICATE-----\n",
        "\N{LATIN SMALL LETTER E WITH ACUTE}\0\n",
    ],
)
async def test_what_is_broken_costs_no_other(system: System, broken: str) -> None:
    system.write(FILES[0], system.text("red"), broken, names=("green",))
    assert await system.trusted() == {"red", "green"}


async def test_words_in_no_encoding(system: System) -> None:
    file = system.write(FILES[0], names=("red",))
    file.write_bytes(b"# \xff\xc3\r\n" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert await system.trusted() == {"red"}


async def test_other_things_in_a_directory(system: System) -> None:
    directory = system.root / DIRECTORIES[0].lstrip("/")
    system.write(f"{DIRECTORIES[0]}/sub/blue.pem", names=("blue",))
    outside = system.write("usr/share/red.pem", names=("red",))
    (directory / "red.pem").symlink_to(outside)
    (directory / "0123abcd.0").symlink_to("red.pem")
    (directory / "dangling").symlink_to("/nowhere")
    (directory / "circle").symlink_to("circle")
    os.mkfifo(directory / "pipe")  # to read it would wait for ever
    assert await system.trusted() == {"red"}


async def test_where_there_is_nothing(system: System, made: dict[str, Path]) -> None:
    words = await _accepted(made["red"])
    assert words is not None
    assert words.endswith("TLS: the certificate was not accepted: self-signed certificate")


def test_a_bundle_that_holds_none() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ValueError, match="holds no certificate in PEM form"):
        trust_bundle(context, "no certificate\n" + BROKEN("bm8="))


def test_what_stands_there_twice_is_parsed_once(system: System) -> None:
    """As where a distribution has each authority in one file and in a directory."""
    system.write(FILES[0], names=("red", "blue"))
    for name in ("red", "blue"):
        system.write(f"{DIRECTORIES[0]}/{name}.pem", names=(name,))
    parsed: list[object] = []

    class Counting(ssl.SSLContext):
        def load_verify_locations(
            self, cafile: Any = None, capath: Any = None, cadata: Any = None
        ) -> None:
            parsed.append(cadata)

    trust_system(Counting(ssl.PROTOCOL_TLS_CLIENT))
    assert len(parsed) == 2
