"""A page opened in a headless Chromium: what it shows, what it asked for, what it complained about."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 20.0  # seconds: a machine that tests may be busy


class Opened:
    """A page in a tab of a browser: `tab` is playwright's, `requests` the addresses it asked for."""

    def __init__(self, tab: Any, path: Path) -> None:
        self.tab, self.complaints, self.requests = tab, [], []
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("console", lambda message: self.complaints.append(message.text))
        tab.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.set_default_timeout(PATIENCE * 1000)
        self.own = path.as_uri()
        tab.goto(self.own)

    def wait(self, expression: str) -> None:
        """Return when an expression of JavaScript has become true; playwright's own way needs eval in the page."""
        end = time.monotonic() + PATIENCE
        while not self.tab.evaluate(expression):
            assert time.monotonic() < end, f"not true in {PATIENCE} s: {expression}"
            time.sleep(0.01)

    def check(self) -> None:
        """Fail if it wrote to the console, raised, opened a dialog, or asked for anything but itself."""
        assert self.complaints == []
        assert [url[:80] for url in self.requests if url != self.own and not url.startswith("data:")] == []


@contextmanager
def headless(executable: str) -> Iterator[Any]:
    """Give a browser, which is closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
