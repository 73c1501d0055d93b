"""NoteEventDataset: the pipeline's windows and features as a torch Dataset, for training loops of one's own."""

from collections.abc import Callable

import pandas as pd
import torch
from torch.utils.data import Dataset

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import needs_ends
from guitarclf.audio.windows import WindowReader
from guitarclf.config import Config, to_dict
from guitarclf.data.rules import SPLITS
from guitarclf.errors import EventTableError, ParameterError
from guitarclf.features.inputs import as_requests
from guitarclf.labels import LABEL_TO_INDEX, LABELS


class NoteEventDataset(Dataset):
    """``(spectrogram, label_index)`` of each event of one split.

    ``label_index`` is the place in LABELS: 0 harmonic, 1 dead_note, 2 general_note.

    Parameters
    ----------
    metadata_df : DataFrame
        An events table, as ``read_events`` returns it.
    split : {"train", "val", "test", "all"}
        Rows of the table's ``split`` column; "all" needs no such column.
    config : Config, optional
        Its window and logmel sections are used; default ``Config()``.
    transform : callable, optional
        Makes a tensor of the waveform, a tensor of shape (n_samples,). Default the pipeline's features, a float32
        tensor of shape (n_channels, n_mels, n_frames).
    return_row : bool
        Whether items are ``(spectrogram, label_index, row)``, with the table's row as a dict.
    """

    def __init__(
        self,
        metadata_df: pd.DataFrame,
        split: str,
        config: Config | None = None,
        transform: Callable | None = None,
        *,
        return_row: bool = False,
    ):
        config = Config() if config is None else config
        self.events = rows_of_split(metadata_df, split)
        unknown = set(self.events["label_category"]) - set(LABELS)
        if unknown:
            raise EventTableError(f"`label_category` must be one of {', '.join(LABELS)}. Got {sorted(unknown)[0]!r}.")
        self.reader = WindowReader(**to_dict(config.window))
        self.settings = to_dict(config.logmel) | {"sample_rate": config.window.sample_rate}
        self.transform = transform
        self.return_row = return_row
        self._requests = as_requests(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, index: int) -> tuple:
        requests = [self._requests[index]]
        windows, errors = self.reader.read(requests)
        if errors:
            raise errors[0]
        row = self.events.iloc[index]
        if self.transform is None:
            ends = self.reader.ends(requests) if needs_ends(self.settings) else None
            spectrogram = torch.from_numpy(log_mel_channels(windows, ends=ends, **self.settings)[0])
        else:
            spectrogram = self.transform(torch.from_numpy(windows[0]))
        item = spectrogram, LABEL_TO_INDEX[row["label_category"]]
        return (*item, row.to_dict()) if self.return_row else item


def rows_of_split(events: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the events of a split, all events for "all"; EventTableError if the table has no ``split`` column."""
    if split == "all":
        return events
    if split not in SPLITS:
        raise ParameterError(f"`split` must be one of {', '.join(SPLITS)}, all. Got {split!r}.")
    if "split" not in events:
        raise EventTableError(
            f"The table must have a `split` column to take its {split} rows. "
            "Add it with assign_splits, or ask for split='all'."
        )
    return events[events["split"] == split]
