"""The loss of a training step: of notes mixed in pairs, and of the auxiliary head, where they are asked for."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor


def loss_of_step(net: Any, X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return (logits, loss) of a batch `[B, C, F, T]` with targets `[B]`, for a step backwards.

    With ``net.mixup`` notes are mixed in pairs in a share drawn from Beta(mixup, mixup), and so are their losses (Zhang
    et al. 2018).
    """
    if not net.mixup:
        y_pred, loss_of = _forward(net, X)
        return y_pred, loss_of(y)
    share = torch.distributions.Beta(net.mixup, net.mixup).sample().item()
    other = torch.randperm(len(X))
    y_pred, loss_of = _forward(net, share * X + (1 - share) * X[other])
    return y_pred, share * loss_of(y) + (1 - share) * loss_of(y[other])


def _forward(net: Any, X: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return logits, and a function from targets to their loss."""
    if getattr(net.criterion_, "heads", None) is None:
        y_pred = net.infer(X)
        return y_pred, partial(net.get_loss, y_pred)
    encoded = net.infer(X, net.module_.encode)
    y_pred = net.infer(encoded, net.module_.classify)

    def loss_of(y: Tensor) -> Tensor:
        return net.get_loss(y_pred, y) + net.criterion_.auxiliary(encoded, y.to(encoded.device))

    return y_pred, loss_of
