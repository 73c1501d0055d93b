"""README and the pages of the site as they are written: their blocks of code and their links.

A block of ``sh``, ``python``, ``js`` or ``yaml`` is run by a test, unless a comment before it says why not::

    <!-- not run: it needs a GPU -->

Other languages are what is shown: files, and what a command prints.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PAGES = ["README.md", *sorted(str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if not {"_build", "auto_gallery", "project"} & set(Path(page).parts)]
RUN = {"sh", "python", "js", "yaml"}
SHOWN = {"text", "csv", "audacity", "raven", "jsonl", "html"}
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^>]*?) ?-->\n+)?^```(?P<language>[^\n`]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code on a page; ``reason`` says why it is not run, None if it is."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[list[str]]:
        """Return the commands of a block of sh as words, comments and line ends with a backslash taken out."""
        return [shlex.split(line, comments=True) for line in self.lines()]

    def lines(self) -> list[str]:
        """Return the commands of a block of sh as lines, without those that hold only a comment."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def read(page: str) -> str:
    """Return the text of a page."""
    return (CHECKOUT / page).read_text(encoding="utf-8")


def blocks(page: str, *languages: str, runs: bool = False) -> list[Block]:
    """Return the blocks of a page in order: of some languages, or all; with ``runs`` only those that are run."""
    found = [block for block in _all_blocks(page) if not languages or block.language in languages]
    return [block for block in found if block.reason is None] if runs else found


def _all_blocks(page: str) -> Iterator[Block]:
    text = read(page)
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("language")) + 1
        language = match["language"].strip()
        if not language.startswith("{"):  # a directive of the site
            yield Block(page, line, language, match["text"], match["reason"])


def links(page: str) -> Iterator[str]:
    """Yield the targets of a page's links and pictures, outside of its blocks."""
    text = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", read(page)))
    for match in re.finditer(r"\]\(([^)\s]+)\)", text):
        yield match[1]


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#{1,6} (.*)$", BLOCK.sub("", read(page)), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings)
    return {words.strip().lower().replace(" ", "-") for words in plain}
