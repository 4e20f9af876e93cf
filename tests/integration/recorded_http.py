"""The original plugin's recorded HTTP behaviour, and what of an answer can be compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.kind import OPENBAO

if TYPE_CHECKING:
    from tests.integration.kind import Kind

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "tests" / "recorded" / "go-plugin-1.13.4-over-http.json"
DIFFERENCES = ROOT / "docs" / "differences.md"
RECORDED_PORT = "31650"

# Made anew by every run: only whether there is a value is compared.
_MADE = {
    "request_id",
    "accessor",
    "uuid",
    "running_sha256",
    "running_plugin_version",
    "client-version",
    "expire_time",
    "issue_time",
    "last_renewal",
    "creation_time",
    "token",
}
_TOKEN = re.compile(r"[0-9a-f]{32}")
_CLOSE = 3  # seconds by which a TTL that runs down may differ


def cases(port: int) -> list[dict[str, Any]]:
    """The recorded cases, in order, with pachd at `port`; their names are as recorded."""
    recorded = json.loads(RECORDED.read_text())
    moved: list[dict[str, Any]] = json.loads(RECORDED.read_text().replace(RECORDED_PORT, str(port)))
    for case, original in zip(moved, recorded, strict=True):
        case["case"] = original["case"]
    return moved


def differences() -> set[str]:
    """The cases that ``docs/differences.md`` lists, each as ``- `case` ``."""
    return set(re.findall(r"^- `(.+)`$", DIFFERENCES.read_text(), re.MULTILINE))


def comparable(answer: Any, key: str = "") -> Any:
    """`answer` without what is made anew by every run."""
    if isinstance(answer, dict):
        return {name: comparable(value, name) for name, value in answer.items()}
    if isinstance(answer, list):
        return [comparable(item, key) for item in answer]
    if key in _MADE:
        return bool(answer)
    if key == "user_token" and isinstance(answer, str) and _TOKEN.fullmatch(answer):
        return "<token>"
    if key in ("lease_id", "id") and isinstance(answer, str) and answer:
        return answer.rpartition("/")[0] + "/<id>"
    return answer


def as_recorded(answer: Any, kind: Kind) -> Any:
    """`answer` in OpenBao's form, in which all is recorded.

    Vault adds the type of the mount, leaves the path out where a lease is looked up, and has words
    of its own for a body that is no JSON.
    """
    if kind is OPENBAO or not isinstance(answer, dict):
        return answer
    told = {name: value for name, value in answer.items() if name != "mount_type"}
    if errors := told.get("errors"):
        told["errors"] = [error.replace(kind.not_json, OPENBAO.not_json) for error in errors]
    looked_up = told.get("data") or {}
    if "last_renewal" in looked_up:
        told["data"] = {**looked_up, "path": looked_up["id"].rpartition("/")[0]}
    return told


def same(one: Any, other: Any, key: str = "") -> bool:
    """Whether two comparable answers are the same, TTLs that run down within seconds."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k], k) for k in one)
    if key == "ttl" and isinstance(one, int) and isinstance(other, int):
        return abs(one - other) <= _CLOSE
    return bool(one == other)
