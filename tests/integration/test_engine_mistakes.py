"""What an operator of a real server reads of an engine's mistakes, and its author in the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import loans
from tests.integration.launcher import launcher
from tests.integration.mount import eventually
from tests.integration.openbao import VaultServer

NO_ENGINE = "the engine cannot be made: RuntimeError: no pears.conf beside the plugin"
NO_TYPE = (
    "the lease is of type 'loan', the backend has 'gift': keep the types of which leases may live"
    " in lease_types"
)

NO_ANSWER = (
    "the handler __main__.backend.<locals>.confuse gave a dict, not a Response or None: write"
    " Response(data=...)"
)
END = ("later", "never")


@pytest.fixture
def kind(server: VaultServer, tmp_path: Path) -> Iterator[Path]:
    """The engine in the server's catalog: the file that names its type of lease."""
    file = tmp_path / "type"
    file.write_text("loan")
    server.register("loans", launcher(Path(loans.__file__), tmp_path, str(file)), version="v0.1.0")
    yield file
    server.http("DELETE", "/v1/sys/plugins/catalog/secret/loans?version=v0.1.0")


def change(server: VaultServer, kind: Path, name: str) -> None:
    """Put another version of the engine in place of the one that runs."""
    kind.write_text(name)
    reload = {"plugin": "loans"}
    assert server.http("PUT", "/v1/sys/plugins/reload/backend", reload)[0] in (200, 204)


def logged(server: VaultServer, words: str) -> None:
    """Wait for `words` in the server's log, to which the plugin's lines come on their own way."""
    eventually(lambda: words in server.log_path.read_text())


def test_what_a_factory_fails_with_is_read_by_who_mounts(server: VaultServer, kind: Path) -> None:
    kind.unlink()
    enabled = server.cli("secrets", "enable", "-plugin-version=v0.1.0", "loans")
    assert enabled.returncode != 0
    assert NO_ENGINE in enabled.stderr
    logged(server, f".loans: {NO_ENGINE}:")
    logged(server, f'File "{loans.__file__}", line')


def test_a_lease_whose_type_is_gone_waits_for_it(server: VaultServer, kind: Path) -> None:
    server.enable("loans", "loans")
    _, lent = server.http("GET", "/v1/loans/loan/well")
    lease = {"lease_id": lent["lease_id"]}
    change(server, kind, "gift")
    for what in ("renew", "revoke"):
        status, answer = server.http("PUT", f"/v1/sys/leases/{what}", {**lease, "sync": True})
        assert status == 400
        assert NO_TYPE in str(answer["errors"]).replace('"', "'")
    logged(server, f".loans: {NO_TYPE}:")
    change(server, kind, "loan")
    assert server.http("PUT", "/v1/sys/leases/renew", lease)[0] == 200
    server.disable("loans")
    assert server.http("PUT", "/v1/sys/leases/lookup", lease)[0] == 400


def test_unrecoverable_alone_ends_the_tries(server: VaultServer, kind: Path) -> None:
    del kind
    server.enable("loans", "loans")
    leases = [server.http("GET", f"/v1/loans/loan/{end}")[1]["lease_id"] for end in END]
    for lease in leases:
        server.http("PUT", "/v1/sys/leases/revoke", {"lease_id": lease, "sync": False})

    def given_up() -> list[str]:
        _, answer = server.http("GET", "/v1/sys/leases?type=irrevocable")
        return [lease["lease_id"] for lease in answer["data"]["leases"]]

    logged(server, "ask again")
    eventually(lambda: given_up() == [leases[END.index("never")]])
    assert server.http("PUT", "/v1/sys/leases/revoke-force/loans")[0] == 204
    server.disable("loans")


def test_an_answer_that_is_none_names_its_handler(server: VaultServer, kind: Path) -> None:
    del kind
    server.enable("loans", "loans")
    status, answer = server.http("GET", "/v1/loans/confusion")
    assert (status, NO_ANSWER in str(answer["errors"])) == (500, True)
    logged(server, f".loans: {NO_ANSWER}")
    assert "hvs.secret" not in server.log_path.read_text()
    server.disable("loans")
