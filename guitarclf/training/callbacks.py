"""What happens at the end of an epoch, in memory: metrics, the best weights, stopping.

Callbacks that write files are in ``recording``; only a ``train`` run adds them.
"""

import copy

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from guitarclf.errors import TrainingError
from guitarclf.labels import LABELS
from guitarclf.models.context import begin_another
from guitarclf.models.loss import NO_NOTE, classes_of
from guitarclf.parameters.sections import NetParameters, Schedule, WatchParameters
from guitarclf.priors import UNSEEN
from guitarclf.training.answers import answers_of
from guitarclf.training.averaging import WeightAverage
from guitarclf.training.randomness import own_stream

MONITOR = "valid_macro_f1"
NOTE_HEAD = "note_head."  # before the names of its weights
BATCH_NORM_MOMENTUM = 0.1  # torch's default; 0 keeps the running statistics as they are


class StopTraining(Exception):
    """Raised by a callback to end a fit as planned (skorch uses KeyboardInterrupt, as does the user)."""


class EpochMetrics(Callback):
    """Record ``train_acc``, ``valid_acc``, ``valid_macro_f1`` and ``lr`` of each epoch.

    Training figures are of the batches as they were learnt from, augmented and with dropout.
    Macro-F1 is the mean over all three labels; a class that is absent and never predicted counts 0.
    """

    def on_epoch_begin(self, net, **kwargs):
        self.confusion_ = {side: np.zeros((len(LABELS), len(LABELS)), dtype=int) for side in (True, False)}

    def on_batch_end(self, net, batch=None, training=False, y_pred=None, **kwargs):
        y, predicted = classes_of(batch[1]).numpy(), y_pred.detach().argmax(dim=1).cpu().numpy()
        is_note = y != NO_NOTE
        np.add.at(self.confusion_[training], (y[is_note], predicted[is_note]), 1)

    def on_epoch_end(self, net, dataset_valid=None, **kwargs):
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])
        net.history.record("train_acc", accuracy(self.confusion_[True]))
        if dataset_valid is not None:
            net.history.record("valid_acc", accuracy(self.confusion_[False]))
            net.history.record(MONITOR, macro_f1(self.confusion_[False]))


class FiniteLoss(Callback):
    """Stop a training whose loss is NaN, infinite or beyond ``max_loss``: nothing is learnt from there on."""

    def __init__(self, max_loss=1e4):
        self.max_loss = max_loss

    def on_batch_end(self, net, training=False, **kwargs):
        row = net.history[-1]
        side = "train" if training else "valid"
        loss = row["batches"][-1][f"{side}_loss"]
        if abs(loss) <= self.max_loss:  # false for NaN
            return
        done = row["epoch"] - 1
        raise TrainingError(
            f"The {'training' if training else 'validation'} loss must stay a number of at most {self.max_loss:g}. "
            f"It is {loss:g} in epoch {row['epoch']}, batch {len(row['batches'])}. "
            f"{f'Epoch {done} was the last good one' if done else 'No epoch was finished'}. "
            "Lower net.lr, or look for features or weights that are out of proportion."
        )


def accuracy(confusion: np.ndarray) -> float:
    """Return the share on the diagonal of a (true, predicted) count matrix."""
    return float(np.trace(confusion) / confusion.sum())


def macro_f1(confusion: np.ndarray) -> float:
    """Return the mean over classes of 2 TP / (2 TP + FP + FN), 0 where a class is absent and never predicted."""
    hits = np.diag(confusion)
    return float(np.mean(2 * hits / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)))


class BestEpoch(Callback):
    """Keep the weights of the best epoch and put them back when training ends.

    Best is the highest macro-F1 on the validation rows, between equals the lower loss.
    Without validation rows the last epoch stays.
    """

    def on_train_begin(self, net, **kwargs):
        self.score_ = None
        self.epoch_ = None
        self.weights_ = None

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        is_best = False
        if MONITOR in row:
            score = (float(row[MONITOR]), -float(row["valid_loss"]))
            is_best = self.score_ is None or score > self.score_
        if is_best:
            self.score_, self.epoch_ = score, row["epoch"]
            self.weights_ = copy.deepcopy(net.module_.state_dict())
        net.history.record("is_best", is_best)

    def on_train_end(self, net, **kwargs):
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None


