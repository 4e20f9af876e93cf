import pytest

from tests.pachd import PachdV2, Simulator
from tests.pachd.tokens import hashed
from tests.unit.engine.cluster import Pachd, is_v1, kill, sent
from tests.unit.engine.vault import Vault, lease_of, settle, token_of
from vault_plugin import VERSION


async def test_both_versions(mount: Vault, pachd: Pachd) -> None:
    shown = (await mount.read("version")).data
    assert shown == {
        "client-version": VERSION,
        "server-version": "1.13.4" if is_v1(pachd) else "2.11.6",
    }
    assert sent(pachd) == set(), "it needs no token"


async def test_client_only_asks_nobody(mount: Vault, pachd: Pachd) -> None:
    assert (await mount.read("version/client-only")).data == {"client-version": VERSION}
    assert pachd.journal() == []
    assert not mount.calls


async def test_an_admin_token_that_is_bad_does_not_matter(mount: Vault, pachd: Pachd) -> None:
    kill(pachd, pachd.root_token)
    assert (await mount.read("version")).data


@pytest.mark.parametrize("first", ["login", "version", "renew lease", "revoke lease", "revoke"])
async def test_an_upgrade_in_place_is_found_by_the_next_request(
    mount1: Vault, v1: Pachd, first: str
) -> None:
    """1.x has become 2.x behind the same address, its tokens restored there."""
    login = await mount1.write("login/robot:x", ttl="5m")
    v1.die()
    new = PachdV2(root_token=v1.root_token)
    with Simulator(new, port=v1.port) as v2:
        restored = token_of(login)
        await settle()
        new.tokens.insert(hashed(restored), "robot:x", 600)
        match first:
            case "login":
                token = token_of(await mount1.write("login/robot:y"))
                assert v2.subject_of(token) == "robot:y"
            case "version":
                shown = (await mount1.read("version")).data
                assert shown is not None
                assert shown["server-version"] == "2.11.6"
            case "renew lease":
                assert lease_of(await mount1.renew(lease_of(login), 60)).ttl == 60
            case "revoke lease":
                await mount1.revoke(lease_of(login))
                assert v2.subject_of(restored) is None
            case _:
                answer = await mount1.write("revoke", user_token=restored)
                assert answer.data == {"revoked": 1}
        v2.forget()
        await mount1.write("login/robot:z")
        assert sum(v2.counts().values()) == 1, "from then on it is remembered"


@pytest.mark.parametrize(
    ("addition", "shown"), [("-rc.1", "2.11.6-rc.1"), ("x" * 65, "2.11.6"), ("\x1b[2J", "2.11.6")]
)
async def test_what_is_added_to_a_version_is_short_and_printable(
    mount2: Vault, v2: Simulator[PachdV2], addition: str, shown: str
) -> None:
    v2.cluster.addition = addition
    told = (await mount2.read("version")).data
    assert told == {"client-version": VERSION, "server-version": shown}
