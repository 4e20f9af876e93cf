"""What `scripts/register` says to a careless operator: every refusal names its cause and cure."""

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from scripts.registration import advice, server
from scripts.registration.link import UnreachableError
from tests.integration.conftest import StartServer
from tests.integration.kept_server import KeptServer
from tests.integration.openbao import VaultServer, free_port
from tests.integration.pretender import Answer, Pretender
from tests.integration.register import (
    COMMAND,
    NEWER,
    VERSION,
    file_name,
    refused,
    register,
)
from tests.pachd.certificate import self_signed

MOUNT = "/v1/sys/mounts/pachyderm"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("rm", "copy the plugin to plugin_directory/{file} on every node"),
        ("echo >>", "plugin_directory/{file} is not the file that was registered"),
        ("chmod 644", "must be able to run plugin_directory/{file}"),
        ("sed -i 1s,^.*,#!/no/such/python,", "is not the file that was registered"),
    ],
)
def test_a_file_the_server_cannot_run(ready: VaultServer, spoil: str, words: str) -> None:
    file = ready.plugin_directory / file_name(VERSION)
    subprocess.run(f"{spoil} '{file}'", shell=True, check=True)
    said = refused(ready, "--apply")
    assert words.format(file=file_name(VERSION)) in said
    assert ready.http("GET", MOUNT)[0] == 400


def test_the_wrong_version_under_the_right_name(
    ready: VaultServer, newer_plugin_file: Path, plugin_file: Path
) -> None:
    ready.place(file_name(NEWER), plugin_file)
    said = refused(ready, "--file", str(newer_plugin_file), "--apply")
    assert "checksums did not match" in said
    assert ready.http("GET", MOUNT)[0] == 400


def test_no_token_and_a_wrong_one(ready: VaultServer) -> None:
    program = ready.kind.program
    assert f"no token: run {program} login" in refused(ready, VAULT_TOKEN=None, BAO_TOKEN=None)
    assert "does not take the token" in refused(ready, token="hvs.nonsense")
    assert "characters that no token has" in refused(ready, token="hvs.\N{SNOWMAN}")
    (ready.directory / ".vault-token").write_text(f"{ready.root_token}\n")
    assert register(ready, VAULT_TOKEN=None, BAO_TOKEN=None).returncode == 0


@pytest.mark.parametrize("token", ["hvs.n0nsense-n0nsense", "hvs.n0n\nsense-n0nsense"])
def test_no_token_is_ever_printed(ready: VaultServer, token: str) -> None:
    ran = register(ready, token=token)
    assert ran.returncode == 1
    assert "sense" not in ran.stdout + ran.stderr


def test_wrong_addresses(ready: VaultServer) -> None:
    def said(address: str | None) -> str:
        return refused(ready, BAO_ADDR=address, VAULT_ADDR=None)

    assert "is not reached: Connection refused" in said(f"http://127.0.0.1:{free_port()}")
    assert "must start with http" in said("127.0.0.1:8200")
    assert "is it http://?" in said(ready.address.replace("http", "https"))
    assert "VAULT_ADDR is not set" in said(None)
    assert "no-such-host.invalid:8200 is not reached" in said("http://no-such-host.invalid:8200")


