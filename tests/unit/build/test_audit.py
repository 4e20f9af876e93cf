"""What pip-audit reports, and what `make audit` makes of it."""

from typing import Any

import pytest

from scripts.audit import CLEAN, NOT_AUDITED, VULNERABLE, findings, verdict

GOOD = {"name": "hpack", "version": "4.2.0", "vulns": []}
BAD = {
    "name": "protobuf",
    "version": "7.36.2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["7.36.3"], "aliases": [], "description": ""}],
}
UNKNOWN = {"name": "cffi", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code"),
    [
        ([GOOD], CLEAN),
        ([GOOD, BAD], VULNERABLE),
        ([GOOD, UNKNOWN], NOT_AUDITED),
        ([UNKNOWN, BAD], VULNERABLE),
        ([], NOT_AUDITED),
    ],
)
def test_the_verdict(packages: list[dict[str, Any]], code: int) -> None:
    assert verdict(list(findings({"dependencies": packages}))) == code


def test_each_package_has_its_line() -> None:
    lines = [line for _, line in findings({"dependencies": [GOOD, BAD, UNKNOWN]})]
    assert lines == [
        "hpack 4.2.0: nothing known",
        "protobuf 7.36.2: PYSEC-1, fixed in 7.36.3",
        "cffi: not audited: not found",
    ]
