"""Run h2spec against the HTTP/2 core: every case, or fail.

h2spec is built by `go install`, at a pinned version, into `.tools/`. Without Go on PATH this
says so and succeeds. A case may fail only if it is in EXCEPTIONS, and must be argued there and in
docs/transport.md by RFC section; an exception that passes is an error, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from scripts import go

ROOT = Path(__file__).resolve().parent.parent
H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

#: "section: case" of h2spec -> why it may fail. At most three; none is needed.
EXCEPTIONS: dict[str, str] = {}

#: fewer cases than this were not the whole of h2spec
CASES = 146


def run(binary: Path) -> tuple[int, dict[str, str]]:
    """The number of cases run, and those that did not pass with what h2spec says of them."""
    listener = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.listener"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    report = go.TOOLS / "h2spec.xml"
    try:
        port = next(iter(listener.stdout or ())).strip()
        subprocess.run(
            [str(binary), "--strict", "--port", port, "--junit-report", str(report)],
            stdout=subprocess.DEVNULL,
            timeout=300,
        )
    finally:
        listener.communicate()
    count = 0
    missed: dict[str, str] = {}
    root = ET.parse(report).getroot()  # noqa: S314 - written by the tool we have just run
    for suite in root.iter("testsuite"):
        for case in suite.iter("testcase"):
            count += 1
            for kind in ("failure", "error", "skipped"):
                found = case.find(kind)
                if found is not None:
                    name = f"{case.get('package')}: {case.get('classname')}"
                    missed[name] = re.sub(r"\s+", " ", found.text or kind).strip()
    return count, missed


def main() -> int:
    """Run, print the outcome, and give the exit code."""
    if len(EXCEPTIONS) > 3:
        print("more than three exceptions: the transport no longer earns its place")
        return 1
    if not go.PRESENT:
        print("Go is not on PATH: h2spec not run")
        return 0
    try:
        binary = go.install(H2SPEC)
    except subprocess.CalledProcessError:
        print("h2spec could not be built: the lines above say why")
        return 1
    count, missed = run(binary)
    wrong = {name: text for name, text in missed.items() if name not in EXCEPTIONS}
    for name, text in wrong.items():
        print(f"h2spec failed: {name}\n    {text}")
    stale = [name for name in EXCEPTIONS if name not in missed]
    for name in stale:
        print(f"h2spec passes, yet it is listed as an exception: {name}")
    print(f"h2spec: {count} cases, {count - len(missed)} passed, {len(EXCEPTIONS)} excepted")
    if count < CASES:
        print(f"h2spec ran {count} cases, expected at least {CASES}")
    return 1 if wrong or stale or count < CASES else 0


if __name__ == "__main__":
    sys.exit(main())