def test_a_node_that_hangs_is_not_waited_for_long(
    ready: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK", 1.0)
    asked = server.Server(ready.environment(ready.root_token))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        node = server.Node(f"http://127.0.0.1:{mute.getsockname()[1]}", active=False)
        with pytest.raises(UnreachableError, match="does not answer within 1 s"):
            asked.mounted_at(node, "pachyderm")


@pytest.mark.parametrize(
    ("words", "pinned"),
    [
        ("cannot choose a version: the plugin has a pinned version", True),
        ("no such mount: pinned/", False),
        ("path is already in use at pinned-trial/", False),
    ],
)
def test_a_pinned_version(words: str, pinned: bool) -> None:
    assert ("delete sys/plugins/pins/secret/" in advice.on(words, "file")) == pinned


def test_what_is_no_vault(ready: VaultServer) -> None:
    with Pretender(otherwise=Answer(b"<html>welcome</html>")) as web:
        said = refused(ready, BAO_ADDR=web.address)
    assert "does not answer as a Vault or OpenBao server: 200 <html>" in said


def test_tls(ready: VaultServer, tmp_path: Path) -> None:
    ours, theirs = self_signed("vault.example"), self_signed("operator")
    files = {
        "CACERT": ours.certificate,
        "CLIENT_CERT": theirs.certificate,
        "CLIENT_KEY": theirs.key,
        "key": ours.key,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    path = {f"VAULT_{name}": str(tmp_path / name) for name in files}
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "CACERT", tmp_path / "key")
    tls.load_verify_locations(tmp_path / "CLIENT_CERT")
    client = {name: path[name] for name in ("VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY")}
    trusted = {
        "VAULT_CACERT": path["VAULT_CACERT"],
        "VAULT_TLS_SERVER_NAME": "vault.example",
    }
    passed = "is not initialized"

    with Pretender(otherwise=Answer({"initialized": False, "sealed": True}), tls=tls) as web:

        def said(**variables: str) -> str:
            return refused(ready, BAO_ADDR=web.address, **variables)

        assert "self-signed certificate): set VAULT_CACERT" in said()
        assert "VAULT_CACERT names '/nowhere', which is not there" in said(VAULT_CACERT="/nowhere")
        assert "BAO_CACERT names '/nowhere', which is not there" in said(BAO_CACERT="/nowhere")
        assert passed in said(**trusted)
        system = {"SSL_CERT_FILE": path["VAULT_CACERT"]}
        assert passed in said(VAULT_TLS_SERVER_NAME="vault.example", **system)
        said_of_its_name = said(VAULT_CACERT=path["VAULT_CACERT"])
        assert "not valid for '127.0.0.1'. Use its name in VAULT_ADDR" in said_of_its_name
        assert passed in said(VAULT_SKIP_VERIFY="true")
        assert "VAULT_CACERT" in said(VAULT_SKIP_VERIFY="false")
        tls.maximum_version = ssl.TLSVersion.TLSv1_2  # Python's server breaks off 1.3 mutely
        tls.verify_mode = ssl.CERT_REQUIRED
        assert "set VAULT_CLIENT_CERT" in said(**trusted)
        assert passed in said(**trusted, **client)


def test_a_sealed_server(another: StartServer) -> None:
    server = another(KeptServer, bare=True)
    assert isinstance(server, KeptServer)
    server.seal()
    told = f"is sealed: {server.kind.program} operator unseal"
    assert told in refused(server)
    assert told in refused(server, BAO_ADDR=None)
    assert told in refused(server, VAULT_ADDR=None)


def test_files_that_are_no_plugin(ready: VaultServer, tmp_path: Path) -> None:
    file = tmp_path / "no plugin"
    assert "run make build" in refused(ready, "--file", str(file))
    file.write_text("#!/no/such/python -ISB\n")
    assert "is not executable: chmod 755 '" in refused(ready, "--file", str(file))
    file.chmod(0o755)
    assert "runs on /no/such/python, which is not there" in refused(ready, "--file", str(file))
    file.write_text("hello")
    assert "does not run: Exec format error" in refused(ready, "--file", str(file))
    file.write_text("#!/bin/sh\necho other 1.2.3\n")
    assert "is not vault-plugin-secrets-pachyderm" in refused(ready, "--file", str(file))
    file.write_text("#!/bin/sh\necho ${VAULT_TOKEN-nothing}${BAO_TOKEN-at all}\n")
    assert "it says 'nothingat all'" in refused(ready, "--file", str(file))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--path", "/"),
        ("--rollback", "yesterday"),
        ("--token", "root"),
        ("--rollback", VERSION, "--file", "x"),
        ("--app",),
    ],
)
def test_wrong_usage(ready: VaultServer, arguments: tuple[str, ...]) -> None:
    ran = register(ready, *arguments)
    assert ran.returncode == 2
    assert ran.stderr.startswith("usage: scripts/register")


def test_before_make_setup(tmp_path: Path) -> None:
    copy = tmp_path / "scripts" / "register"
    copy.parent.mkdir()
    copy.write_bytes(COMMAND.read_bytes())
    copy.chmod(0o755)
    ran = subprocess.run([copy], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "run make setup there" in ran.stderr
