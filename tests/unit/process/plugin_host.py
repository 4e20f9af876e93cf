"""The host's part, as Vault and OpenBao play it: start a plugin, read its line, speak to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import json
import os
import ssl
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shim.framework.host.storage import GET
from shim.grpc import Channel, ClientStream, Server
from shim.process.handshake import COOKIE_NAME, COOKIE_VALUE
from shim.proto import backend_pb2 as pb
from shim.proto import plugin_pb2
from shim.services.broker import START_STREAM
from shim.services.controller import SHUTDOWN
from tests.unit.engine import secrecy
from tests.unit.process import echo_plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

ROOT = Path(__file__).parents[3]
MOUNT = (("multiplex_id", "abcDEF0123"),)
ECHO = (sys.executable, "-m", echo_plugin.__name__)
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
SOON = 10.0  # seconds that anything here may take on a busy machine


@dataclass(frozen=True)
class Certificate:
    pem: str
    key: str

    def context(self, protocol: int, trusted: str) -> ssl.SSLContext:
        """A context that shows this certificate and trusts one other."""
        context = ssl.SSLContext(protocol)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trusted)
        context.set_alpn_protocols(["h2"])
        if not self.pem:
            return context
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(self.pem + self.key)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def host_certificate() -> Certificate:
    """A certificate as the host makes one for each plugin process: ECDSA P-521, SHA-512."""
    key = ec.generate_private_key(ec.SECP521R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=30))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA512())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
    )


HOST = host_certificate()
NO_CERTIFICATE = Certificate("", "")
NOTHING = plugin_pb2.Empty()


@dataclass
class Launched:
    """A plugin process that said its line."""

    process: asyncio.subprocess.Process
    line: str
    certificate: Certificate | None
    stderr: list[bytes] = field(default_factory=list)

    @property
    def fields(self) -> list[str]:
        return self.line.rstrip("\n").split("|")

    @property
    def socket(self) -> Path:
        return Path(self.fields[3])

    @property
    def plugin_pem(self) -> str:
        encoded = self.fields[5]
        return ssl.DER_cert_to_PEM_cert(base64.b64decode(encoded + "=" * (-len(encoded) % 4)))

    @property
    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stderr]

    def channel(self, certificate: Certificate | None = None) -> Channel:
        """A channel as the host's own, or showing another certificate."""
        shown = certificate or self.certificate
        tls = shown.context(ssl.PROTOCOL_TLS_CLIENT, self.plugin_pem) if shown else None
        return Channel.unix(str(self.socket), tls=tls)

    def proc(self, name: str) -> Path:
        """What the kernel tells of the process, such as its ``status``."""
        return Path(f"/proc/{self.process.pid}") / name

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), SOON)


@dataclass
class Connected:
    """The host's connection, its broker stream open."""

    plugin: Launched
    channel: Channel
    broker: ClientStream[plugin_pb2.ConnInfo, plugin_pb2.ConnInfo]

    async def ask(
        self, path: str, data: str = "", mount: tuple[Any, ...] = MOUNT, timeout: float = SOON
    ) -> str:
        args = pb.HandleRequestArgs(request=pb.Request(path=path, data=data))
        reply = await self.channel.unary(echo_plugin.HANDLE, args, timeout=timeout, metadata=mount)
        return reply.response.data

    async def setup(self, broker_id: int, mount: tuple[Any, ...] = MOUNT) -> str:
        args = pb.SetupArgs(broker_id=broker_id)
        reply = await self.channel.unary(echo_plugin.SETUP, args, timeout=SOON, metadata=mount)
        return reply.err

    async def announce(self, broker_id: int, path: str) -> None:
        await self.broker.send(
            plugin_pb2.ConnInfo(service_id=broker_id, network="unix", address=path)
        )

    async def shut_down(self) -> None:
        """What the host does after its last mount."""
        await self.broker.done_writing()
        await self.channel.unary(SHUTDOWN, NOTHING, timeout=SOON)
        await self.channel.close()


