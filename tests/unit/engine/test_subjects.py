import pytest

from shim import UserError
from vault_plugin.subjects import SubjectRules, check_form

RULES = SubjectRules(("robot:*", "okta:*@example.com"), ("robot:root*",), "robot:admin")


@pytest.mark.parametrize(
    "subject",
    [
        "robot:x",
        "robot:a.b-c_d@e",
        "robot:a b",
        "robot:é",
        "okta:me@example.com",
        "robot:" + "x" * 122,
    ],
)
def test_allowed(subject: str) -> None:
    RULES.check(subject)


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("robot:admin", "engine's own admin"),
        ("robot:root1", "denied_subjects"),
        ("pach:root", "pachd's own"),
        ("user:me@example.com", "not among allowed_subjects"),
        ("Robot:x", "not among allowed_subjects"),
        ("okta:me@example.org", "not among allowed_subjects"),
        ("test", "one colon"),
        ("robot:", "one colon"),
        (":x", "one colon"),
        ("robot:a:b", "one colon"),
        ("robot:robot:admin", "one colon"),
        ("robot:a\nb", "invisible"),
        ("robot:a\u200bb", "invisible"),
        ("robot:" + "x" * 123, "longer than 128"),
        ("", "one colon"),
    ],
)
def test_refused(subject: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        RULES.check(subject)


def test_reserved_subjects_are_refused_though_allowed() -> None:
    everything = SubjectRules(("*",), (), "robot:admin")
    for subject in ("robot:admin", "pach:root", "pach:x"):
        with pytest.raises(UserError):
            everything.check(subject)


def test_the_form_alone() -> None:
    check_form("anything:else")
