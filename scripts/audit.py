"""Ask whether anything that goes into the built file is known to be vulnerable: `make audit`.

pip-audit asks the package index about each version in requirements-plugin.lock. Where the index
does not answer, or knows nothing of a package, pip-audit finds no fault; here that is no pass.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "requirements-plugin.lock"
COMMAND = ("-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off")
CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 3


def findings(report: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Read pip-audit's report: for each package what was found, and in words."""
    for package in report["dependencies"]:
        if "skip_reason" in package:
            yield NOT_AUDITED, f"{package['name']}: not audited: {package['skip_reason']}"
            continue
        about = f"{package['name']} {package['version']}"
        for fault in package["vulns"]:
            fixed = ", ".join(fault["fix_versions"]) or "no version yet"
            yield VULNERABLE, f"{about}: {fault['id']}, fixed in {fixed}"
        if not package["vulns"]:
            yield CLEAN, f"{about}: nothing known"


def verdict(found: list[tuple[int, str]]) -> int:
    """Give the exit code: a fault outweighs all, and what was not audited is not clean."""
    codes = {code for code, _ in found} or {NOT_AUDITED}
    return next(code for code in (VULNERABLE, NOT_AUDITED, CLEAN) if code in codes)


def main() -> int:
    """Audit; give the exit code."""
    asked = subprocess.run(
        [sys.executable, *COMMAND, "--format=json", "-r", LOCK], capture_output=True, text=True
    )
    try:
        found = list(findings(json.loads(asked.stdout)))
    except ValueError:
        last = asked.stderr.strip().rpartition("\n")[2]
        found = [(NOT_AUDITED, f"not audited: {last or 'pip-audit said nothing'}")]
    for _, line in found:
        print(f"audit: {line}")
    return verdict(found)


if __name__ == "__main__":
    sys.exit(main())
