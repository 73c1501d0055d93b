"""KeepState: what a fit needs to go on after it was killed, as if it had not been."""

import io
import json
import random
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback
from skorch.history import History

from guitarclf.errors import RunError
from guitarclf.files.whole import write_bytes

STATE_VERSION = 1
TORN = object()  # stands for an attribute that is made anew in every epoch, such as a progress bar


class KeepState(Callback):
    """Write the state of the fit at the end of every epoch, and begin with a state that was read.

    Weights, the auxiliary heads of the loss, optimizer, scheduler, the counts and weights that the callbacks
    keep, history, and the random states of torch, numpy and Python. Put it last: what the others decide at the
    end of an epoch is then in it. The epoch that ends training is not kept, and is run again if what follows it
    did not finish.

    Parameters
    ----------
    path : str or Path
        The file, which ``torch.load(weights_only=True)`` reads.
    state : dict, optional
        What :func:`read_state` gave, to go on from.
    """

    def __init__(self, path, state=None):
        self.path = path
        self.state = state

    def on_train_begin(self, net, **kwargs):
        if self.state is not None:
            restore(net, self.state)

    def on_epoch_begin(self, net, **kwargs):
        state, self.state = self.state, None
        if state is not None:
            restore_random(state["random"])  # last of all: nothing draws between here and the first batch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) < net.max_epochs:
            write_bytes(self.path, as_bytes(capture(net)))


def as_bytes(content: dict) -> bytes:
    """Return what ``torch.load(weights_only=True)`` reads back to ``content``."""
    buffer = io.BytesIO()  # in memory first: on a full disk torch.save ends in an error of its own kind
    torch.save(content, buffer)
    return buffer.getvalue()


def read_state(path) -> dict:
    """Return the state that KeepState wrote; RunError if the file holds none. Nothing is unpickled."""
    try:
        state = torch.load(Path(path), map_location="cpu", weights_only=True)
        if state["version"] != STATE_VERSION:
            raise RunError(
                f"{path} must be of version {STATE_VERSION} to go on from. Got {state['version']!r}. "
                "Train with the guitarclf that began the run, or begin again with --overwrite."
            )
    except RunError:
        raise
    except Exception as error:  # damaged bytes end in any error of zipfile, pickle and torch
        raise RunError(
            f"{path} must hold the state of an unfinished run. {type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}. Begin again with --overwrite."
        ) from error
    return state


def capture(net) -> dict:
    """Return the state of a fit at the end of an epoch as plain values and tensors."""
    return {
        "version": STATE_VERSION,
        "epoch": len(net.history),
        "history": json.dumps(list(net.history), default=lambda value: value.item()),
        "module": _plain(net.module_.state_dict()),
        "criterion": _plain(dict(net.criterion_.named_parameters())),
        "optimizer": net.optimizer_.state_dict(),
        "callbacks": {name: _state_of(callback) for name, callback in _with_state(net)},
        "random": capture_random(),
    }


def restore(net, state: dict) -> None:
    """Put a captured state into a net whose fit has just begun; its random state is for the first epoch."""
    net.history = History(json.loads(state["history"]))
    net.module_.load_state_dict(state["module"])
    # Parameters alone: the weights of the classes are a buffer that is there only once the rows are known.
    net.criterion_.load_state_dict(state.get("criterion", {}), strict=False)
    net.optimizer_.load_state_dict(state["optimizer"])
    net.epochs_left_ = net.max_epochs - len(net.history)
    for name, callback in _with_state(net):
        values = state["callbacks"].get(name, {})
        scheduler = getattr(callback, "lr_scheduler_", None)
        if scheduler is not None and "lr_scheduler_" in values:
            scheduler.load_state_dict(values["lr_scheduler_"])
        for attribute, value in values.items():
            if attribute != "lr_scheduler_":
                setattr(callback, attribute, _on_device(value, net.module_))


def capture_random() -> dict:
    """Return the random states of Python, numpy and torch, of its devices too."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    states = {
        "python": random.getstate(),
        "numpy": (kind, np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random(states: dict) -> None:
    """Put captured random states back."""
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])


def _with_state(net) -> list:
    return [(name, callback) for name, callback in net.callbacks_ if not isinstance(callback, KeepState)]


def _state_of(callback) -> dict:
    """Return the attributes that a callback learnt (``name_``) as plain values, leaving out what is none."""
    state = {}
    for name, value in vars(callback).items():
        if name.endswith("_") and not name.startswith("_"):
            value = value.state_dict() if name == "lr_scheduler_" and value is not None else value
            plain = _plain(value)
            if plain is not TORN:
                state[name] = plain
    return state


def _plain(value):
    """Return a value as what ``weights_only`` reads, TORN if it is something else."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        values = {key: _plain(item) for key, item in value.items()}
        return TORN if any(item is TORN for item in values.values()) else values
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return TORN if any(item is TORN for item in items) else tuple(items) if isinstance(value, tuple) else items
    return TORN


def _on_device(value, module):
    """Return kept weights where the module's are: they were read onto the CPU."""
    if isinstance(value, dict):
        return {name: _on_device(item, module) for name, item in value.items()}
    return value.to(next(module.parameters()).device) if isinstance(value, torch.Tensor) else value
