"""Features in memory, and batches of them without per-item Python."""

import numpy as np
import torch
from torch.utils.data import Dataset

from guitarclf.errors import ParameterError


def check_features(X) -> None:
    """Raise ParameterError unless X is one array-like of real numbers, `[n_events, n_channels, n_mels, n_frames]`."""
    if len(getattr(X, "shape", ())) != 4:
        shape = f"shape {tuple(X.shape)}" if hasattr(X, "shape") else f"a {type(X).__name__}"
        raise ParameterError(
            "X must be one array of features of shape (n_events, n_channels, n_mels, n_frames), at least one event. "
            f"Got {shape}."
        )
    kind = "f" if isinstance(X, torch.Tensor) and not X.is_complex() else np.dtype(getattr(X, "dtype", object)).kind
    if kind not in "fiu":
        raise ParameterError(f"X must hold real numbers. Got an array of {X.dtype}.")


class FeatureDataset(Dataset):
    """Rows of an array-like ``X`` with int64 targets ``y`` (zeros if None)."""

    def __init__(self, X, y=None, rows=None):
        self.X = X
        self.rows = np.arange(len(X)) if rows is None else np.asarray(rows)
        self.y = np.zeros(len(X), dtype=np.int64) if y is None else np.asarray(y, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return self.X[row], self.y[row]

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the events at ``indices`` as (float32 `[B, C, F, T]`, int64 `[B]`)."""
        rows = self.rows[indices]
        features = np.ascontiguousarray(self.X[rows], dtype=np.float32)
        return torch.from_numpy(features), torch.from_numpy(self.y[rows])


class BatchIterator:
    """Batches of a FeatureDataset, in order or in a new random order each pass (torch's generator)."""

    def __init__(self, dataset: FeatureDataset, *, batch_size: int, shuffle: bool = False):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self):
        n_events = len(self.dataset)
        order = torch.randperm(n_events).numpy() if self.shuffle else np.arange(n_events)
        for first in range(0, n_events, self.batch_size):
            yield self.dataset.batch(order[first : first + self.batch_size])
