"""Pachyderm's releases, and what each of them can do."""

from __future__ import annotations

import enum
import re

from shim import UserError

Release = tuple[int, int, int]
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Feature(enum.Enum):
    """What only some releases have; the value is the subject of "needs Pachyderm ..."."""

    RESTORE = "minting crash-safe"
    GRANT = "a role with grants"
    EXTRACT = "telling which tokens there are"
    PROJECT = "a grant on a project, or of a role of projects,"
    COUNT = "telling how many tokens were revoked"
    ENDLESS = "a new token without end"
    END = "telling when a token ends"


# The releases that lack it: from one, up to before the other, which has it.
_LACK: dict[Feature, tuple[tuple[Release, Release], ...]] = {
    Feature.RESTORE: (((1, 0, 0), (1, 11, 9)),),
    Feature.GRANT: (((1, 0, 0), (1, 11, 9)),),
    Feature.EXTRACT: (((1, 0, 0), (1, 11, 9)),),
    Feature.PROJECT: (((2, 0, 0), (2, 5, 0)),),
    Feature.COUNT: (((1, 0, 0), (1, 11, 8)), ((2, 0, 0), (2, 4, 3))),
    Feature.ENDLESS: (((1, 9, 8), (1, 11, 0)),),
    Feature.END: (((1, 0, 0), (1, 7, 5)),),
}
# The releases whose subjects have fewer characters than those of all others.
_SHORT_SUBJECTS: tuple[Release, Release] = ((2, 0, 0), (2, 5, 0))
_SHORT_SUBJECT = 64


def parse(version: str) -> Release | None:
    """The release in a version such as ``2.11.6`` or ``2.5.0-rc.1``; None where there is none."""
    match = _VERSION.match(version)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def show(release: Release) -> str:
    """As Pachyderm writes it."""
    return ".".join(map(str, release))


def has(release: Release | None, feature: Feature) -> bool:
    """Whether `release` has `feature`; one that is not known is taken for the newest."""
    return _first_with(release, feature) is None


def check(release: Release | None, feature: Feature) -> None:
    """Raise UserError, which names the release needed, where `release` lacks `feature`."""
    first = _first_with(release, feature)
    if first is not None and release is not None:
        raise UserError(
            f"{feature.value} needs Pachyderm {show(first)} or later; this cluster runs"
            f" {show(release)}"
        )


def check_subject(release: Release | None, subject: str) -> None:
    """Raise UserError, which names the release needed, for a subject too long for `release`."""
    limit = longest_subject(release)
    if limit is not None and len(subject) > limit and release is not None:
        raise UserError(
            f"invalid subject: longer than {limit} characters, which needs Pachyderm"
            f" {show(_SHORT_SUBJECTS[1])} or later; this cluster runs {show(release)}"
        )


def longest_subject(release: Release | None) -> int | None:
    """How many characters a subject may have by `release`; None where that sets no limit."""
    first, after = _SHORT_SUBJECTS
    return _SHORT_SUBJECT if release is not None and first <= release < after else None


def _first_with(release: Release | None, feature: Feature) -> Release | None:
    """The first release after `release` that has what it lacks; None where it lacks nothing."""
    if release is None:
        return None
    return next((after for first, after in _LACK[feature] if first <= release < after), None)
