"""The executable finds the system's trust where the distribution has it, not where it was built."""

import asyncio
import errno
import os
import shutil
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shim.grpc import Server
from tests.unit.build.conftest import Built
from tests.unit.grpc.certificates import identity
from tests.unit.process.namespaces import own_mounts
from tests.unit.process.plugin_host import AS_ROOT, NOBODY

pytestmark = pytest.mark.timeout(900)  # the first build of an executable takes minutes

CAP_IPC_LOCK = 1 << 14  # linux/capability.h, as are the format and the first number below
EFFECTIVE = 0x02000001
UNTRUSTED = "TLS: the certificate was not accepted: self-signed certificate"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's certificate, which is its own authority, with its key."""
    return identity(tmp_path_factory.mktemp("own"), "own")


@pytest.fixture
async def port(own: Path) -> AsyncIterator[int]:
    """Where a server shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    server = Server()
    yield await server.listen_tcp("127.0.0.1", 0, context)
    server.close()


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """What stands in for /etc."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "hosts").write_text("127.0.0.1 localhost\n")
    return folder


async def dialled(asker: Built, port: int, **how: Any) -> dict[str, Any]:
    """What the program saw when it dialled."""
    seen = await asyncio.to_thread(asker.witness, "dial", "localhost", str(port), **how)
    assert seen["mapped"] == [str(asker.path)]
    return seen


@pytest.mark.parametrize(
    "place",
    [
        "ssl/certs/ca-certificates.crt",
        "pki/tls/certs/ca-bundle.crt",
        "ssl/ca-bundle.pem",
        "pki/tls/cacert.pem",
        "pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "ssl/cert.pem",
        "ssl/certs/one of several.pem",
        "pki/tls/certs/one of several.pem",
    ],
)
async def test_each_distributions_place(
    asker: Built, own: Path, port: int, etc: Path, place: str
) -> None:
    (etc / place).parent.mkdir(parents=True)
    shutil.copy(own, etc / place)
    seen = await dialled(asker, port, within=own_mounts(f"mount --bind '{etc}' /etc"))
    assert seen["answer"] == ""


async def test_where_there_is_nothing(asker: Built, port: int, etc: Path) -> None:
    seen = await dialled(asker, port, within=own_mounts(f"mount --bind '{etc}' /etc"))
    assert seen["answer"] == f"localhost:{port}: {UNTRUSTED}"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_where_the_environment_says(
    asker: Built, own: Path, port: int, variable: str
) -> None:
    place = own if variable == "SSL_CERT_FILE" else f"/nowhere:{own.parent}"
    assert (await dialled(asker, port))["answer"].endswith(UNTRUSTED)
    assert (await dialled(asker, port, env={variable: str(place)}))["answer"] == ""


@AS_ROOT
async def test_a_file_with_capabilities_heeds_the_environment_too(
    asker: Built, own: Path, port: int, open_folder: Path
) -> None:
    """In its secure mode OpenSSL itself would not."""
    capable = Built(open_folder / "capable")
    shutil.copy(asker.path, capable.path)
    trust = open_folder / "trust.pem"
    shutil.copy(own, trust)
    trust.chmod(0o644)
    permitted = struct.pack("<5I", EFFECTIVE, CAP_IPC_LOCK, 0, 0, 0)
    try:
        os.setxattr(capable.path, "security.capability", permitted)
        seen = await dialled(capable, port, env={"SSL_CERT_FILE": str(trust)}, user=NOBODY)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        pytest.skip(f"no capabilities of files: {error.strerror}")
    assert seen["capabilities"] == CAP_IPC_LOCK
    assert seen["answer"] == ""
