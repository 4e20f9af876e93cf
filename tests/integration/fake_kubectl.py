"""A stand-in for kubectl, for the commands of docs/kubernetes.md: this machine is its pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.kept_server import KeptServer
from tests.integration.register import VERSION
from tests.pachd import self_signed

if TYPE_CHECKING:
    from pathlib import Path

#: An init container's log is had by running it again: it changes nothing and says the same.
SCRIPT = """#!/bin/sh -eu
[ "$2" = vault-0 ] || [ "$2" = -i ]
case "$1 $3 $4" in
"logs -c pachyderm") exec dist/vault-plugin-secrets-pachyderm --install "$PLUGIN_DIRECTORY" ;;
"logs -c pachyderm-next") exec "$NEWER" --install "$PLUGIN_DIRECTORY" ;;
"exec vault-0 --") shift 4 && exec "$@" ;;
*) echo "no such kubectl: $*" >&2 && exit 2 ;;
esac
"""


class WithKubectl(KeptServer):
    """A server that the page's ``kubectl`` reaches, whose init container has run."""

    def start(self) -> None:
        """Start it, with ``kubectl`` beside its command line."""
        command: Path = self.directory / "bin" / "kubectl"
        command.parent.mkdir(exist_ok=True)
        command.write_text(SCRIPT)
        command.chmod(0o755)
        super().start()

    def environment(self, token: str | None = None) -> dict[str, str]:
        """As of any server, with what an operator of the page has at hand."""
        at_hand = {
            "UNSEAL_KEY": self._unseal_key,
            "VERSION": VERSION,
            "CLUSTER_CA": self_signed("kubernetes").certificate.decode(),
        }
        return super().environment(token) | (at_hand if token else {})
