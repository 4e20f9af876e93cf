"""Which subjects each generation accepts, and what 1.x makes of them."""

from collections.abc import Collection

from tests.pachd.refusal import Refusal

EVERYBODY = "allClusterUsers"
V1_PREFIXES = {"github", "pach", "pipeline", "robot"}
V2_PREFIXES = {"group", "internal", "pach", "pipeline", "robot", "user"}


def canonical(subject: str, identity_providers: Collection[str], *, root_user: bool = True) -> str:
    """Return the subject as 1.x stores it: a bare name is a GitHub user's.

    Releases without a ``root_user`` know no ``pach:``.
    """
    if subject == EVERYBODY:
        return subject
    if ":" not in subject:
        subject = f"github:{subject}"
    prefix, _, name = subject.partition(":")
    if prefix in identity_providers or prefix.removeprefix("group/") in identity_providers:
        return subject
    if prefix not in V1_PREFIXES or (prefix == "pach" and not root_user):
        raise Refusal(f"subject has unrecognized prefix: {prefix}:")
    if prefix == "github" and ":" in name:
        raise Refusal(f"invalid username has multiple prefixes: {subject}")
    return subject


def check_v2(subject: str) -> None:
    """Raise unless 2.x takes the subject as the principal of a role binding."""
    if subject == EVERYBODY:
        return
    prefix, colon, _ = subject.partition(":")
    if not colon:
        raise Refusal("subject has no prefix, must be of the form <type>:<name>")
    if prefix not in V2_PREFIXES:
        raise Refusal(f"subject has unrecognized prefix: {prefix}:")
