"""What a pachd that means ill says, and what becomes of it."""

import pytest
from grpc import StatusCode

from shim import BackendError, Lease
from tests.unit.engine.cluster import Pachd, is_v1
from tests.unit.engine.vault import Vault, token_of


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
        await mount.revoke(Lease(type="pachyderm_tokens", ttl=1, internal=stored))
