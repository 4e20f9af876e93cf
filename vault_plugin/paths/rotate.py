"""``config/rotate``: a new admin token in place of the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim import Action, Operation, Path

if TYPE_CHECKING:
    from vault_plugin.rotation import Rotation

DESCRIPTION = """
Makes a new admin token for the same subject, proves it, and revokes the old one:

    $ vault write -f pachyderm/config/rotate

From then on nobody but the engine knows the admin token. It has no end if the old one had none,
else the old one's whole life again. A crash at any point leaves a working token in config. On
Pachyderm 2.x the token of the root user is rotated by RotateRootToken, which revokes all others
of that user; tokens of people cannot be rotated. rotation_period in config does this by itself.
"""


def path(rotation: Rotation) -> Path:
    """The path."""
    return Path(
        template="config/rotate",
        synopsis="Rotate the admin token.",
        description=DESCRIPTION,
        operations={
            Operation.UPDATE: Action(
                handler=rotation.rotate, summary="Rotate the admin token", writes=True
            )
        },
    )
