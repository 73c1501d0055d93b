"""NoteLoss: what training makes small."""

import torch
from torch import Tensor, nn

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS
from guitarclf.models.auxiliary import AuxiliaryHeads

NO_NOTE = -1  # target of a row that is of no class


class NoteLoss(nn.CrossEntropyLoss):
    """Cross-entropy of logits `[B, n_classes]` and targets `[B]`, weighted by class.

    Where the target is NO_NOTE it is the cross-entropy against equal shares: the net learns to be unsure
    (outlier exposure, Hendrycks et al. 2019).

    Parameters
    ----------
    weight, label_smoothing
        As for torch's CrossEntropyLoss; ``weight`` is one for each class where it is None.
    focal_gamma : float
        Exponent of the focal loss, ``-(1 - p)^gamma log p`` (Lin et al. 2017): above 0, notes that are
        already right count less. With it, labels are smoothed in the logarithm only.
    aux_harmonic : float
        Weight of what :meth:`auxiliary` adds in training, 0 is off. Above it ``n_features`` must be given, the length
        of an encoded note.
    """

    weight: Tensor

    def __init__(self, weight=None, *, label_smoothing=0.0, focal_gamma=0.0, aux_harmonic=0.0, n_features=None):
        super().__init__(weight=torch.ones(len(LABELS)) if weight is None else weight, label_smoothing=label_smoothing)
        self.focal_gamma = focal_gamma
        self.heads: AuxiliaryHeads | None = None
        if aux_harmonic:
            self.heads = AuxiliaryHeads(n_features, harmonic=aux_harmonic)

    def auxiliary(self, encoded: Tensor, y: Tensor) -> Tensor:
        """Return the loss of the auxiliary head on notes alone: ``encoded`` `[B, n_features]`, ``y`` `[B]`."""
        if self.heads is None:
            raise ParameterError("A loss must have `aux_harmonic` above 0 to have an auxiliary head. It is 0.")
        is_note = y != NO_NOTE
        return self.heads(encoded[is_note], y[is_note], self.weight)

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        is_note = y != NO_NOTE
        total, size = self._of_notes(logits[is_note], y[is_note])
        if not is_note.all():
            others = logits[~is_note].log_softmax(dim=1).mean(dim=1)
            total, size = total - others.sum(), size + len(others)
        return total / size

    def _of_notes(self, logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the weighted losses, and of the weights."""
        losses = nn.functional.cross_entropy(
            logits, y, weight=self.weight, label_smoothing=self.label_smoothing, reduction="none"
        )
        if self.focal_gamma:
            missed = 1 - logits.softmax(dim=1).gather(1, y[:, None])[:, 0]
            losses = missed**self.focal_gamma * losses
        return losses.sum(), self.weight[y].sum()
