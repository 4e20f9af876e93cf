"""The plugin's process: what the host starts, and what a curious operator starts by hand."""

from __future__ import annotations

import sys

from shim import licences, serve
from vault_plugin import VERSION
from vault_plugin.engine import backend

NAME = "vault-plugin-secrets-pachyderm"
ABOUT = f"""\
{NAME} {VERSION}: a secrets engine for HashiCorp Vault and OpenBao that mints Pachyderm tokens.

This is a plugin: the server starts it, it is of no use by hand. To install it, copy this file
into the server's plugin_directory, then:

    $ vault plugin register -sha256=$(sha256sum {NAME} | cut -d' ' -f1) secret {NAME}
    $ vault secrets enable -path=pachyderm {NAME}

--version tells the version, --licenses the licence notices of all that is inside.
"""


def main() -> None:
    """Run the plugin, or answer ``--version``, ``--help`` and ``--licenses``."""
    match sys.argv[1:]:
        case ["--version"]:
            sys.stdout.write(f"{NAME} {VERSION}\n")
        case ["--help" | "-h"]:
            sys.stdout.write(ABOUT)
        case ["--licenses"]:
            sys.stdout.write(licences())
        case _:
            serve(backend, name=NAME, version=f"v{VERSION}", about=ABOUT, modules=("vault_plugin",))


if __name__ == "__main__":
    main()
