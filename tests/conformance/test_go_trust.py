"""Where we look for the system's trust, held against Go, under one /etc after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts import go
from tests.conformance.issued import issue
from tests.unit.process.namespaces import own_mounts

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent / "go_client"
OURS = """
import ssl
from shim.grpc import trust_system
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
trust_system(context)
for one in context.get_ca_certs():
    print(dict(name for [name] in one["subject"])["commonName"])
"""

RED, BLUE, GREEN = (
    issue(authority=True, common_name=name).pem for name in ("red", "blue", "green")
)
BROKEN = "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"


class Link(NamedTuple):
    """A symbolic link in the place of a file."""

    to: str


class Row(NamedTuple):
    """An /etc: what stands in its files, and the environment in it; `{etc}` is a copy elsewhere."""

    files: dict[str, str | Link]
    file: str | None = None  # SSL_CERT_FILE
    directories: str | None = None  # SSL_CERT_DIR


ROWS = {
    "nothing": Row({}),
    "Debian": Row(
        {
            "ssl/certs/ca-certificates.crt": RED + BLUE,
            "ssl/certs/blue.pem": BLUE,
            "ssl/certs/0123abcd.0": Link("blue.pem"),
            "ssl/certs/green.pem": Link("../green.pem"),
            "ssl/green.pem": GREEN,
            "ssl/certs/java/cacerts": "no PEM",
        }
    ),
    "Fedora": Row({"pki/tls/certs/ca-bundle.crt": RED, "ssl/certs": Link("../pki/tls/certs")}),
    "SUSE": Row({"ssl/ca-bundle.pem": RED, "ssl/certs": Link("/var/lib/nowhere")}),
    "OpenELEC": Row({"pki/tls/cacert.pem": RED}),
    "Red Hat 7": Row({"pki/ca-trust/extracted/pem/tls-ca-bundle.pem": RED}),
    "Alpine": Row({"ssl/cert.pem": RED}),
    "both directories": Row({"ssl/certs/one": RED, "pki/tls/certs/one": BLUE}),
    "a file and directories": Row({"ssl/cert.pem": RED, "pki/tls/certs/one": BLUE}),
    "two files": Row({"ssl/ca-bundle.pem": RED, "ssl/cert.pem": BLUE}),
    "an empty one first": Row({"ssl/ca-bundle.pem": "", "ssl/cert.pem": BLUE}),
    "a directory for a file": Row({"ssl/ca-bundle.pem/one": RED, "ssl/cert.pem": BLUE}),
    "a dangling link": Row({"ssl/ca-bundle.pem": Link("nowhere"), "ssl/cert.pem": BLUE}),
    "a broken certificate": Row({"ssl/cert.pem": RED + BROKEN + BLUE}),
    "words": Row({"ssl/cert.pem": f"# red\n{RED}\nblue:\n{BLUE}"}),
    "lines as Windows has them": Row({"ssl/cert.pem": (RED + BLUE).replace("\n", "\r\n")}),
    "a header": Row({"ssl/cert.pem": RED.replace("-\n", "-\nKind: red\n\n", 1) + BLUE}),
    "of another kind": Row({"ssl/cert.pem": RED.replace(" CERT", " TRUSTED CERT") + BLUE}),
    "a file by its variable": Row({"ssl/cert.pem": RED, "own": BLUE}, file="{etc}/own"),
    "a file that is not there": Row({"ssl/cert.pem": RED}, file="{etc}/own"),
    "no name of a file": Row({"ssl/cert.pem": RED}, file=""),
    "directories by their variable": Row(
        {"ssl/certs/one": RED, "a/one": BLUE, "b/one": GREEN}, directories=":{etc}/b:{etc}/a:/no"
    ),
    "no names of directories": Row({"ssl/certs/one": RED}, directories=""),
    "both variables": Row(
        {"ssl/cert.pem": RED, "own": BLUE, "a/one": GREEN}, "{etc}/own", "{etc}/a"
    ),
}


@pytest.fixture(scope="module")
def go_trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not go.PRESENT:
        pytest.skip("Go is not on PATH")
    return go.build(SOURCE, tmp_path_factory.mktemp("go") / "trust", "./trust")


@pytest.mark.timeout(600)  # the first build compiles much of Go's library
@pytest.mark.parametrize("name", ROWS)
def test_the_same_authorities(go_trust: Path, tmp_path: Path, name: str) -> None:
    row = ROWS[name]
    etc = tmp_path / "etc"
    etc.mkdir()
    for place, content in row.files.items():
        (etc / place).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            (etc / place).symlink_to(content.to)
        else:
            (etc / place).write_bytes(content.encode())
    variables = {"SSL_CERT_FILE": row.file, "SSL_CERT_DIR": row.directories}
    environment = os.environ.keys() - variables.keys()
    env = {variable: os.environ[variable] for variable in environment}
    env |= {n: v.format(etc=etc) for n, v in variables.items() if v is not None}
    within = own_mounts(f"mount --bind '{etc}' /etc")
    ours, gos = (
        subprocess.run(
            [*within, *command], cwd=ROOT, env=env, check=True, capture_output=True, text=True
        ).stdout.split()
        for command in ((sys.executable, "-c", OURS), (go_trust,))
    )
    assert sorted(ours) == sorted(gos)
    assert ours or name in ("nothing", "an empty one first", "a file that is not there")
