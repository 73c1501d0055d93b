"""What this net sets of skorch's parameters, and which of them it refuses because they would do nothing here."""

import inspect
from typing import Any

from skorch.callbacks import BatchScoring, EarlyStopping, EpochScoring

from guitarclf.errors import ParameterError
from guitarclf.models.loss import NoteLoss
from guitarclf.parameters.sections import OptimizerParameters
from guitarclf.training.batches import BatchIterator, FeatureDataset
from guitarclf.training.optimizing import AdamW

PREDICTION_BATCH = 256  # events; large enough to fill the machine, small enough for its memory
# What differs from skorch's own defaults; like all its parameters they may be given by keyword.
SKORCH_SETTINGS: dict[str, Any] = {
    "criterion": NoteLoss,
    "optimizer": AdamW,
    "optimizer__weight_decay": OptimizerParameters.weight_decay,
    "dataset": FeatureDataset,
    "iterator_train": BatchIterator,
    "iterator_train__shuffle": True,
    "iterator_valid": BatchIterator,
    "iterator_valid__batch_size": PREDICTION_BATCH,
    "train_split": None,
    "verbose": 0,
}
# Parameter -> the value it must keep, what stands in its place.
WITHOUT_EFFECT = {
    "train_split": (
        None,
        "Rows for validation are told to fit: groups=..., or valid=mask; valid_size=0 trains without.",
    ),
    "predict_nonlinearity": ("auto", "Probabilities are the softmax of calibrated logits; `priors` moves them."),
    "classes": (None, "`classes_` are always the three labels, sorted."),
    "dataset": (FeatureDataset, "Features are arrays of shape (n_events, n_channels, n_mels, n_frames)."),
}


def require_effect(params: dict[str, Any]) -> None:
    """Raise ParameterError for a parameter of skorch's that this net would accept and not obey."""
    for name, (kept, instead) in WITHOUT_EFFECT.items():
        value = params.get(name, kept)
        if value is not kept and value != kept:
            shown = getattr(kept, "__name__", repr(kept))
            raise ParameterError(f"`{name}` must be {shown}: it has no effect here. Got {value!r}. {instead}")


def require_scores(callbacks: list[tuple[str, Any]]) -> None:
    """Raise ParameterError for a callback of skorch's that would score names against the codes of a dataset."""
    for name, callback in callbacks:
        if isinstance(callback, EpochScoring | BatchScoring) and not inspect.isroutine(callback.scoring):
            raise ParameterError(
                f"`scoring` of the callback {name!r} must be a function (net, dataset, y), where y are indices into "
                f"LABELS and net.forward(dataset) gives logits in that order. Got {callback.scoring!r}. "
                "The history has train_acc, valid_acc and valid_macro_f1 of each epoch without it."
            )


def has_stopped(net) -> bool:
    """Return whether skorch's own EarlyStopping has ended a fit, which it does by a KeyboardInterrupt."""
    watching = [callback for _, callback in net.callbacks_ if isinstance(callback, EarlyStopping)]
    return any(callback.misses_ >= callback.patience for callback in watching)
