"""The client as users install it, and the programs of its README, run from their text."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from pachyderm_vault.command import COMMANDS
from tests.integration.client_environments import environment, python
from tests.integration.conftest import ROOT
from tests.integration.documents import Block, blocks
from tests.integration.mount import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.mount import Mount

README = ROOT / "client" / "README.md"
INSTALLING = 600  # seconds, the first time
VERSIONS = ("3.9", "3.11")

pytestmark = pytest.mark.timeout(INSTALLING)


@pytest.fixture(scope="module", params=VERSIONS)
def installed(request: pytest.FixtureRequest) -> Path:
    """The ``bin`` of an environment with the wheel and the SDK."""
    return installed_on(request.param, "sdk")


def installed_on(version: str, kind: str) -> Path:
    interpreter = python(version)
    if interpreter is None:
        pytest.skip(f"there is no Python {version}, on PATH or of pyenv")
    return environment(interpreter, version, kind)


def program(kind: str) -> str:
    """A program of the README."""
    (found,) = [b.text for b in blocks(README) if b.info.split() == ["python", kind]]
    return found


@pytest.fixture
def app(mount: Mount) -> Iterator[dict[str, str]]:
    """The role ``app`` of the engine; gives what a program's environment needs to sign in."""
    mount.write("roles/app", {"subject": "robot:app", "ttl": "10m"})
    vault = mount.server.client()
    vault.sys.create_or_update_policy(
        "app", 'path "pachyderm/creds/app" { capabilities = ["update"] }'
    )
    yield {
        "PATH": os.environ["PATH"],
        "HOME": str(mount.server.directory),
        "VAULT_ADDR": mount.server.address,
    }
    assert not mount.pachd.live()["robot:app"], "a token was left behind"


@pytest.fixture
def token(mount: Mount, app: dict[str, str]) -> dict[str, str]:
    """The same, with a Vault token that may log in and revoke."""
    return {**app, "VAULT_TOKEN": mount.server.root_token}


def ran(bin_: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [str(bin_ / arguments[0]), *arguments[1:]]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


two = pytest.mark.parametrize("pachd", ["2.x"], indirect=True)  # which the SDK speaks


@two
def test_the_notebook(installed: Path, mount: Mount, token: dict[str, str]) -> None:
    assert ran(installed, "python", "-c", program("notebook"), env=token).stdout == "robot:app\n"


@two
def test_the_service(installed: Path, mount: Mount, app: dict[str, str], tmp_path: Path) -> None:
    vault = mount.server.client()
    vault.sys.enable_auth_method("approle")
    try:
        vault.auth.approle.create_or_update_approle("app", token_policies=["app"], token_ttl="1h")
        secret_id = tmp_path / "secret-id"
        secret = vault.auth.approle.generate_secret_id("app")["data"]["secret_id"]
        secret_id.write_text(secret)
        app |= {
            "ROLE_ID": vault.auth.approle.read_role_id("app")["data"]["role_id"],
            "SECRET_ID_FILE": str(secret_id),
        }
        running = subprocess.Popen(
            [str(installed / "python"), "-c", program("service")],
            env=app,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stdout is not None
        line = running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=30)
        assert line.startswith("robot:app until 2"), errors
        assert running.returncode == -signal.SIGTERM
        eventually(lambda: not mount.pachd.live()["robot:app"])
    finally:
        vault.sys.disable_auth_method("approle")


@two
def test_the_cronjob(installed: Path, mount: Mount, app: dict[str, str], tmp_path: Path) -> None:
    """By the wire of Kubernetes' method; who checks the token there is the one for JWTs."""
    vault = mount.server.client()
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    vault.sys.enable_auth_method("jwt", path="kubernetes")
    try:
        vault.write_data("auth/kubernetes/config", data={"jwt_validation_pubkeys": public.decode()})
        role = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": "vault",
            "token_policies": "app",
        }
        vault.write_data("auth/kubernetes/role/app", data=role)
        (tmp_path / "jwt").write_text(jwt(key))
        (tmp_path / "job.py").write_text(program("cronjob"))
        command, arguments = re.findall(r"\[([^]]+)]", manifest().text)
        words = [*command.split(", "), *arguments.split(", ")]
        at = words.index("run") + 1
        words[at:at] = ["--jwt-file", str(tmp_path / "jwt")]
        environment = {**app, "PATH": f"{installed}:{app['PATH']}"}
        done = ran(installed, *words, env=environment, cwd=tmp_path)
        assert done.stdout == "robot:app\n"
    finally:
        vault.sys.disable_auth_method("kubernetes")


def manifest() -> Block:
    (found,) = [block for block in blocks(README) if block.info == "yaml"]
    return found


def jwt(key: ec.EllipticCurvePrivateKey) -> str:
    now = int(time.time())
    claims = {"sub": "app", "aud": "vault", "iat": now, "exp": now + 600}
    parts = [coded(json.dumps(part).encode()) for part in ({"alg": "ES256"}, claims)]
    r, s = utils.decode_dss_signature(key.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256())))
    return ".".join([*parts, coded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))])


def coded(some: bytes) -> str:
    return base64.urlsafe_b64encode(some).rstrip(b"=").decode()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pachd", ["1.x"], indirect=True)  # which the other client speaks
def test_the_legacy_client(mount: Mount, token: dict[str, str], version: str) -> None:
    """As the notebook; then the token dies at pachd, and the next call is served all the same."""
    bin_ = installed_on(version, "legacy")
    script = f"""{program("notebook").replace(".auth.who_am_i", ".who_am_i")}
import hashlib
before = source.token()
print(hashlib.sha256(before.encode()).hexdigest(), flush=True)
input()
print(pachyderm.who_am_i().username, source.token() != before)
"""
    running = subprocess.Popen(
        [str(bin_ / "python"), "-c", script],
        env=token,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    first = running.stdout.readline()
    mount.pachd.cluster.tokens.delete(running.stdout.readline().strip())
    rest, errors = running.communicate("\n", timeout=60)
    assert (first, rest) == ("robot:app\n", "robot:app True\n"), errors


def test_the_commands_that_the_readme_lists_are_those_that_there_are() -> None:
    (listed,) = [b.text for b in blocks(README) if b.text.startswith("pachyderm-vault run")]
    assert [line.split()[1] for line in listed.splitlines()] == list(COMMANDS)


def test_its_own_tests_pass_on_the_oldest_python(tmp_path: Path) -> None:
    """Those of tests/unit/client, of the installed wheel; on a newer one the suite runs them."""
    bin_ = installed_on(VERSIONS[0], "sdk")
    tests = tmp_path / "tests" / "unit" / "client"
    shutil.copytree(ROOT / "tests" / "unit" / "client", tests)
    for package in (tests.parent, tests.parent.parent):
        (package / "__init__.py").touch()
    options = ("-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "--rootdir", tmp_path)
    done = ran(bin_, "python", "-m", "pytest", *map(str, options), str(tests), cwd=tmp_path)
    assert re.search(r"^\d{2,} passed", done.stdout, re.MULTILINE), done.stdout


def test_the_distribution_is_the_same_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, umask, zone in ((first, 0o022, "UTC"), (second, 0o077, "Asia/Tokyo")):
        subprocess.run(
            [sys.executable, "-m", "scripts.distribution", "--output", str(folder)],
            cwd=ROOT,
            env=os.environ | {"TZ": zone},
            umask=umask,
            check=True,
            capture_output=True,
        )
    names = sorted(file.name for file in first.iterdir())
    assert [Path(name).suffix for name in names] == [".whl", ".gz"]
    assert [(first / n).read_bytes() for n in names] == [(second / n).read_bytes() for n in names]
