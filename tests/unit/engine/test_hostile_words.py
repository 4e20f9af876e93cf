"""What a pachd that means ill says, and what becomes of it."""

import contextlib

import pytest
from grpc import StatusCode

from shim import BackendError, Lease
from tests.pachd import PachdV2, Simulator
from tests.pachd.tokens import hashed
from tests.unit.engine.cluster import Pachd, add_token, is_v1
from tests.unit.engine.vault import Vault, token_of
from vault_plugin import moments


async def test_words_that_echo_the_admin_token_are_masked(mount: Vault, pachd: Pachd) -> None:
    pachd.faults.refuse("*", StatusCode.UNKNOWN, f"you sent {pachd.root_token}, did you not")
    with pytest.raises(BackendError, match=r"you sent \*\*\*, did you not"):
        await mount.write("login/robot:x")


async def test_words_that_echo_the_token_asked_about_are_masked(mount: Vault, pachd: Pachd) -> None:
    token = token_of(await mount.write("login/robot:x"))
    for method in ("RevokeAuthToken", "ExtendAuthToken"):
        pachd.faults.refuse(method, StatusCode.UNKNOWN, f"what is {token}?")
    with pytest.raises(BackendError, match=r"what is \*\*\*\?"):
        await mount.write("revoke", user_token=token)
    if is_v1(pachd):
        with pytest.raises(BackendError, match=r"what is \*\*\*\?"):
            await mount.write("renew", user_token=token, increment="1h")


async def test_words_are_cut_and_made_printable(mount: Vault, pachd: Pachd) -> None:
    pachd.faults.refuse("*", StatusCode.UNKNOWN, "\x1b[31mred\n" + "x" * 9000)
    with pytest.raises(BackendError) as refusal:
        await mount.write("login/robot:x")
    assert str(refusal.value).isprintable()
    assert "\\x1b[31mred\\n" in str(refusal.value)
    assert len(str(refusal.value)) < 700


@pytest.mark.parametrize(
    "stored",
    [
        {"user_token": "t", "pachd_address": 5},
        {"user_token": "t", "ttl": "x"},
        {"user_token": "t", "grants": "x"},
        {"user_token": 5},
    ],
)
async def test_lease_data_that_makes_no_sense_is_told(
    mount: Vault, stored: dict[str, object]
) -> None:
    with pytest.raises(BackendError, match="the lease holds"):
        await mount.revoke(mount.hold(Lease(type="pachyderm_tokens", ttl=1, internal=stored)))


@pytest.mark.parametrize(
    "token", ["a", "t", "auth", "iamroot", "corrupted", 'we"ird', "0123456789abcde"]
)
async def test_a_short_token_is_neither_shown_nor_told_by_what_is_left(
    vault: Vault, token: str
) -> None:
    said = f"you sent {token}: provided auth token is corrupted"
    with Simulator(PachdV2(root_token=token)) as pachd:
        await vault.write("config", admin_token=token, pachd_address=pachd.address)
        pachd.faults.refuse("GetRobotToken", StatusCode.UNAUTHENTICATED, said)
        with pytest.raises(BackendError, match="its words are not shown") as refusal:
            await vault.write("login/robot:x")
        assert "***" not in str(refusal.value)
        assert "write a valid admin_token to config" in str(refusal.value)
        assert f"sent {token}" not in str(refusal.value)


async def test_a_short_token_that_pachd_does_not_say_hides_nothing(vault: Vault) -> None:
    with Simulator(PachdV2(root_token="iamroot")) as pachd:
        await vault.write("config", admin_token="iamroot", pachd_address=pachd.address)
        pachd.faults.refuse("GetRobotToken", StatusCode.UNKNOWN, "the database is on fire")
        with pytest.raises(BackendError, match="the database is on fire"):
            await vault.write("login/robot:x")


async def test_a_token_with_quotes_is_masked_as_go_quotes_it(vault: Vault) -> None:
    token = 'a"b\\c-of-some-length'
    with Simulator(PachdV2(root_token=token)) as pachd:
        await vault.write("config", admin_token=token, pachd_address=pachd.address)
        quoted = 'what is "a\\"b\\\\c-of-some-length"?'
        pachd.faults.refuse("GetRobotToken", StatusCode.UNKNOWN, quoted)
        with pytest.raises(BackendError, match=r'what is "\*\*\*"\?'):
            await vault.write("login/robot:x")


@pytest.mark.parametrize("verify", [True, False])
async def test_the_token_is_no_subject(mount: Vault, pachd: Pachd, verify: bool) -> None:
    """A pachd that answers WhoAmI with the token it was asked about."""
    token = add_token(pachd, "robot:vault")
    row = pachd.cluster.tokens.get(hashed(token))
    assert row is not None
    row.subject = f"robot:{token}"
    with contextlib.suppress(BackendError):
        await mount.write("config", admin_token=token, verify=verify)
    with contextlib.suppress(BackendError):
        await mount.write("login/robot:x")
    for path in ("config", "check"):
        assert token not in repr((await mount.read(path)).data)


def test_a_moment_beyond_the_calendar() -> None:
    assert moments.show(1e12) == "9999-12-31T23:59:59Z"
    assert moments.show(-1e12) == "0001-01-01T00:00:00Z"
    assert moments.show(0) == "1970-01-01T00:00:00Z"


async def test_the_admin_token_is_masked_in_words_about_other_calls(
    mount: Vault, pachd: Pachd
) -> None:
    user = token_of(await mount.write("login/robot:x"))
    pachd.faults.refuse("WhoAmI", StatusCode.UNKNOWN, f"not {pachd.root_token}")
    with pytest.raises(BackendError, match=r"not \*\*\*"):
        await mount.write("revoke", user_token=user)


async def test_the_admin_token_is_masked_in_words_about_calls_without_one(
    mount: Vault, pachd: Pachd
) -> None:
    await mount.write("login/robot:x")
    pachd.faults.refuse("GetVersion", StatusCode.UNKNOWN, f"hello {pachd.root_token}")
    with pytest.raises(BackendError, match=r"hello \*\*\*"):
        await mount.read("version")


async def test_a_word_sent_as_a_token_hides_nothing_later(mount: Vault, pachd: Pachd) -> None:
    for word in ("overloaded", "a", "robot:somebody-else-here"):
        with contextlib.suppress(BackendError):
            await mount.write("revoke", user_token=word)
    pachd.faults.refuse("*", StatusCode.UNKNOWN, "robot:somebody-else-here is overloaded")
    with pytest.raises(BackendError, match="robot:somebody-else-here is overloaded"):
        await mount.write("login/robot:x")
