"""WeightAverage: validate and keep a running mean of the weights instead of the last step's."""

import torch
from skorch.callbacks import Callback

from guitarclf.parameters.sections import WatchParameters

WARM_UP = 10  # steps; the mean forgets its first, untrained weights soon


class WeightAverage(Callback):
    """Keep an exponential running mean of weights and buffers (Polyak and Juditsky 1992; Tarvainen and Valpola 2017).

    From the end of an epoch's training until the next begins, the module holds the mean: it is what is validated,
    what the best epoch keeps, and what is written. Put it before the callbacks that look at the weights.

    Parameters
    ----------
    decay : float
        What the mean keeps of itself at each step; 0 does nothing.
    """

    def __init__(self, decay: float = WatchParameters.weight_average):
        self.decay = decay

    def on_train_begin(self, net, **kwargs):
        self.mean_ = _copy(net.module_) if self.decay else None
        self.trained_ = None
        self.n_steps_ = 0

    def on_epoch_begin(self, net, **kwargs):
        if self.trained_ is not None:
            net.module_.load_state_dict(self.trained_)
            self.trained_ = None

    def on_batch_begin(self, net, training=False, **kwargs):
        if not training:
            self._show_mean(net)

    def on_batch_end(self, net, training=False, **kwargs):
        if not training or self.mean_ is None:
            return
        self.n_steps_ += 1
        decay = min(self.decay, self.n_steps_ / (WARM_UP + self.n_steps_))
        for name, value in net.module_.state_dict().items():
            if name not in self.mean_:  # an unfinished run of 0.1.0 lacks a buffer
                self.mean_[name] = value.clone()
            elif value.is_floating_point():
                self.mean_[name].lerp_(value, 1 - decay)
            else:
                self.mean_[name].copy_(value)

    def on_epoch_end(self, net, **kwargs):
        self._show_mean(net)

    def on_train_end(self, net, **kwargs):
        self.mean_ = self.trained_ = None  # a pickle must not hold them

    def _show_mean(self, net) -> None:
        if self.mean_ is not None and self.trained_ is None:
            self.trained_ = _copy(net.module_)
            net.module_.load_state_dict(self.mean_)


@torch.no_grad()
def _copy(module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
