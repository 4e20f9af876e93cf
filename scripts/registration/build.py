"""A version of the plugin as the server's catalog knows it, and where it is read from."""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "vault-plugin-secrets-pachyderm"
START_SECONDS = 30.0

_VERSION = re.compile(rf"{NAME} (\d+\.\d+\.\d+\S*)")
_PARTS = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")


class UnusableFileError(Exception):
    """The file is no plugin this machine can run; the text says why."""


@dataclass(frozen=True)
class Build:
    """One version: `version` has a leading v, `command` is its file in `plugin_directory`.

    `file` is where it was built, None for one that was only found in the catalog.
    """

    version: str
    sha256: str
    command: str
    file: Path | None = None


def read(file: Path) -> Build:
    """Ask the built file its version and take its sha256. Raises UnusableFileError.

    Two versions in one directory need two names, so the version is part of the command's.
    """
    if not file.is_file():
        raise UnusableFileError(f"there is no file {file}: run make build, or name it with --file")
    try:
        # With no environment: it needs none, and the operator's holds a token.
        said = subprocess.run(
            [file.absolute(), "--version"],
            env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=START_SECONDS, check=False,
        )  # fmt: skip
    except PermissionError:
        raise UnusableFileError(f"{file} is not executable: chmod 755 '{file}'") from None
    except FileNotFoundError:
        with file.open("rb") as opened:
            interpreter = opened.readline(200)[2:].decode(errors="replace").split(" ")[0].strip()
        raise UnusableFileError(
            f"{file} runs on {interpreter}, which is not there: "
            "make build FORM=zip INTERPRETER=/path"
        ) from None
    except OSError as error:
        raise UnusableFileError(f"{file} does not run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UnusableFileError(
            f"{file} does not tell its version in {START_SECONDS:.0f} s"
        ) from None
    told = _VERSION.fullmatch(said.stdout.strip())
    if told is None:
        words = (said.stdout + said.stderr).strip().partition("\n")[0][:200]
        raise UnusableFileError(f"{file} is not {NAME}: asked for its version it says {words!r}")
    version = f"v{told[1]}"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return Build(version, sha256, f"{NAME}-{version}", file)


def canonical(version: str) -> str:
    """Give a version as operators type it with its leading v. Raises ValueError."""
    with_v = version if version.startswith("v") else f"v{version}"
    if _PARTS.fullmatch(with_v) is None:
        raise ValueError(f"{version!r} is no version such as v0.1.0")
    return with_v


def order(version: str) -> tuple[int, int, int, bool, str]:
    """A key that sorts versions; one that cannot be read comes first.

    Pre-releases come before their release, and among themselves by their text.
    """
    parts = _PARTS.fullmatch(version)
    if parts is None:
        return (-1, 0, 0, False, "")
    return (int(parts[1]), int(parts[2]), int(parts[3]), parts[4] is None, parts[4] or "")
