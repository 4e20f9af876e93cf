"""pachd over TLS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim import UserError
from tests.pachd import PachdV1, PachdV2, Simulator, self_signed
from tests.unit.engine.cluster import Pachd
from tests.unit.engine.vault import Vault, lease_of, settle, token_of

CERTIFICATE = self_signed("127.0.0.1", "localhost")
ELSEWHERE = self_signed("pachd.example")
TRUST = CERTIFICATE.certificate.decode()


@pytest.fixture(params=[PachdV1, PachdV2])
def secure(request: pytest.FixtureRequest) -> Iterator[Pachd]:
    with Simulator(request.param(), certificate=CERTIFICATE) as pachd:
        yield pachd


@pytest.fixture
def named() -> Iterator[Pachd]:
    """A pachd whose certificate is for another name than its address."""
    with Simulator(PachdV2(), certificate=ELSEWHERE) as pachd:
        yield pachd


async def refused(vault: Vault, pachd: Pachd, **config: str) -> str:
    started = time.monotonic()
    with pytest.raises(UserError, match="could not be verified") as refusal:
        await vault.write("config", admin_token=pachd.root_token, **config)
    assert time.monotonic() - started < 5
    assert vault.entries == {}
    assert pachd.journal() == []
    return str(refusal.value)


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_lease_from_login_to_its_end(
    vault: Vault, secure: Pachd, scheme: str, host: str
) -> None:
    where = f"{scheme}://{host}:{secure.port}"
    response = await vault.write(
        "config", admin_token=secure.root_token, pachd_address=where, ca_cert=TRUST
    )
    assert response.warnings == []
    login = await vault.write("login/robot:x")
    assert secure.subject_of(token_of(login)) == "robot:x"
    renewed = lease_of(await vault.renew(lease_of(login), 60))
    await vault.revoke(renewed)
    assert secure.live()["robot:x"] == 0


async def test_a_lease_knows_how_to_trust_its_cluster(vault: Vault, secure: Pachd) -> None:
    where = f"grpcs://{secure.address}"
    await vault.write("config", admin_token=secure.root_token, pachd_address=where, ca_cert=TRUST)
    lease = lease_of(await vault.write("login/robot:x"))
    await vault.ask("delete", "config")
    await vault.revoke(lease)
    assert secure.live()["robot:x"] == 0


async def test_another_name_in_the_certificate(vault: Vault, named: Pachd) -> None:
    where = f"grpcs://{named.address}"
    trust = ELSEWHERE.certificate.decode()
    assert "mismatch" in await refused(vault, named, pachd_address=where, ca_cert=trust)
    why = await refused(
        vault, named, pachd_address=where, ca_cert=trust, tls_server_name="pachd.other"
    )
    assert "mismatch" in why
    await vault.write(
        "config",
        admin_token=named.root_token,
        pachd_address=where,
        ca_cert=trust,
        tls_server_name="pachd.example",
    )
    lease = lease_of(await vault.write("login/robot:x"))
    await vault.ask("delete", "config")
    await vault.revoke(lease)
    assert named.live()["robot:x"] == 0


async def test_an_authority_that_did_not_sign(vault: Vault, secure: Pachd) -> None:
    where = f"grpcs://{secure.address}"
    other = self_signed("127.0.0.1").certificate.decode()
    assert "certificate was not accepted" in await refused(
        vault, secure, pachd_address=where, ca_cert=other
    )


async def test_the_systems_trust_does_not_know_it(vault: Vault, secure: Pachd) -> None:
    where = f"grpcs://{secure.address}"
    assert "certificate was not accepted" in await refused(vault, secure, pachd_address=where)


async def test_the_systems_trust_knows_it(
    vault: Vault, secure: Pachd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "system.pem"
    file.write_text(ELSEWHERE.certificate.decode() + TRUST)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    where = f"grpcs://{secure.address}"
    other = self_signed("pachd.example").certificate.decode()
    assert "certificate was not accepted" in await refused(
        vault, secure, pachd_address=where, ca_cert=other
    )
    await vault.write("config", admin_token=secure.root_token, pachd_address=where)
    assert token_of(await vault.write("login/robot:x"))


async def test_plain_text_to_tls(vault: Vault, secure: Pachd) -> None:
    assert secure.address in await refused(vault, secure, pachd_address=secure.address)


async def test_tls_to_plain_text(vault: Vault, pachd: Pachd) -> None:
    where = f"grpcs://{pachd.address}"
    assert where in await refused(vault, pachd, pachd_address=where, ca_cert=TRUST)


async def test_a_bundle_of_authorities(vault: Vault, secure: Pachd) -> None:
    bundle = "Some words first.\n" + ELSEWHERE.certificate.decode() + "\n" + TRUST
    where = f"grpcs://{secure.address}"
    await vault.write("config", admin_token=secure.root_token, pachd_address=where, ca_cert=bundle)
    assert token_of(await vault.write("login/robot:x"))


async def test_a_renewed_certificate_of_the_same_name(vault: Vault, secure: Pachd) -> None:
    where = f"grpcs://{secure.address}"
    new = self_signed("127.0.0.1")
    both = TRUST + new.certificate.decode()
    await vault.write("config", admin_token=secure.root_token, pachd_address=where, ca_cert=both)
    assert token_of(await vault.write("login/robot:x"))
    secure.restart(new)
    await settle()
    assert token_of(await vault.write("login/robot:x"))