class Temperature(Callback):
    """Fit the module's temperature on the validation rows when training ends, after the best epoch is back.

    It stays 1 where they lack a class that is in the training rows: a side of one class would only
    teach the net to be sure of it.
    """

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        self.dataset_ = dataset_valid

    def on_train_end(self, net, **kwargs):
        dataset, self.dataset_ = getattr(self, "dataset_", None), None  # a pickle must not hold the rows
        calibrate = getattr(net.module_, "calibrate", None)
        if dataset is None or calibrate is None:
            return
        calibrate.temperature.fill_(1)
        logits, y = [], []
        for batch in net.get_iterator(dataset, training=False):
            logits.append(net.evaluation_step(batch, training=False).cpu())
            y.append(batch[1])
        codes, trained = torch.cat(y), np.flatnonzero(net.train_priors_ > UNSEEN)
        if set(trained.tolist()) <= set(codes.tolist()):
            calibrate.fit(torch.cat(logits), codes, net.criterion_.weight.cpu())


class UnknownBelow(Callback):
    """Fit the confidence below which an answer is better not believed, when training ends, after the temperature.

    Below it is the share ``net.unknown_share`` of the validation notes, as they are or with another of them begun in
    the window, whichever gives the lower figure: a note in a phrase is less sure, and is a note. Without validation
    notes it stays as it was: 0, or that of the model that training started from. With a share of 0 it is 0.
    """

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        self.dataset_ = dataset_valid

    def on_train_end(self, net, **kwargs):
        dataset, self.dataset_ = getattr(self, "dataset_", None), None  # a pickle must not hold the rows
        threshold = getattr(net.module_, "unknown_below", None)
        if threshold is not None and not net.unknown_share:
            threshold.fill_(0)
        elif threshold is not None and dataset is not None:
            threshold.fill_(self._lowest(net, dataset))

    def _lowest(self, net, dataset) -> float:
        alone, in_phrases = [], []
        with own_stream(net.random_state or 0):
            for x, _ in net.get_iterator(dataset, training=False):
                alone.append(answers_of(net, x)[1])
                # A log-mel in dB always has cells below 0 dB, log(1 + alpha x) never has: it cannot be added to.
                if (x[:, 0] < 0).any():
                    followed = torch.cat([begin_another(x[:, :1], 1.0), x[:, 1:]], dim=1)
                    in_phrases.append(answers_of(net, followed)[1])
        sides = [np.concatenate(side) for side in (alone, in_phrases) if side]
        return min(np.quantile(side, net.unknown_share, method="lower") for side in sides)


class StartFrom(Callback):
    """Begin with the weights of a trained module instead of fresh ones.

    Its per-band statistics come with them, and its threshold of confidence, which `UnknownBelow` may set anew. The
    temperature and the shares of the classes are set anew; a class without rows keeps its share in the model.
    A note head that the model lacks stays as it was drawn. One that it has keeps its weights where no row tells it what
    is no note: notes alone would teach it to take everything for one. What it hears may drift all the same.

    Parameters
    ----------
    weights : dict of str -> Tensor
        A state dict of the same module, with or without its note head.
    freeze_epochs : int
        First epochs in which the convolutions and the GRU keep these weights.
    """

    def __init__(self, weights, freeze_epochs=0):
        self.weights = weights
        self.freeze_epochs = freeze_epochs

    def on_train_begin(self, net, **kwargs):
        fresh = {name: value for name, value in net.module_.state_dict().items() if name.startswith(NOTE_HEAD)}
        net.module_.load_state_dict(fresh | self.weights)
        net.module_.calibrate.temperature.fill_(1)

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        shares, theirs = net.module_.calibrate.train_priors, self.weights.get("calibrate.train_priors")
        if theirs is not None and (shares <= UNSEEN).any():
            shares.copy_(theirs)
        has_learnt = any(name.startswith(NOTE_HEAD) for name in self.weights)
        if has_learnt and not net.broken_notes and NO_NOTE not in dataset_train.y[dataset_train.rows]:
            net.criterion_.note_weight = 0.0
            net.module_.note_head.requires_grad_(False)
        self._freeze(net, len(net.history) <= self.freeze_epochs)  # the history already has this epoch's row

    def on_train_end(self, net, **kwargs):
        self._freeze(net, False)
        if net.has_note_head:
            net.module_.note_head.requires_grad_(True)

    def _freeze(self, net, frozen: bool) -> None:
        for part in (net.module_.blocks, net.module_.rnn):
            part.requires_grad_(not frozen)
            for layer in part.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.momentum = 0.0 if frozen else BATCH_NORM_MOMENTUM


