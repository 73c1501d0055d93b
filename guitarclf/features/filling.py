"""FillStore: features of recordings put into the store, some at a time, by whichever process is at hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.errors import AudioReadError, RunError
from guitarclf.features.arrays import Windows
from guitarclf.features.extraction import count_stored, features_of
from guitarclf.features.store import FeatureStore
from guitarclf.files.wording import shown

MOST_ROWS, FEWEST_ROWS = 2048, 64  # of a part: few files in the store, and work for every process
N_PARTS = 64


@dataclass
class Filled:
    """What became of some rows.

    Parameters
    ----------
    n_there, n_computed, n_unkept : int
        Rows that the store had, that it has now, and that it could not keep: their recordings changed just now, or
        there was no room.
    unreadable : dict of str to str
        Path of each recording that cannot be read -> why; its rows are in none of the numbers.
    """

    n_there: int = 0
    n_computed: int = 0
    n_unkept: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Filled") -> None:
        """Count what became of other rows too."""
        self.n_there += other.n_there
        self.n_computed += other.n_computed
        self.n_unkept += other.n_unkept
        self.unreadable |= other.unreadable


@dataclass(frozen=True)
class FillStore:
    """Puts the features of requests into a store, of those that can be read.

    Parameters
    ----------
    reader : WindowReader
        Of the windows.
    settings : dict
        The keywords of :func:`guitarclf.audio.mel.log_mel_channels`.
    store : FeatureStore
    """

    reader: WindowReader
    settings: dict
    store: FeatureStore

    def __call__(self, requests: Sequence[Request]) -> Filled:
        windows = Windows(self.reader, requests)
        try:
            n_there = count_stored(windows, self.settings, self.store)
            errors: dict[int, AudioReadError] = {}
            if n_there < len(requests):
                try:
                    features_of(windows, self.settings, self.store)
                except AudioReadError:
                    errors = self.reader.read(requests)[1]
            n_now = count_stored(windows, self.settings, self.store)
        except AudioReadError:
            raise
        except OSError as error:
            raise RunError(
                f"The feature cache {shown(self.store.folder)} must be a folder that can be written. "
                f"{error.strerror or error}. Choose another in data.cache."
            ) from error
        unreadable = {requests[row].path: str(error) for row, error in errors.items()}
        return Filled(n_there, n_now - n_there, len(requests) - len(errors) - n_now, unreadable)


def in_parts(requests: Iterable[Request]) -> list[list[Request]]:
    """Return requests, each once, in parts that follow each other, those of a recording one after the other."""
    ordered = sorted(dict.fromkeys(requests), key=lambda request: request[:2])
    n_rows = max(FEWEST_ROWS, min(MOST_ROWS, len(ordered) // N_PARTS))
    return [ordered[first : first + n_rows] for first in range(0, len(ordered), n_rows)]
