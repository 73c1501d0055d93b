"""Progress bars on stderr, if it is a terminal or a notebook, with a rate and the time that is left."""

import os
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, nullcontext
from typing import Self, TextIO, TypeVar

Part = TypeVar("Part", bound=Sized)
QUIET = "GUITARCLF_QUIET"  # set by --quiet, for this process and those it starts


def be_quiet(quiet: bool) -> None:
    """Turn bars off, or on again."""
    os.environ.pop(QUIET, None)
    if quiet:
        os.environ[QUIET] = "1"


def are_shown() -> bool:
    """Return whether bars are drawn: somebody sees stderr, --quiet was not given, and this is the main process."""
    import multiprocessing

    is_main = multiprocessing.current_process().name == "MainProcess"
    return is_main and QUIET not in os.environ and sys.stderr is not None and _is_seen(sys.stderr)


def _is_seen(stream: TextIO) -> bool:
    """Return whether a stream is a terminal, or goes below the cell of a notebook, which says that it is none."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel.")


def above_bars() -> AbstractContextManager:
    """Return a context to write a line to the terminal in: bars that are drawn leave the screen, and come back."""
    drawing = sys.modules.get("tqdm")  # not imported before the first bar
    return nullcontext() if drawing is None else drawing.tqdm.external_write_mode(file=sys.stderr)


class Progress:
    """A bar over ``total`` units of work, for a ``with`` block; it only counts where bars are not drawn.

    Not tqdm itself: disabled, it still takes 80 ms to import, starts a thread, and does not count.
    """

    def __init__(self, total: int, *, desc: str | None = None, unit: str = "it"):
        self.bar, self.n = None, 0
        if are_shown():
            from tqdm import tqdm

            self.bar = tqdm(total=total, desc=desc, unit=unit, leave=False, file=sys.stderr)

    def update(self, n: int = 1) -> None:
        """Count ``n`` more units as done; they add up in ``self.n``."""
        self.n += n
        if self.bar is not None:
            self.bar.update(n)

    def close(self) -> None:
        """Take the bar off the screen."""
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def watched(parts: Iterable[Part], total: int, *, desc: str | None = None, unit: str = "it") -> Iterator[Part]:
    """Yield the parts of some work under a bar, which counts the items in each part."""
    with Progress(total, desc=desc, unit=unit) as bar:
        for part in parts:
            yield part
            bar.update(len(part))


def watched_places(
    parts: Iterable[tuple[int, Part]], total: int, *, desc: str | None = None, unit: str = "it"
) -> Iterator[tuple[int, Part]]:
    """Yield (place, part) in whatever order they come, as `watched` does."""
    with Progress(total, desc=desc, unit=unit) as bar:
        for place, part in parts:
            yield place, part
            bar.update(len(part))
