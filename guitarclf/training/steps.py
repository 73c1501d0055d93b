"""The loss of a training step: of notes mixed in pairs, of broken notes, and of what heads beside the classes tell."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from guitarclf.models.broken import break_notes
from guitarclf.models.loss import NO_NOTE


def loss_of_step(net: Any, X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return (logits, loss) of a batch `[B, C, F, T]` with targets `[B]`, for a step backwards.

    With ``net.broken_notes`` so many broken notes, a share of the batch, are added to the loss. With ``net.mixup``
    notes are mixed in pairs in a share drawn from Beta(mixup, mixup), and so are their losses (Zhang et al. 2018).
    """
    n_rows = len(X)
    if net.broken_notes:
        broken = break_notes(
            X[y != NO_NOTE], round(net.broken_notes * n_rows), last_is_mask=net.module_.mask_after_offset
        )
        X, y = torch.cat([X, broken]), torch.cat([y, y.new_full((len(broken),), NO_NOTE)])
    if not net.mixup:
        y_pred, loss_of = _forward(net, X)
        return y_pred[:n_rows], loss_of(y)
    share = torch.distributions.Beta(net.mixup, net.mixup).sample().item()
    other = torch.randperm(len(X))
    y_pred, loss_of = _forward(net, share * X + (1 - share) * X[other])
    return y_pred[:n_rows], share * loss_of(y) + (1 - share) * loss_of(y[other])


def _forward(net: Any, X: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return logits, and a function from targets to their loss."""
    has_heads, has_note_head = getattr(net.criterion_, "heads", None) is not None, net.has_note_head
    if not has_heads and not has_note_head:
        y_pred = net.infer(X)
        return y_pred, partial(net.get_loss, y_pred)
    encoded = net.infer(X, net.module_.encode)
    y_pred = net.infer(encoded, net.module_.classify)
    note_logits = net.infer(encoded, net.module_.note_logit) if has_note_head else None

    def loss_of(y: Tensor) -> Tensor:
        y = y.to(encoded.device)
        loss = net.get_loss(y_pred, y) if note_logits is None else net.criterion_.with_note_head(y_pred, note_logits, y)
        return loss + net.criterion_.auxiliary(encoded[:, : net.module_.n_features], y) if has_heads else loss

    return y_pred, loss_of