def environment(**changes: str | None) -> dict[str, str]:
    """The environment of a plugin; None takes a variable away."""
    variables: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        COOKIE_NAME: COOKIE_VALUE,
        "PLUGIN_PROTOCOL_VERSIONS": "5",
        "PLUGIN_MIN_PORT": "10000",
        "PLUGIN_MAX_PORT": "25000",
        "PLUGIN_CLIENT_CERT": HOST.pem,
        "VAULT_VERSION": "1.20.0",
        "VAULT_PLUGIN_METADATA_MODE": "false",
        "VAULT_PLUGIN_AUTOMTLS_ENABLED": "true",
        **changes,
    }
    return {name: value for name, value in variables.items() if value is not None}


async def start(
    *,
    command: Sequence[str] = ECHO,
    before: Callable[[], object] | None = None,
    inherited: Sequence[int] = (),
    **changes: str | None,
) -> asyncio.subprocess.Process:
    """Start a plugin; `before` runs in it before anything else does, `inherited` stay open."""
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment(**changes),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=before,
        pass_fds=inherited,
    )


async def refused(**changes: Any) -> tuple[int, bytes, bytes]:
    """Start a plugin that must not serve: its exit status, standard output and error."""
    process = await start(**changes)
    stdout, stderr = await asyncio.wait_for(process.communicate(), SOON)
    assert process.returncode is not None
    return process.returncode, stdout, stderr


def is_error(said: bytes) -> str:
    """The message of standard error's only line but for what was printed: an error."""
    [line] = [line for line in said.splitlines() if b'"@module":"stdout"' not in line]
    fields = json.loads(line)
    assert fields["@level"] == "error"
    message = fields["@message"]
    assert isinstance(message, str)
    return message


@contextlib.asynccontextmanager
async def launch(**changes: Any) -> AsyncIterator[Launched]:
    """A running plugin; killed at the end if it still is, which leaves its socket behind."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # for ECHO_USER
        async with _launch(**{"TMPDIR": folder, **changes}) as launched:
            yield launched


@contextlib.asynccontextmanager
async def _launch(**changes: Any) -> AsyncIterator[Launched]:
    process = await start(**changes)
    assert process.stdout is not None
    assert process.stderr is not None
    certificate = HOST if changes.get("PLUGIN_CLIENT_CERT", HOST.pem) else None
    launched = Launched(process, "", certificate)

    async def read(stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            launched.stderr.append(line)

    reading = asyncio.create_task(read(process.stderr))
    try:
        launched.line = (await asyncio.wait_for(process.stdout.readline(), SOON)).decode()
        assert launched.line, launched.stderr
        yield launched
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading
        secrecy.check(b"".join(launched.stderr).decode(errors="replace"))


@contextlib.asynccontextmanager
async def connect(launched: Launched) -> AsyncIterator[Connected]:
    """The host's connection to a plugin."""
    channel = launched.channel()
    try:
        async with channel.stream(START_STREAM) as broker:
            yield Connected(launched, channel, broker)
    finally:
        await channel.close()


@contextlib.asynccontextmanager
async def connected(**changes: Any) -> AsyncIterator[Connected]:
    """A running plugin and the host's connection to it."""
    async with launch(**changes) as launched, connect(launched) as connection:
        yield connection


@contextlib.asynccontextmanager
async def offering(
    folder: Path, launched: Launched, values: dict[str, bytes], certificate: Certificate = HOST
) -> AsyncIterator[str]:
    """The host's services of one mount on a socket of their own: a storage holding `values`."""

    async def get(args: pb.StorageGetArgs, call: object) -> pb.StorageGetReply:
        if args.key not in values:
            return pb.StorageGetReply()
        return pb.StorageGetReply(entry=pb.StorageEntry(key=args.key, value=values[args.key]))

    server = Server()
    server.unary(GET, get)
    path = str(folder / "offered")
    await server.listen_unix(
        path, certificate.context(ssl.PROTOCOL_TLS_SERVER, launched.plugin_pem)
    )
    try:
        yield path
    finally:
        server.close()
