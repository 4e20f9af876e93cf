import pytest

from shim import CodedError, Lease, UnsupportedOperation, UnsupportedPath, UserError
from tests.unit.engine.vault import Vault
from tests.unit.framework.toy import Toy


async def test_create_update_read_list_delete(vault: Vault, toy: Toy) -> None:
    assert (await vault.ask("list", "things/")).data == {}
    await vault.write("things/a", size="3")
    await vault.write("things/a", size=4)
    assert toy.happened == ["create", "update"]
    assert (await vault.read("things/a")).data == {"size": 4}
    assert (await vault.ask("list", "things/")).data == {"keys": ["a"]}
    await vault.ask("delete", "things/a")
    assert (await vault.read("things/a")).data is None


async def test_what_is_not_there(vault: Vault) -> None:
    with pytest.raises(UnsupportedPath):
        await vault.read("nowhere")
    with pytest.raises(UnsupportedOperation):
        await vault.ask("delete", "things/")
    with pytest.raises(UnsupportedOperation):
        await vault.ask("alias-lookahead", "things/a")


async def test_required_fields(vault: Vault) -> None:
    with pytest.raises(UserError, match="missing required field 'size'"):
        await vault.write("things/a")


async def test_warnings_of_what_was_not_taken(vault: Vault) -> None:
    response = await vault.ask("read", "lease", bogus=1, other=2)
    assert response.warnings == [
        "bring it back",
        "Endpoint ignored these unrecognized parameters: [bogus other]",
    ]


async def test_the_path_wins_over_the_body(vault: Vault) -> None:
    await vault.write("things/a", size=1)
    response = await vault.ask("read", "things/a", name="b", size=1, weight=1)
    assert response.data == {"size": 1}
    assert response.warnings == [
        "Endpoint replaced the value of these parameters with the values captured from the"
        " endpoint's path: [name]",
        "Parameter 'weight' is deprecated: use size",
    ]


async def test_a_strict_path_refuses_what_it_does_not_know(vault: Vault) -> None:
    with pytest.raises(CodedError, match=r'unknown fields: \["a" "b"\]') as refusal:
        await vault.write("strict", b=1, a=2)
    assert refusal.value.status == 422


async def test_leases_find_their_type(vault: Vault, toy: Toy) -> None:
    lease = (await vault.read("lease")).lease
    assert lease is not None
    await vault.renew(lease, 33)
    await vault.revoke(lease)
    assert toy.happened == ["renew {'book': 'é', 'n': [1]} 33", "revoke"]
    with pytest.raises(
        Exception, match="the lease is of type 'other', the backend has 'loan', 'gift': keep"
    ):
        await vault.revoke(vault.hold(Lease(type="other", ttl=1)))


async def test_a_users_mistake_in_a_revocation_stays_retriable(vault: Vault) -> None:
    with pytest.raises(Exception, match="no book") as refusal:
        await vault.revoke(vault.hold(Lease(type="loan", ttl=1)))
    assert not isinstance(refusal.value, UserError)


async def test_rollback_is_periodic_first(vault: Vault, toy: Toy) -> None:
    await vault.ask("rollback", "")
    assert toy.happened == ["periodic"]


async def test_help_of_a_path_and_of_all(vault: Vault) -> None:
    shown = (await vault.ask("help", "things/a")).data
    assert shown is not None
    assert "Matching Route: ^things/(?P<name>[^/]+)$" in shown["help"]
    assert "size (int)" in shown["help"]
    assert list(shown["openapi"]["paths"]) == ["/things/{name}"]
    shown = (await vault.ask("help", "")).data
    assert shown is not None
    assert "A toy." in shown["help"]
    assert "^strict$" in shown["help"]
    assert set(shown["openapi"]["paths"]) >= {"/things/", "/things/{name}", "/strict"}
    with pytest.raises(UnsupportedPath):
        await vault.ask("help", "nowhere")


async def test_openapi_tells_fields_and_answers(vault: Vault) -> None:
    shown = (await vault.ask("help", "")).data
    assert shown is not None
    thing = shown["openapi"]["paths"]["/things/{name}"]
    assert set(thing) == {
        "description",
        "parameters",
        "x-vault-createSupported",
        "get",
        "post",
        "patch",
        "delete",
    }
    body = thing["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["size"]
    assert body["properties"]["hidden"]["default"] is False
    assert body["properties"]["weight"]["deprecated"] is True
    assert body["properties"]["key"]["x-vault-displayAttrs"] == {"sensitive": True}
    answer = thing["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["data"]["properties"]["size"]["type"] == "integer"
    listed = shown["openapi"]["paths"]["/things/"]["get"]
    assert listed["parameters"][0]["name"] == "list"
