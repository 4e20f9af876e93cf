"""`scripts/register` installs a mount, says so first, finds it done after, and refuses clearly."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.registration.server import Server
from tests.integration.mount import PLUGIN
from tests.integration.namespace import make_namespace
from tests.integration.openbao import VaultServer
from tests.integration.pretender import Answer, Pretender
from tests.integration.register import (
    NEWER,
    VERSION,
    file_name,
    refused,
    register,
    registered,
)

CATALOG = f"/v1/sys/plugins/catalog/secret/{PLUGIN}?version={VERSION}"
MOUNT = "/v1/sys/mounts/pachyderm"


def told(server: VaultServer, path: str) -> Any:
    return server.http("GET", path)[1]["data"]


def test_without_apply_it_tells_and_does_nothing(ready: VaultServer, plugin_file: Path) -> None:
    ran = register(ready)
    assert ran.returncode == 0
    sha256 = hashlib.sha256(plugin_file.read_bytes()).hexdigest()
    vault = ready.kind.program
    assert f"{vault} plugin register -sha256={sha256} -command={file_name(VERSION)}" in ran.stdout
    assert (
        f"{vault} secrets enable -path=pachyderm -plugin-version={VERSION} {PLUGIN}" in ran.stdout
    )
    assert f"install -m 755 {plugin_file} plugin_directory/{file_name(VERSION)}" in ran.stdout
    assert "Nothing was done" in ran.stdout
    assert ready.http("GET", CATALOG)[0] == 404
    assert ready.http("GET", MOUNT)[0] == 400
    assert ready.plugin_pids() == []


def test_it_installs_and_a_second_run_changes_nothing(
    ready: VaultServer, plugin_file: Path
) -> None:
    assert "Done" in registered(ready)
    mounted = told(ready, MOUNT)
    assert mounted["running_plugin_version"] == VERSION
    assert mounted["running_sha256"] == hashlib.sha256(plugin_file.read_bytes()).hexdigest()
    pids = ready.plugin_pids()
    for arguments in ((), ("--apply",), ("--rollback", VERSION, "--apply")):
        again = register(ready, *arguments)
        assert again.returncode == 0
        assert again.stdout.count("\n") == 1
        assert "nothing to do" in again.stdout
    assert told(ready, MOUNT) == mounted
    assert ready.plugin_pids() == pids


def type_what_it_tells(server: VaultServer, *arguments: str) -> list[str]:
    """Run the commands it tells, as an operator does; they are given."""
    vault = server.kind.program
    shown = [line.strip() for line in register(server, *arguments).stdout.splitlines()]
    commands = [line for line in shown if line.startswith(f"{vault} ")]
    for command in commands:
        script = f"{vault}() {{ '{server.binary}' \"$@\"; }}; {command}"
        environment = server.environment(server.root_token)
        subprocess.run(["bash", "-euc", script], env=environment, check=True, timeout=60)
    return commands


def test_the_commands_it_tells_do_the_same(ready: VaultServer, newer_plugin_file: Path) -> None:
    assert len(type_what_it_tells(ready)) == 2
    assert "nothing to do" in register(ready).stdout
    ready.place(file_name(NEWER), newer_plugin_file)
    upgrade = ("--file", str(newer_plugin_file))
    assert "reload" in str(type_what_it_tells(ready, *upgrade))
    assert "nothing to do" in register(ready, *upgrade).stdout
    assert told(ready, MOUNT)["running_plugin_version"] == NEWER


@pytest.mark.parametrize(
    ("environment", "version", "health", "program"),
    [
        ({}, "2.7.2", {"version": "2.7.2"}, "bao"),
        ({}, "2.0.0", {"version": "2.0.0"}, "bao"),
        ({}, "1.21.4", {"version": "1.21.4", "enterprise": False}, "vault"),
        ({}, "1.12.0", {"version": "1.12.0"}, "vault"),
        ({"BAO_ADDR": ""}, "2.0.0+ent", {"version": "2.0.0+ent", "enterprise": True}, "vault"),
        ({"BAO_ADDR": ""}, "", {"enterprise": False}, "vault"),  # held back by `redact_version`
        ({"BAO_ADDR": ""}, "", {}, "bao"),
        ({}, "", {}, "vault"),
        ({}, "2.7.2", ["no health"], "bao"),
    ],
)
def test_the_kind_of_server_is_told_by_what_it_answers(
    environment: dict[str, str], version: str, health: object, program: str
) -> None:
    state = {"initialized": False, "sealed": True, "version": version}
    with Pretender({"sys/seal-status": state, "sys/health": Answer(health, 501)}) as web:
        asked = Server(dict.fromkeys(environment or ["VAULT_ADDR"], web.address))
        asked.state()
    assert asked.program == program
    assert web.tokens == set()


def test_what_was_registered_by_hand_under_another_name_is_taken(
    ready: VaultServer, plugin_file: Path
) -> None:
    ready.register(PLUGIN, plugin_file)  # the server takes the version the plugin tells
    file = ready.plugin_directory / PLUGIN
    file.chmod(0o644)
    assert f"must be able to run plugin_directory/{PLUGIN}:" in refused(ready, "--apply")
    file.chmod(0o755)
    assert "1. mount" in registered(ready)
    assert told(ready, CATALOG)["command"] == PLUGIN


def test_its_policy_is_enough_and_no_more_than_that(
    ready: VaultServer, newer_plugin_file: Path
) -> None:
    printed = register(ready, "--policy", VAULT_ADDR=None, BAO_ADDR=None).stdout
    rules = {rule.split('"')[1]: rule for rule in printed.strip().split("\n\n")}
    upgrade = ("--file", str(newer_plugin_file))
    ready.place(file_name(NEWER), newer_plugin_file)

    def token(policy: str) -> str:
        assert ready.http("PUT", "/v1/sys/policies/acl/operator", {"policy": policy})[0] == 204
        made = ready.http("POST", "/v1/auth/token/create", {"policies": ["operator"]})[1]
        return str(made["auth"]["client_token"])

    def needed(*arguments: str) -> set[str]:
        """The paths without whose rule the plan is refused, before anything is done."""
        found = set()
        for path, rule in rules.items():
            ran = register(ready, *arguments, token=token(printed.replace(rule, "")))
            if ran.returncode:
                assert f"may not use {path}" in ran.stderr
                assert rule in ran.stderr
                found.add(path)
        return found

    catalog = f"sys/plugins/catalog/secret/{PLUGIN}"
    mount = "sys/mounts/pachyderm"
    assert needed() == {catalog, "sys/mounts", mount}
    registered(ready, token=token(printed))
    reload = "sys/plugins/reload/backend"
    switching = {f"{mount}-trial", f"{mount}/tune", reload}
    assert needed(*upgrade) == {catalog, "sys/mounts", *switching}
    registered(ready, *upgrade, token=token(printed))
    registered(ready, "--rollback", VERSION, token=token(printed))
    assert set(rules) == {catalog, "sys/mounts", mount, *switching, "sys/ha-status"}


def test_rights_that_are_not_enough_are_missed_before_anything_is_done(
    ready: VaultServer, newer_plugin_file: Path
) -> None:
    printed = register(ready, "--policy").stdout
    registered(ready)
    ready.place(file_name(NEWER), newer_plugin_file)
    trial = 'path "sys/mounts/pachyderm-trial" {\n  capabilities = ["create", "update", "delete"]'
    assert trial in printed
    for missing in ('"update", ', ', "delete"'):
        policy = printed.replace(trial, trial.replace(missing, ""))
        assert ready.http("PUT", "/v1/sys/policies/acl/operator", {"policy": policy})[0] == 204
        made = ready.http("POST", "/v1/auth/token/create", {"policies": ["operator"]})[1]
        token = made["auth"]["client_token"]
        said = refused(ready, "--file", str(newer_plugin_file), "--apply", token=token)
        assert "may not use sys/mounts/pachyderm-trial" in said
    assert NEWER not in str(told(ready, "/v1/sys/plugins/catalog")["detailed"])


def test_in_a_namespace(ready: VaultServer) -> None:
    make_namespace(ready)
    inside = {"X-Vault-Namespace": "team"}
    assert "namespace team" in registered(ready, VAULT_NAMESPACE="team/")
    assert "nothing to do" in register(ready, VAULT_NAMESPACE="team").stdout
    assert ready.http("GET", MOUNT)[0] == 400
    assert ready.http("GET", MOUNT, headers=inside)[1]["data"]["running_plugin_version"] == VERSION
    assert "namespace not found" in refused(ready, VAULT_NAMESPACE="teem")
    body = {"policies": ["default"]}
    made = ready.http("POST", "/v1/auth/token/create", body, headers=inside)[1]
    said = refused(ready, token=made["auth"]["client_token"], VAULT_NAMESPACE="team")
    assert f"sys/plugins/catalog/secret/{PLUGIN} of the root namespace" in said


def test_in_a_namespace_its_policy_is_enough(ready: VaultServer, newer_plugin_file: Path) -> None:
    make_namespace(ready)
    policy = register(ready, "--policy", VAULT_NAMESPACE="team").stdout
    assert ready.http("PUT", "/v1/sys/policies/acl/operator", {"policy": policy})[0] == 204
    made = ready.http("POST", "/v1/auth/token/create", {"policies": ["operator"]})[1]
    operator = {"token": made["auth"]["client_token"], "VAULT_NAMESPACE": "team"}
    registered(ready, **operator)
    ready.place(file_name(NEWER), newer_plugin_file)
    registered(ready, "--file", str(newer_plugin_file), **operator)
    outside = policy.replace("team/sys/mounts/", "sys/mounts/")
    assert ready.http("PUT", "/v1/sys/policies/acl/operator", {"policy": outside})[0] == 204
    assert "may not use sys/mounts" in refused(ready, "--rollback", VERSION, "--apply", **operator)


def test_paths_with_blanks_and_slashes(ready: VaultServer) -> None:
    registered(ready, "--path", "/data science/pachyderm #1/", "--path", "pachyderm")
    told_mounts = told(ready, "/v1/sys/mounts")
    assert told_mounts["data science/pachyderm #1/"]["type"] == PLUGIN
    assert told_mounts["pachyderm/"]["type"] == PLUGIN
    assert refused(ready, "--path", "pachyderm/below", "--apply").count("already in use") == 1


def test_a_mount_of_another_kind_is_left_alone(ready: VaultServer, plugin_file: Path) -> None:
    assert "a mount of type 'kv'" in refused(ready, "--path", "secret", "--apply")
    # As the documents of Pachyderm's own plugin have it mounted.
    ready.register("pachyderm", plugin_file)
    ready.enable("pachyderm", "pachyderm")
    said = refused(ready, "--apply")
    assert "a mount of type 'pachyderm'" in said
    assert "mount this one beside it" in said
    assert ready.http("GET", CATALOG)[0] == 404


def test_an_older_build_is_no_upgrade(ready: VaultServer, newer_plugin_file: Path) -> None:
    ready.place(file_name(NEWER), newer_plugin_file)
    registered(ready, "--file", str(newer_plugin_file))
    assert f"to go back: --rollback {VERSION}" in refused(ready, "--apply")
    said = refused(ready, "--rollback", VERSION, "--apply")
    assert f"{VERSION} is not registered; registered: {NEWER}" in said
