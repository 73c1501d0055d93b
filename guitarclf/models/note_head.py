"""NoteHead: whether a sound is a guitar note at all, whatever its class."""

import torch
from torch import Tensor, nn

HIDDEN, DROPOUT = 64, 0.1
UNHEARD = -1e9  # of a frame that does not count: its weight is exactly 0, and it is never the highest


class NoteHead(nn.Module):
    """The GRU's frames, pooled in three ways `[B, 3 * n_features]` -> `[B]` logits, above 0 for a note.

    An output of its own, with a loss of its own, so that sounds that are no note do not cost rare classes what they
    would as targets of equal shares (outlier exposure, Hendrycks et al. 2019). The encoder learns from it too.

    Parameters
    ----------
    n_features : int
        Of a frame of the GRU, and of the vector that the classes are told from.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.attention = nn.Linear(n_features, 1)
        self.layers = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(3 * n_features, HIDDEN),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, 1),
        )

    def forward(self, encoded: Tensor) -> Tensor:
        return self.layers(encoded)[:, 0]

    def pool(self, pooled: Tensor, frames: Tensor, sounds: Tensor | None) -> Tensor:
        """Return the classes' vector `[B, H]`, then two more of the frames `[B, T, H]`: `[B, 3 * H]`.

        These are a weighting of its own, and the maximum; of the frames where the note ``sounds`` `[B, T]` alone.
        """
        scores = self.attention(frames)  # [B, T, 1]
        heard = frames
        if sounds is not None:
            silent = ~sounds[:, :, None]
            scores, heard = scores.masked_fill(silent, UNHEARD), frames.masked_fill(silent, UNHEARD)
        weighted = (scores.softmax(dim=1) * frames).sum(dim=1)
        return torch.cat([pooled, weighted, heard.amax(dim=1)], dim=1)
