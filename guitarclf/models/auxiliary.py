"""AuxiliaryHeads: what the encoder also learns to tell in training, so that it hears more of a note."""

import torch
from torch import Tensor, nn

from guitarclf.labels import LABEL_TO_INDEX

N_PITCHES = 128  # MIDI pitches, a class each


class AuxiliaryHeads(nn.Module):
    """The encoded notes `[B, n_features]` of a training step -> a loss to add to that of the labels.

    The heads belong to the loss, not to the model: no model is saved, averaged or exported with them.

    Parameters
    ----------
    n_features : int
    harmonic : float
        Weight of telling harmonics from all other notes (binary cross-entropy).
    pitch : float
        Weight of naming the MIDI pitch (cross-entropy over semitones) of the notes whose pitch is known.
    """

    def __init__(self, n_features: int, *, harmonic: float, pitch: float):
        super().__init__()
        self.weights = {"harmonic": harmonic, "pitch": pitch}
        self.harmonic = nn.Linear(n_features, 1) if harmonic else None
        self.pitch = nn.Linear(n_features, N_PITCHES) if pitch else None

    def forward(self, encoded: Tensor, y: Tensor, pitch: Tensor | None, class_weight: Tensor | None) -> Tensor:
        """Return the loss of notes alone: their classes ``y`` `[B]`, and ``pitch`` `[B]`, -1 where unknown."""
        total = encoded.sum() * 0
        if not len(y):
            return total
        if self.harmonic is not None:
            weight = torch.ones_like(encoded[:, 0]) if class_weight is None else class_weight[y]
            is_harmonic = (y == LABEL_TO_INDEX["harmonic"]).to(encoded.dtype)
            losses = nn.functional.binary_cross_entropy_with_logits(
                self.harmonic(encoded)[:, 0], is_harmonic, weight=weight, reduction="sum"
            )
            total = total + self.weights["harmonic"] * losses / weight.sum()
        if self.pitch is not None and (pitch >= 0).any():
            known = pitch >= 0
            losses = nn.functional.cross_entropy(self.pitch(encoded[known]), pitch[known])
            total = total + self.weights["pitch"] * losses
        return total
