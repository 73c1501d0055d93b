"""AuxiliaryHeads: what the encoder also learns to tell in training, so that it hears more of a note."""

from torch import Tensor, nn

from guitarclf.errors import ParameterError
from guitarclf.labels import LABEL_TO_INDEX


class AuxiliaryHeads(nn.Module):
    """The encoded notes `[B, n_features]` of a training step -> a loss to add to that of the labels.

    The head belongs to the loss, not to the model: no model is saved, averaged or exported with it.

    Parameters
    ----------
    n_features : int
    harmonic : float
        Weight of telling harmonics from all other notes (binary cross-entropy).
    """

    def __init__(self, n_features: int, *, harmonic: float):
        super().__init__()
        self.weight = harmonic
        self.harmonic = nn.Linear(n_features, 1)

    def forward(self, encoded: Tensor, y: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the loss of notes alone, whose classes are ``y`` `[B]`."""
        if not len(y):
            return encoded.sum() * 0
        is_harmonic = (y == LABEL_TO_INDEX["harmonic"]).to(encoded.dtype)
        weight = encoded.new_ones(len(y)) if class_weight is None else class_weight[y]
        losses = nn.functional.binary_cross_entropy_with_logits(
            self.harmonic(encoded)[:, 0], is_harmonic, weight=weight, reduction="sum"
        )
        return self.weight * losses / weight.sum()


def encoding_size(module: nn.Module) -> int:
    """Return the length of a note encoded by a module; ParameterError if it has no encoder for a head to share."""
    if not all(hasattr(module, name) for name in ("encode", "classify", "n_features")):
        raise ParameterError(
            "The module must have `encode`, `classify` and `n_features`, as CRNN has, with `aux_harmonic` above 0. "
            f"Got {type(module).__name__}. Set it to 0, or give it these."
        )
    return module.n_features  # type: ignore[return-value]  # an attribute of a module is a Tensor or Module to torch
