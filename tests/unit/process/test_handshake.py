"""The handshake as tables: what the host's environment means, what our line says."""

import base64

import pytest

from shim.process import handshake
from shim.process.handshake import COOKIE_NAME, COOKIE_VALUE, HandshakeError

CERTIFICATE = {"PLUGIN_CLIENT_CERT": "PEM"}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("5", 5),
        ("3,4", 4),
        ("4,3", 4),
        ("3", 3),
        ("3,4,5", 5),
        (" 4 , 3 ", 4),
        ("5,6,7", 5),
        ("6,7", 3),
        ("", 3),
        ("five,4", 4),
        ("-5", 3),
    ],
)
def test_highest_common_version_else_our_lowest(offered: str, chosen: int) -> None:
    assert handshake.choose_version(offered) == chosen
    assert (
        handshake.read({**CERTIFICATE, "PLUGIN_PROTOCOL_VERSIONS": offered}).protocol_version
        == chosen
    )


def test_no_version_variable_means_our_lowest() -> None:
    assert handshake.read(CERTIFICATE).protocol_version == 3


@pytest.mark.parametrize(
    ("environ", "launched"),
    [
        ({COOKIE_NAME: COOKIE_VALUE}, True),
        ({COOKIE_NAME: "another"}, False),
        ({COOKIE_NAME: ""}, False),
        ({}, False),
    ],
)
def test_cookie_tells_a_host_from_a_shell(environ: dict[str, str], launched: bool) -> None:
    assert handshake.launched_by_host(environ) is launched


@pytest.mark.parametrize("value", ["true", "false", ""])
def test_broker_multiplexing_is_refused_whatever_its_value(value: str) -> None:
    with pytest.raises(HandshakeError, match="PLUGIN_MULTIPLEX_GRPC") as refusal:
        handshake.read({**CERTIFICATE, "PLUGIN_MULTIPLEX_GRPC": value})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environ", "version"),
    [
        ({"VAULT_VERSION": "1.20.0"}, "1.20.0"),
        ({"BAO_VERSION": "2.7.2", "VAULT_VERSION": "1.20.0"}, "2.7.2"),
        ({}, ""),
    ],
)
def test_openbao_variables_come_before_vault_ones(environ: dict[str, str], version: str) -> None:
    assert handshake.read(CERTIFICATE | environ).host_version == version


@pytest.mark.parametrize("name", ["metadata_mode", "mlock"])
@pytest.mark.parametrize(
    ("bao", "vault", "on"),
    [
        (None, "true", True),
        (None, "false", False),
        (None, None, False),
        ("true", "false", True),
        ("false", "true", False),
        (None, "1", True),
        (None, "yes", False),
    ],
)
def test_switches(name: str, bao: str | None, vault: str | None, on: bool) -> None:
    variable = {"metadata_mode": "PLUGIN_METADATA_MODE", "mlock": "PLUGIN_MLOCK_ENABLED"}[name]
    environ = {f"BAO_{variable}": bao, f"VAULT_{variable}": vault}
    given = {key: value for key, value in environ.items() if value is not None}
    assert getattr(handshake.read(CERTIFICATE | given), name) is on


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"PLUGIN_UNIX_SOCKET_DIR": "/sockets", "TMPDIR": "/elsewhere"}, "/sockets"),
        ({"TMPDIR": "/elsewhere"}, "/elsewhere"),
        ({"TMPDIR": "", "PLUGIN_UNIX_SOCKET_DIR": ""}, "/tmp"),
        ({}, "/tmp"),
    ],
)
def test_socket_dir(environ: dict[str, str], folder: str) -> None:
    assert handshake.read(CERTIFICATE | environ).socket_dir == folder


def test_without_automtls_only_metadata_is_served() -> None:
    assert handshake.read({"VAULT_PLUGIN_METADATA_MODE": "true"}).host_certificate == ""
    with pytest.raises(HandshakeError, match="AutoMTLS"):
        handshake.read({"VAULT_PLUGIN_METADATA_MODE": "false"})


@pytest.mark.parametrize("length", [99, 100, 101])
def test_line_has_six_fields_and_an_unpadded_certificate(length: int) -> None:
    certificate = bytes(range(length))
    line = handshake.line(5, "/run/plugin1/socket", certificate)
    assert line.endswith("\n")
    *fields, encoded = line.removesuffix("\n").split("|")
    assert fields == ["1", "5", "unix", "/run/plugin1/socket", "grpc"]
    assert "=" not in encoded
    assert base64.b64decode(encoded + "=" * (-len(encoded) % 4)) == certificate


def test_line_without_tls_has_an_empty_sixth_field() -> None:
    assert handshake.line(4, "/s", b"") == "1|4|unix|/s|grpc|\n"


def test_environment_does_not_show_the_certificate() -> None:
    assert "PEM" not in repr(handshake.read(CERTIFICATE))
