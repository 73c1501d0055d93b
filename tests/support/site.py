"""Check a built site: every link and picture inside it is there, and nothing is loaded from elsewhere.

``python tests/support/site.py docs/_build/html``, a part of ``make docs``, lists what is not so, and ends with 1.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "audio": "src", "iframe": "src"}
NOT_LOADED = {"canonical", "search", "next", "prev", "author", "index"}  # kinds of <link> that only name a page


class Page(HTMLParser):
    """What a page links to, what it loads, and the ids that it has."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if LOADED.get(tag, "") in given and not NOT_LOADED & set(given.get("rel", "").split()):
            self.loaded.append(given[LOADED[tag]])


def faults(root: Path) -> list[str]:
    """Return a line for each link that leads nowhere, and for each thing that is loaded from elsewhere."""
    paths = [
        path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts
    ]  # the theme keeps templates there
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in paths}
    found = []
    for path, page in pages.items():
        place = path.relative_to(root.resolve())
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    found.append(f"{place}: loads {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{place}: there is no {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{place}: there is no place {link}")
    return found


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print("\n".join(wrong) or f"All links of {sys.argv[1]} hold, and nothing is loaded from elsewhere.")
    sys.exit(bool(wrong))
