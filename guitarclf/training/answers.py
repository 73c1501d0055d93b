"""What a fitted net answers to features: probabilities, and how sure it is of them, from one pass."""

from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS
from guitarclf.priors import confidence_of
from guitarclf.training.batches import FeatureDataset

EQUAL = np.full(len(LABELS), 1 / len(LABELS))


def has_note_head(module: torch.nn.Module) -> bool:
    """Return whether a module has an output for note or not."""
    return getattr(module, "note_head", None) is not None


def require_statistics(module: torch.nn.Module) -> None:
    """Raise NotFittedError for a module whose statistics no fit has set.

    Weights are drawn anew by initialize(), and by set_params(module__...) on a fitted net.
    """
    standardize = getattr(module, "standardize", None)
    if standardize is not None and not standardize.is_set:
        raise NotFittedError("This net has fresh weights since its module was set up anew. Call fit first.")


def answers_of(net: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities under the shares of the loss `[n_events, 3]`, and the confidence in each row `[n_events]`.

    Confidence is :func:`guitarclf.priors.confidence_of` under the shares of the net's ``priors``.
    """
    if not len(X):
        return np.zeros((0, len(LABELS))), np.zeros(0)
    batches = net.get_iterator(FeatureDataset(X), training=False)
    outputs = torch.cat([_outputs(net, batch[0]) for batch in batches])
    if not outputs.isfinite().all():
        raise ParameterError("X must hold finite features. It has NaN or infinity, or the net's weights have.")
    logits, is_note = outputs, None
    if has_note_head(net.module_):
        logits, is_note = outputs[:, :-1], outputs[:, -1].double().sigmoid().numpy()
    # In float32 a row sums to 1 only to 1e-7, and scikit-learn's log_loss wants better.
    proba = logits.softmax(dim=1, dtype=torch.float64).numpy()
    if getattr(net.module_, "calibrate", None) is None:  # a module of another's: its classes were equally common
        return proba, confidence_of(proba, is_note, EQUAL, EQUAL)
    return proba, confidence_of(proba, is_note, net.train_priors_, net.priors_)


@torch.no_grad()
def _outputs(net: Any, x: Tensor) -> Tensor:
    """Return the logits of the classes, and of being a note where there is a note head, on the CPU."""
    net.module_.eval()
    return net.infer(x, net.module_.classify_and_doubt if has_note_head(net.module_) else None).cpu()
