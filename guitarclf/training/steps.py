"""TrainingSteps: what a net does with one batch: its precision, notes mixed in pairs, auxiliary heads."""

from functools import partial

import torch

from guitarclf.errors import ParameterError
from guitarclf.training.device import computes_in_bf16, resolve_device


class TrainingSteps:
    """The part of NoteEventClassifier that computes; mixed into a skorch net before skorch's own class."""

    def infer(self, x, **fit_params):
        """`[B, C, F, T]` -> logits; skorch hands fit's params on to forward, and they are for the split."""
        return self._compute(self.module_, x)

    def _compute(self, part, x):
        """Return what the module or a part of it makes of x, in the precision asked for while training."""
        device = resolve_device(self.device)
        x = torch.as_tensor(x).to(device)
        if not (self.module_.training and computes_in_bf16(self.precision, device)):
            return part(x)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return part(x).float()

    def train_step_single(self, batch, **fit_params):
        """As skorch's; with ``mixup``, on notes mixed in pairs; with auxiliary heads, on what they are to tell too."""
        self._set_training(True)
        X, *targets = batch
        if not self.mixup:
            y_pred, loss_of = self._answer(X)
            loss = loss_of(*targets)
        else:
            share = torch.distributions.Beta(self.mixup, self.mixup).sample().item()
            other = torch.randperm(len(X))
            y_pred, loss_of = self._answer(share * X + (1 - share) * X[other])
            loss = share * loss_of(*targets) + (1 - share) * loss_of(*(target[other] for target in targets))
        loss.backward()
        return {"loss": loss, "y_pred": y_pred}

    def _answer(self, X):
        """Return logits, and a function from targets (y, and pitch if it is taught) to the loss of a training step."""
        if getattr(self.criterion_, "heads", None) is None:
            y_pred = self.infer(X)
            return y_pred, partial(self.get_loss, y_pred)
        encoded = self._compute(self.module_.encode, X)
        y_pred = self._compute(self.module_.classify, encoded)

        def loss_of(*targets):
            targets = [target.to(encoded.device) for target in targets]
            return self.get_loss(y_pred, targets[0]) + self.criterion_.auxiliary(encoded, *targets)

        return y_pred, loss_of

    @property
    def teaches_pitch(self) -> bool:
        """Whether a head of the loss is to name the notes' pitches."""
        return getattr(getattr(self.criterion_, "heads", None), "pitch", None) is not None

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the weighted cross-entropy of a batch."""
        return self.criterion_(y_pred, y_true.to(y_pred.device))


def encoding_size(module) -> int:
    """Return the length of a note encoded by a module; ParameterError if it has no encoder for heads to share."""
    if not all(hasattr(module, name) for name in ("encode", "classify", "n_features")):
        raise ParameterError(
            "The module must have `encode`, `classify` and `n_features`, as CRNN has, with `aux_harmonic` or "
            f"`aux_pitch` above 0. Got {type(module).__name__}. Set both to 0, or give it these."
        )
    return module.n_features
