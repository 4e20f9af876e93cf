"""What the documents tell their readers to type, and where they send them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "client" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?<![\w-])(?:vault|bao) [a-z]")
_INLINE = re.compile(r"`(?:\$ )?((?:vault|bao) [^`]+)`")
_PLACEHOLDER = re.compile(r"[…<]")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)]+)\)")
_FILE = re.compile(
    r"(?<![\w./$-])(?:bench|client|docs|examples|scripts|shim|tests|vault_plugin)/[\w./-]*\w"
)


@dataclass(frozen=True)
class Block:
    """A fenced block: ``console``, or ``console 1.x`` for one generation alone, is run.

    ``console demo`` is too, on what the demo left running: test_client_demo.py.
    """

    info: str
    text: str

    @property
    def tested(self) -> bool:
        return self.info.split()[:1] == ["console"]

    def runs_on(self, generation: str) -> bool:
        return self.tested and self.info.split()[1:] in ([], [generation])

    def commands(self) -> list[str]:
        """Its commands: lines after ``$ ``, with those that are indented below."""
        found: list[str] = []
        following = False
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
                following = True
            elif following and line.startswith(" "):
                found[-1] += "\n" + line
            else:
                following = False  # an answer
        return found


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of `document`, in order."""
    return [Block(m["info"].strip(), m["text"]) for m in _FENCE.finditer(document.read_text())]


def untested_commands(document: Path, tested: list[str]) -> list[str]:
    """What `document` shows of the server's command line outside of the blocks that are run.

    A command in running text counts as tested where it is part of one that is; it ends at a
    placeholder.
    """
    whole = [" ".join(command.replace("\\\n", " ").split()) for command in tested]
    fenced = [
        line
        for block in blocks(document)
        if not block.tested
        for line in block.text.splitlines()
        if _COMMAND.search(line)
    ]
    prose = " ".join(_FENCE.sub("", document.read_text()).split())
    inline = [_PLACEHOLDER.split(command)[0].strip() for command in _INLINE.findall(prose)]
    return fenced + [c for c in inline if not any(c in command for command in whole)]


def broken_links(document: Path) -> list[str]:
    """The relative links of `document` that lead to no file of the repository."""
    prose = _FENCE.sub("", document.read_text())
    targets = [match["target"].partition("#")[0] for match in _LINK.finditer(prose)]
    return [
        target
        for target in targets
        if target and "://" not in target and not (document.parent / target).exists()
    ]


def missing_files(document: Path) -> list[str]:
    """The files and folders of the repository that `document` names by their path, and are not."""
    return [name for name in _FILE.findall(document.read_text()) if not (ROOT / name).exists()]