class EarlyStop(Callback):
    """Stop after ``patience`` epochs without a better macro-F1; 0 never stops, nor does a fit without validation."""

    def __init__(self, patience: int = WatchParameters.patience):
        self.patience = patience

    def on_train_begin(self, net, **kwargs):
        self.best_ = -np.inf
        self.misses_ = 0

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        if MONITOR not in row:
            return
        self.misses_ = 0 if row[MONITOR] > self.best_ else self.misses_ + 1
        self.best_ = max(self.best_, row[MONITOR])
        if self.patience and self.misses_ >= self.patience:
            raise StopTraining


class Scheduler(LRScheduler):
    """skorch's scheduler, which lets go of the optimizer: a pickle of the net would hold it twice.

    It records no rate of its own (``event_name``): `EpochMetrics` does, and the printed table would have it twice.
    """

    def on_train_end(self, net, **kwargs):
        self.lr_scheduler_ = None

    def on_epoch_end(self, net, **kwargs):
        if self.lr_scheduler_ is not None:  # as it is in epochs that are run after training has ended
            super().on_epoch_end(net, **kwargs)


class CosineScheduler(Scheduler):
    """Let the learning rate fall along a half cosine, to 0 after ``T_max`` epochs (Loshchilov and Hutter 2017)."""

    def __init__(self, policy=CosineAnnealingLR, T_max: int = NetParameters.max_epochs, event_name=None, **kwargs):
        super().__init__(policy=policy, T_max=T_max, event_name=event_name, **kwargs)


class PlateauScheduler(Scheduler):
    """ReduceLROnPlateau on the validation macro-F1; does nothing in a fit without validation."""

    def __init__(
        self,
        policy=ReduceLROnPlateau,
        monitor=MONITOR,
        mode="max",
        patience: int = WatchParameters.lr_patience,
        factor: float = WatchParameters.lr_factor,
        event_name=None,
        **kwargs,
    ):
        own = {"monitor": monitor, "mode": mode, "patience": patience, "factor": factor, "event_name": event_name}
        super().__init__(policy=policy, **own, **kwargs)

    def on_epoch_end(self, net, **kwargs):
        if self.monitor in net.history[-1]:
            super().on_epoch_end(net, **kwargs)


def watching_callbacks(
    *,
    lr_schedule: Schedule = WatchParameters.lr_schedule,
    patience: int = WatchParameters.patience,
    lr_patience: int = WatchParameters.lr_patience,
    lr_factor: float = WatchParameters.lr_factor,
    weight_average: float = WatchParameters.weight_average,
    max_epochs: int = NetParameters.max_epochs,
) -> list[tuple[str, Callback]]:
    """Return the (name, callback) pairs that every net has: what it keeps, when its lr falls, when it stops.

    Parameters are those of the section ``training`` of the configuration, and ``max_epochs`` for the cosine. The
    order matters: the mean of the weights is what the others look at, and nothing follows what ends a training.
    """
    schedule: Scheduler = PlateauScheduler(patience=lr_patience, factor=lr_factor)
    if lr_schedule == "cosine":
        schedule = CosineScheduler(T_max=max_epochs)
    return [
        ("weight_average", WeightAverage(decay=weight_average)),
        ("best_epoch", BestEpoch()),
        ("temperature", Temperature()),
        ("unknown_below", UnknownBelow()),
        ("lr_scheduler", schedule),
        ("early_stopping", EarlyStop(patience=patience)),
    ]
