from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.integration import container
from tests.integration.openbao import servers

if TYPE_CHECKING:
    import pytest

# As a terminal has them: what runs in the background has them ignored, and so have its children,
# which then leave them alone.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell, quiet or not, which servers the suite ran on, and why not on the others.

    Here, where the process that shares the tests out among others finds it.
    """
    absence = container.absence()
    names = [name for name, _ in servers()]
    terminalreporter.section("servers")
    terminalreporter.line(f"tested on: {', '.join(names if absence else [*names, 'container'])}")
    if "vault" in names:
        terminalreporter.line("on OpenBao alone: tests/chaos, and clusters whose nodes hide")
    else:
        terminalreporter.line("not on Vault: VAULT_BIN is not set and no vault is on PATH")
    if absence:
        terminalreporter.line(f"not in a container: {absence}")
