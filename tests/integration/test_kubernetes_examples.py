"""The files of examples/kubernetes against the schemas of Kubernetes, and what holds among them.

Of the values of the charts, what goes into a pod is put into the StatefulSet that they make of it.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.integration.documents import ROOT, blocks
from tests.integration.kind import OPENBAO, VAULT, Kind
from tests.integration.mount import PLUGIN
from tests.integration.openbao import openbao

EXAMPLES = ROOT / "examples" / "kubernetes"
RELEASES = (
    "1.30",
    "1.37",
)  # the oldest that OpenBao's chart takes, the newest there are schemas of
CHARTS = {"vault-values.yaml": VAULT, "openbao-values.yaml": OPENBAO}
#: the Pod Security Standard `restricted`
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@cache
def documents(name: str) -> list[dict[str, Any]]:
    """The YAML documents of a file."""
    return list(yaml.safe_load_all((EXAMPLES / name).read_text()))


def server(name: str) -> dict[str, Any]:
    """The values of the server."""
    [values] = documents(name)
    found: dict[str, Any] = values["server"]
    return found


def stateful_set(values: dict[str, Any]) -> dict[str, Any]:
    """What the charts make of the values of a server, their own parts left out."""
    environment = values.get("extraEnvironmentVars", {})
    labels = {"component": "server"}
    container = {
        "name": "server",
        "image": "server",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "volumeMounts": values.get("volumeMounts", []),
    }
    pod = {
        "initContainers": values["extraInitContainers"],
        "containers": [container],
        "volumes": values.get("volumes", []),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "server"},
        "spec": {
            "serviceName": "server-internal",
            "replicas": values.get("ha", {}).get("replicas", 1),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def validate(manifest: dict[str, Any]) -> None:
    """Hold that a manifest has no field but those of its kind, each of its type."""
    for release in RELEASES:
        kubernetes_validate.validate(manifest, release, strict=True)


def test_a_field_that_is_none_and_a_type_that_is_wrong_are_found() -> None:
    for field, value in (("readOnlyRoot", True), ("runAsUser", "65534")):
        values = yaml.safe_load((EXAMPLES / "upgrade-values.yaml").read_text())["server"]
        values["extraInitContainers"][0]["securityContext"][field] = value
        with pytest.raises(kubernetes_validate.ValidationError):
            validate(stateful_set(values))


@pytest.mark.parametrize("name", [*CHARTS, "upgrade-values.yaml"])
def test_what_goes_into_a_pod_is_of_its_schema(name: str) -> None:
    validate(stateful_set(server(name)))


def test_the_application_is_of_its_schema() -> None:
    manifests = documents("application.yaml")
    assert [one["kind"] for one in manifests] == ["ServiceAccount", "Deployment"]
    for manifest in manifests:
        validate(manifest)
    account, deployment = manifests
    pod = deployment["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    [container] = pod["spec"]["containers"]
    whole = pod["spec"]["securityContext"] | container["securityContext"]
    assert RESTRICTED.items() <= whole.items()
    assert whole["runAsUser"] > 0  # which agent-run-as-same-user reads


@pytest.mark.parametrize("name", [*CHARTS, "upgrade-values.yaml"])
def test_an_init_container_has_no_right_and_installs_into_its_volume(name: str) -> None:
    for container in server(name)["extraInitContainers"]:
        context = container["securityContext"]
        assert RESTRICTED.items() <= context.items()
        assert context["runAsUser"] == context["runAsGroup"] == 65534
        assert context["readOnlyRootFilesystem"] is True
        [mounted] = container["volumeMounts"]
        assert container["args"] == ["--install", mounted["mountPath"]]
        assert re.search(rf"/{PLUGIN}:v[0-9.]+$", container["image"])


@pytest.mark.parametrize("name", CHARTS)
def test_the_server_has_that_volume_for_its_plugin_directory(name: str) -> None:
    values = server(name)
    mounts = {mount["name"]: mount for mount in values["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in values["volumes"]}
    assert all(mount["readOnly"] for mount in mounts.values())
    [installed] = values["extraInitContainers"][0]["volumeMounts"]
    directory = mounts[installed["name"]]["mountPath"]
    assert f'plugin_directory = "{directory}"' in values["ha"]["raft"]["config"]


@pytest.mark.parametrize("name", CHARTS)
def test_an_upgrade_keeps_what_is_installed_and_adds_one(name: str) -> None:
    (now,) = server(name)["extraInitContainers"]
    old, new = server("upgrade-values.yaml")["extraInitContainers"]
    assert old == now
    assert {**new, "name": old["name"], "image": old["image"]} == old
    assert new["image"] != old["image"]


@pytest.mark.parametrize(("name", "kind"), CHARTS.items())
def test_a_real_server_reads_the_configuration(name: str, kind: Kind, tmp_path: Path) -> None:
    config = tmp_path / "config.hcl"
    text: str = server(name)["ha"]["raft"]["config"]
    text = text.replace('service_registration "kubernetes" {}', "").replace('"/', f'"{tmp_path}/')
    config.write_text(text)
    for place in ("plugin_directory", "path"):
        [folder] = re.findall(rf'\b{place} += "(.*)"', text)
        Path(folder).mkdir(parents=True)
    of_chart = {"BAO_API_ADDR": "https://127.0.0.1:8200", "BAO_CLUSTER_ADDR": "https://one:8201"}
    ran = subprocess.run(
        [openbao(), "server", f"-config={config}"],
        env={"HOME": str(tmp_path), **of_chart},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 1
    assert "tls.crt: no such file" in said  # all it lacks
    unknown = re.findall(r"unknown or unsupported field (\w+)", said)
    assert unknown == (["disable_mlock"] if kind is VAULT else [])


def test_the_page_s_own_manifests_are_yaml_with_names() -> None:
    shown = [block for block in blocks(ROOT / "docs" / "kubernetes.md") if block.info == "yaml"]
    manifests = [one for block in shown for one in yaml.safe_load_all(block.text)]
    assert [one["kind"] for one in manifests] == [
        "VaultDynamicSecret",
        "VaultDynamicSecret",
        "ExternalSecret",
    ]
    assert {one["metadata"]["namespace"] for one in manifests} == {"reports"}
