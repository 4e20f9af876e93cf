"""The certificate authorities that a client trusts: a bundle's, or the system's, as Go has them.

OpenSSL would look for the system's where its own build was told, which another distribution may not
have; it would leave out all the rest of a file that holds one broken certificate; and it does not
follow the variables in a process with file capabilities.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# As crypto/x509/root_linux.go has them: of the files the first that can be read, and of the
# directories all that is in them.
FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/pki/tls/cacert.pem",  # OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Red Hat 7
    "/etc/ssl/cert.pem",  # Alpine without its package of authorities
)
DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")

# Alone on their lines, without headers: a block with one has a colon in it.
_BLOCK = re.compile(
    r"^-----BEGIN CERTIFICATE-----[ \t]*\r?\n"
    r"([A-Za-z0-9+/= \t\r\n]*)"
    r"^-----END CERTIFICATE-----[ \t]*\r?$",
    re.MULTILINE,
)


def trust_bundle(context: ssl.SSLContext, bundle: str) -> None:
    """Have `context` trust the certificates in `bundle`, PEM, as Go's `AppendCertsFromPEM` does.

    Passed over is whatever else is there: words between the blocks, blocks of another kind, and
    those that hold no certificate. Raises ValueError where none is left.
    """
    if not _trust(context, [bundle]):
        raise ValueError("holds no certificate in PEM form")


def trust_system(context: ssl.SSLContext) -> None:
    """Have `context` trust the system's authorities; none are found where there are none.

    SSL_CERT_FILE names a file and SSL_CERT_DIR directories, with colons between them, in place of
    the usual ones.
    """
    _trust(context, _system())


def _trust(context: ssl.SSLContext, bundles: Iterable[str]) -> bool:
    """Whether any certificate was found; what stands there again and again is parsed once."""
    found = False
    blocks = dict.fromkeys(block[1] for bundle in bundles for block in _BLOCK.finditer(bundle))
    for block in blocks:
        with contextlib.suppress(ValueError, ssl.SSLError):  # no base64, no certificate
            context.load_verify_locations(cadata=base64.b64decode("".join(block.split())))
            found = True
    return found


def _system() -> Iterator[str]:
    """What stands in the system's files."""
    named = os.environ.get("SSL_CERT_FILE")
    for file in [named] if named else FILES:
        with contextlib.suppress(OSError):
            yield _text(Path(file))
            break
    listed = os.environ.get("SSL_CERT_DIR")
    for directory in listed.split(":") if listed else DIRECTORIES:
        if directory:
            with contextlib.suppress(OSError):
                yield from _texts(Path(directory))


def _texts(directory: Path) -> Iterator[str]:
    """What stands in a directory's files."""
    for path in directory.iterdir():
        with contextlib.suppress(OSError):
            if path.is_symlink() and len(path.readlink().parts) == 1:
                continue  # c_rehash(1) gives each a second name, by its subject's hash
            if path.is_file():
                yield _text(path)


def _text(path: Path) -> str:
    return path.read_bytes().decode("latin-1")  # whatever is written around the certificates
