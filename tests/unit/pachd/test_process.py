"""The simulator as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pachd import self_signed
from tests.unit.pachd.caller import Caller

COMMAND = [sys.executable, "-m", "tests.pachd"]


@contextmanager
def process(*options: str) -> Iterator[tuple[str, str]]:
    """Run it with these options and give the address and the token that it prints."""
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            address, token = child.stdout.readline().split()
            yield address, token
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
        finally:
            child.kill()


def test_generation_1() -> None:
    options = ["--generation=1", "--admin=robot:boss", "--identity-provider=okta"]
    with process(*options) as (address, token), Caller(address) as call:
        me = call("/auth.API/WhoAmI", token)
        assert (me.username, me.is_admin) == ("robot:boss", True)
        assert call("/auth.API/GetAuthToken", token, subject="okta:a@b").subject == "okta:a@b"


def test_generation_2_with_tls(tmp_path: Path) -> None:
    pair = self_signed("127.0.0.1")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    options = [f"--tls-cert={certificate}", f"--tls-key={key}", "--root-token=iamroot"]
    with process("--generation=2", *options) as (address, token):
        assert token == "iamroot"
        with Caller(address, roots=pair.certificate) as call:
            assert call("/auth_v2.API/WhoAmI", token).username == "pach:root"


@pytest.mark.parametrize("release", ["1.8", "1.10", "1.12", "1.13", "2.0", "2.4", "2.6", "2.11"])
def test_release(release: str) -> None:
    service = "versionpb.API" if release.startswith("1.") else "versionpb_v2.API"
    with process(f"--release={release}") as (address, _), Caller(address) as call:
        told = call(f"/{service}/GetVersion")
    assert f"{told.major}.{told.minor}" == release


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "is required"),
        (["--release=2.12"], "invalid choice"),
        (["--release=2.11", "--generation=2"], "not allowed with"),
        (["--generation=2", "--auth=partial"], "either inactive or active"),
        (["--generation=1", "--tls-cert=x"], "belong together"),
    ],
)
def test_options_that_do_not_fit(options: list[str], complaint: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr
