"""The pages that people read, and what stands in their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.running import ROOT

#: Pages about the whole; each package's own page is tested with the package.
README, THAI = ROOT / "README.md", ROOT / "README.th.md"
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
PAGES = [README, THAI, *sorted(DOCS.glob("*.md")), *HOW_TO]
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
OF_PACKAGES = [
    ROOT / name / "README.md"
    for name in ("harness", "harness/queue", "mockserver", "reports", "reports/experiments")
]

#: A line that ends so is followed by what one may see, and not to the letter.
LIKE = re.compile(r"(something like|about) this:$|ประมาณนี้:?$")

#: A line that names the file the block below it is to be saved as.
SAVED = re.compile(r"`([\w./-]+\.(?:toml|py|csv))`:$")

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the line of text that stands before it."""

    language: str
    text: str
    lead: str


@dataclass(frozen=True, slots=True)
class Step:
    """A block of commands, and the lines that it is shown to print; or a file to be saved, as commands."""

    commands: str
    shown: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The commands, one a line; continued lines are one."""
        joined = self.commands.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line]


def name(page: Path) -> str:
    """A page as a test's id."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The page's blocks, of one language or of all."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match[1], match[2], text[: match.start()].rstrip().rpartition("\n")[2])
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if language in {None, block.language}]


def steps(page: Path) -> list[Step]:
    """What a reader types, block by block, with what the page shows of the answer."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks(page):
        if block.language == "sh":
            found.append((block.text, []))
        elif named := SAVED.search(block.lead):
            found.append((_saving(named[1], block.text), []))
        elif block.language == "text" and found and not LIKE.search(block.lead):
            found[-1][1].extend(block.text.splitlines())
    return [Step(commands, tuple(line for line in shown if line.strip(" …"))) for commands, shown in found]


def _saving(path: str, text: str) -> str:
    return f"mkdir -p {Path(path).parent} && cat > {path} <<'END OF FILE'\n{text}END OF FILE\n"


def commands(page: Path) -> list[str]:
    """Every line that a reader types."""
    return [line for block in blocks(page, "sh") for line in Step(block.text, ()).lines]
