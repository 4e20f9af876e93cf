"""The plugin's process: what the host starts, and what a curious operator starts by hand."""

from __future__ import annotations

import sys

from shim import NotInstalled, install, licences, serve
from vault_plugin import VERSION
from vault_plugin.engine import backend

NAME = "vault-plugin-secrets-pachyderm"
ABOUT = f"""\
{NAME} {VERSION}: a secrets engine for HashiCorp Vault and OpenBao that mints Pachyderm tokens.

This is a plugin: the server starts it, it is of no use by hand. To install it, copy this file
into the server's plugin_directory, then:

    $ vault plugin register -sha256=$(sha256sum {NAME} | cut -d' ' -f1) secret {NAME}
    $ vault secrets enable -path=pachyderm {NAME}

--install DIR does the first, under a name that says the version, and prints the commands.
--version tells the version, --licenses the licence notices of all that is inside.
"""


def main() -> None:
    """Run the plugin, or do what an option asks."""
    match sys.argv[1:]:
        case ["--version"]:
            sys.stdout.write(f"{NAME} {VERSION}\n")
        case ["--help" | "-h"]:
            sys.stdout.write(ABOUT)
        case ["--install", folder]:
            try:
                sys.stdout.write(install(folder, name=NAME, version=f"v{VERSION}"))
            except NotInstalled as error:
                sys.exit(f"{NAME}: not installed: {error}")
        case ["--licenses"]:
            sys.stdout.write(licences())
        case _:
            serve(backend, name=NAME, version=VERSION, about=ABOUT, modules=("vault_plugin",))


if __name__ == "__main__":
    main()
