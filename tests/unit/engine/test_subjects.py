import re
import sys
import unicodedata

import pytest

from shim import UserError
from vault_plugin.invisible import DEFAULT_IGNORABLE, INVISIBLE
from vault_plugin.subjects import SubjectRules, check_form, check_globs

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


@pytest.mark.parametrize(
    "subject",
    [
        *("robot: x", "robot:x ", " robot:x", "robot :x", "robot:\tx", "robot:x\x1f"),
        *("robot:x\u00a0", "\u3000robot:x", "robot:\u2003x", "robot:a\u00a0b", "robot:a\u2028b"),
        *("robot:a\u00adb", "robot:a\u034fb", "robot:a\u115fb", "robot:a\u17b4b", "robot:\u3164"),
        *("robot:a\u180bb", "robot:a\u2060b", "robot:a\ufe0fb", "robot:a\uffa0b", "robot:a\ufff0b"),
        *("robot:a\U000e0001b", "robot:a\U000e0fffb", "rob\u200dot:x", "robot:a\u2800b"),
        *("robot:a\U0001d159b", "robot:a\U00016fe4b", "robot:a\ue000\u202eb", "robot:a\ud800b"),
    ],
)
def test_what_cannot_be_seen_is_refused(subject: str) -> None:
    with pytest.raises(UserError, match=r"invisible|blanks"):
        check_form(subject)


@pytest.mark.parametrize("subject", ["robot:été", "robot:名前", "robot:a b", "robot:ا", "robot:🤖"])
def test_what_can_be_seen_is_not(subject: str) -> None:
    check_form(subject)


def test_the_ranges_are_unicodes() -> None:
    """As DerivedCoreProperties.txt derives the property, by what `unicodedata` can tell."""
    ranges = {chr(c) for first, last in DEFAULT_IGNORABLE for c in range(first, last + 1)}
    assert sum(last - first + 1 for first, last in DEFAULT_IGNORABLE) == len(ranges) == 4174
    characters = [chr(code) for code in range(sys.maxunicode + 1)]
    formats = {c for c in characters if unicodedata.category(c) == "Cf"}
    annotations = set("\ufff9\ufffa\ufffb")
    hieroglyphs = {chr(code) for code in range(0x13430, 0x13440)}
    prepended = {
        c
        for c in formats
        if re.search(r"^(ARABIC|SYRIAC|KAITHI) (?!LETTER MARK)", unicodedata.name(c, ""))
    }
    assert formats - annotations - hieroglyphs - prepended <= ranges
    assert not ranges & (annotations | hieroglyphs | prepended)
    selectors = {c for c in characters if "VARIATION SELECTOR" in unicodedata.name(c, "")}
    assert selectors <= ranges
    rest = {c for c in ranges if unicodedata.category(c) not in ("Cf", "Cn")} - selectors
    assert rest == set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
    assert not any(c.isspace() for c in ranges)
    assert all(INVISIBLE.fullmatch(c) for c in ranges)


@pytest.mark.parametrize(
    "glob",
    [
        *("robot:*", "robot:evil", "*:*", "*:x", "*", "robot*", "*evil*", "robot?x", "robot:**"),
        *("robot:[a-c]*", "robot:[!x]", "robot:[]]", "robot:[é]", "user:o'brien@example.com"),
        *("robot:a?b", "okta:*@example.com", "pach:*", "git-hub.2:*"),
    ],
)
def test_globs_that_mean_something(glob: str) -> None:
    check_globs("denied_subjects", [glob])


MEANINGLESS = [
    *('["robot:evil"]', '["robot:a"', '"robot:b"]', "['robot:evil']", '"robot:evil"', "[*]"),
    *("{robot:evil}", "(robot:evil)", "robot:a robot:b", "robot:a\trobot:b", "evil", "", ":", ":x"),
    *("robot:", "robot:a:b", "*:*:*", "robot:[a", "robot:a]", "robot:[]", "robot:[z-a]"),
    *("robot:[:]", "robot:a\u200bb", "robot:[\u200b]", "robot:" + "x" * 130, "robot:a\u00a0b"),
    *('["*"]', '"*"', "robot:a;user:b\n", "null", "~"),
]


@pytest.mark.parametrize("glob", MEANINGLESS)
def test_globs_that_can_match_no_subject(glob: str) -> None:
    with pytest.raises(
        UserError, match=r"invalid denied_subjects: .* or as a JSON list"
    ) as refusal:
        check_globs("denied_subjects", ["robot:a", glob])
    assert str(refusal.value).isprintable()
