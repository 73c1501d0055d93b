"""The callbacks of a run that write or show something; build_pipeline adds none of them."""

import csv
import io
import logging
from pathlib import Path

from skorch.callbacks import Callback

from guitarclf.files.progress import Progress
from guitarclf.files.whole import write_bytes, write_text
from guitarclf.training.callbacks import MONITOR, EarlyStop
from guitarclf.training.checkpoint import KeepState, as_bytes

logger = logging.getLogger(__name__)

HISTORY_COLUMNS = (
    "epoch",
    "train_loss",
    "train_acc",
    "valid_loss",
    "valid_acc",
    MONITOR,
    "lr",
    "is_best",
    "dur",
)


class HistoryCsv(Callback):
    """Write the history as CSV after every epoch; epochs count from 1."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, net, **kwargs):
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(HISTORY_COLUMNS)
        for row in net.history:
            writer.writerow([_cell(row.get(name, "")) for name in HISTORY_COLUMNS])
        write_text(self.path, text.getvalue())


def _cell(value):
    return repr(float(value)) if isinstance(value, float) else value


class EpochLog(Callback):
    """Log one line per epoch under a header; they fit 80 columns."""

    def on_train_begin(self, net, **kwargs):
        margin = " " * len(self._epoch(0, net))
        logger.info("%s  train loss   acc valid loss   acc macro-F1      lr      s", margin)

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        valid = f"{row['valid_loss']:11.4f}{row['valid_acc']:6.3f}{row[MONITOR]:9.3f}" if MONITOR in row else " " * 26
        figures = f"{row['train_loss']:12.4f}{row['train_acc']:6.3f}{valid}{row['lr']:8.2g}{row['dur']:7.1f}"
        logger.info("%s%s%s", self._epoch(row["epoch"], net), figures, " best" if row["is_best"] else "")

    def _epoch(self, number, net):
        n_digits = max(3, len(str(net.max_epochs)))
        return f"epoch {number:{n_digits}d}/{net.max_epochs}"


class EpochCheckpoint(Callback):
    """Save the weights of every epoch, and those of the best epoch as ``best_model.pt``.

    Each file is a dict ``{"epoch", "weights", "metrics"}`` that ``torch.load(weights_only=True)`` reads.
    """

    def __init__(self, folder, best_path):
        self.folder = folder
        self.best_path = best_path

    def on_train_begin(self, net, **kwargs):
        Path(self.folder).mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        path = Path(self.folder) / f"epoch_{row['epoch']}.pt"
        metrics = {name: float(row[name]) for name in HISTORY_COLUMNS[1:7] if name in row}
        weights = {name: tensor.cpu() for name, tensor in net.module_.state_dict().items()}
        content = as_bytes({"epoch": row["epoch"], "weights": weights, "metrics": metrics})
        write_bytes(path, content)
        if row["is_best"] or MONITOR not in row:
            write_bytes(self.best_path, content)
            self.best_ = {"epoch": row["epoch"], "metrics": metrics}

    def on_train_end(self, net, **kwargs):
        # The best epoch's weights are back in the module by now, and its temperature is fitted.
        weights = {name: tensor.cpu() for name, tensor in net.module_.state_dict().items()}
        write_bytes(self.best_path, as_bytes({**self.best_, "weights": weights}))


class EpochProgress(Callback):
    """A progress bar over the batches of each epoch, on stderr, silent when that is no terminal."""

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        n_batches = -(-len(dataset_train) // net.batch_size)
        epoch = len(net.history)
        self.bar_ = Progress(n_batches, desc=f"epoch {epoch}", unit="batch")

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.bar_.update()

    def on_epoch_end(self, net, **kwargs):
        self.bar_.close()

    def on_train_end(self, net, **kwargs):
        if hasattr(self, "bar_"):
            self.bar_.close()


class TensorBoardLog(Callback):
    """Write the scalars of every epoch as TensorBoard events (needs the extra ``tensorboard``)."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_begin(self, net, **kwargs):
        from torch.utils.tensorboard import SummaryWriter

        self.writer_ = SummaryWriter(str(self.folder))

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        for name in HISTORY_COLUMNS[1:7]:
            if name in row:
                self.writer_.add_scalar(name, float(row[name]), row["epoch"])
        self.writer_.flush()

    def on_train_end(self, net, **kwargs):
        self.writer_.close()


def with_recorders(net, recorders: list):
    """Add (name, callback) pairs to a net's callbacks, and return the net.

    They come before the one that may end training after an epoch, so that this epoch is recorded too; what
    keeps the state comes after it, so that this epoch's decision is in it.
    """
    enders = [pair for pair in net.callbacks if isinstance(pair[1], EarlyStop)]
    others = [pair for pair in net.callbacks if pair not in enders]
    keepers = [pair for pair in recorders if isinstance(pair[1], KeepState)]
    shown = [pair for pair in recorders if pair not in keepers]
    return net.set_params(callbacks=[*others, *shown, *enders, *keepers])


def without_recorders(net, recorders: list):
    """Take them off again, after fit and before the net is pickled, and return the net."""
    names = {name for name, _ in recorders}
    net.callbacks = [pair for pair in net.callbacks if pair[0] not in names]
    net.callbacks_ = [pair for pair in net.callbacks_ if pair[0] not in names]
    return net
