"""The CRNN: convolutions over the log-mel, a GRU over time, a small head."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS
from guitarclf.models.augment import Augment
from guitarclf.models.calibrate import Calibrate
from guitarclf.models.note_head import UNHEARD, NoteHead
from guitarclf.parameters.sections import CONV_CHANNELS, POOLS, ArchitectureParameters, ModuleParameters, Pooling

N_CLASSES = len(LABELS)


class CRNN(nn.Module):
    """`[B, C, F, T]` log-mel in dB -> `[B, n_classes]` logits in the order of LABELS.

    Parameters
    ----------
    n_channels, n_mels, n_frames : int
        Shape of one input.
    n_classes : int
    conv_channels : sequence of int
        Feature maps of each Conv-BatchNorm-MaxPool-ReLU block (pooling before ReLU is the same
        function as after it, and cheaper).
    pools : sequence of (int, int)
        Max-pooling of each block in (bands, frames).
    kernel_size : int
        Side of the square kernels, odd.
    rnn_hidden_size, rnn_num_layers : int
    rnn_bidirectional : bool
    pooling : {"final", "mean", "attention"}
        GRU frames -> one vector: the final state of every direction, the mean over frames, or a
        learnt weighting of them.
    head_hidden_size : int
    dropout : float
        Before both layers of the head.
    mask_after_offset : bool
        Whether the last input channel is no sound but a mask, above 0 in the frames before the note's offset
        (``logmel.extra_channels: [sounding]``): what the convolutions make of later frames is set to 0 before the
        GRU reads it, and pooling looks at the others alone, at least at one.
    note_head : bool
        Whether there is a second output, :meth:`note_logit`: note or not.
    **augment
        The parameters of :class:`Augment`, which is active in training mode only.

    Attributes
    ----------
    unknown_below : Tensor
        The confidence below which an answer is better not believed, a buffer; 0 until it is fitted.
    """

    unknown_below: Tensor

    def __init__(
        self,
        *,
        n_channels: int = 1,
        n_mels: int = 64,
        n_frames: int = 87,
        n_classes: int = N_CLASSES,
        conv_channels: Sequence[int] = CONV_CHANNELS,
        pools: Sequence[tuple[int, int]] = POOLS,
        kernel_size: int = ArchitectureParameters.kernel_size,
        rnn_hidden_size: int = ArchitectureParameters.rnn_hidden_size,
        rnn_num_layers: int = ArchitectureParameters.rnn_num_layers,
        rnn_bidirectional: bool = ArchitectureParameters.rnn_bidirectional,
        pooling: Pooling = ArchitectureParameters.pooling,
        head_hidden_size: int = ArchitectureParameters.head_hidden_size,
        dropout: float = ArchitectureParameters.dropout,
        mask_after_offset: bool = ArchitectureParameters.mask_after_offset,
        note_head: bool = ArchitectureParameters.note_head,
        **augment: Any,
    ):
        super().__init__()
        shape = {"conv_channels": conv_channels, "pools": pools, "kernel_size": kernel_size, "pooling": pooling}
        ModuleParameters.of(shape | augment)
        check_input(n_mels, n_frames, pools)
        if mask_after_offset and n_channels < 2:
            raise ParameterError(
                "`mask_after_offset` must have a channel that tells where the note sounds, after the log-mel. "
                f"Got {n_channels} channel. Set logmel.extra_channels=[sounding]."
            )
        self.pooling = pooling
        self.mask_after_offset = mask_after_offset
        self.n_heard = n_channels - mask_after_offset  # channels that the convolutions hear
        self.frames_per_step = prod(pool[1] for pool in pools)  # of the input, for one of the GRU
        self.augment = Augment(**augment, last_is_mask=mask_after_offset)
        self.standardize = BandStandardize(n_channels, n_mels)
        widths = [self.n_heard, *conv_channels]
        self.blocks = nn.Sequential(
            *(
                conv_block(before, after, kernel_size, (pool[0], pool[1]))
                for before, after, pool in zip(widths[:-1], widths[1:], pools, strict=True)
            )
        )
        # Both the weights and the input: together they make a CPU's convolutions nearly twice as fast.
        self.blocks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        self.rnn = nn.GRU(
            self._rnn_input_size(n_mels, n_frames),
            rnn_hidden_size,
            num_layers=rnn_num_layers,
            bidirectional=rnn_bidirectional,
            batch_first=True,
        )
        self.n_features = rnn_hidden_size * (2 if rnn_bidirectional else 1)
        self.attention: Any = nn.Linear(self.n_features, 1) if pooling == "attention" else None
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.n_features, head_hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(head_hidden_size, n_classes),
        )
        self.calibrate = Calibrate(n_classes)
        self.register_buffer("unknown_below", torch.zeros(()))
        # Last, so that the other weights are drawn as without it.
        self.note_head: Any = NoteHead(self.n_features) if note_head else None

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.encode(x))

    def encode(self, x: Tensor) -> Tensor:
        """`[B, C, F, T]` log-mel in dB -> `[B, n_features]`, the note in one vector.

        With a note head it is `[B, 3 * n_features]`: the same, and what this head alone reads.
        """
        x = self.augment(x)
        n_sounding = self._n_sounding(x[:, -1:]) if self.mask_after_offset else None
        frames = self._frames(self.standardize(x)[:, : self.n_heard])
        sounds = None
        if n_sounding is None:
            frames, state = self.rnn(frames)
            pooled = self._pool(frames, state)
        else:
            sounds = torch.arange(frames.shape[1], device=x.device) < n_sounding  # [B, T]
            frames, _ = self.rnn(frames * sounds[:, :, None])
            pooled = self._pool_sounding(frames, sounds, n_sounding)
        return pooled if self.note_head is None else self.note_head.pool(pooled, frames, sounds)

    def classify(self, encoded: Tensor) -> Tensor:
        """An encoded note -> `[B, n_classes]` logits."""
        return self.calibrate(self.head(encoded[:, : self.n_features]))

    def note_logit(self, encoded: Tensor) -> Tensor:
        """An encoded note -> `[B]` logits, above 0 for a note; there must be a note head."""
        return self.note_head(encoded)

    def classify_and_doubt(self, x: Tensor) -> Tensor:
        """`[B, C, F, T]` log-mel in dB -> `[B, n_classes + 1]`: the logits of the classes, then :meth:`note_logit`."""
        encoded = self.encode(x)
        return torch.cat([self.classify(encoded), self.note_logit(encoded)[:, None]], dim=1)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        state_dict.setdefault(f"{prefix}unknown_below", torch.zeros(()))  # weights of 0.1.0 lack it
        super()._load_from_state_dict(state_dict, prefix, *args)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "unknown_below" not in self._buffers:  # a pickle of 0.1.0
            self.register_buffer("unknown_below", torch.zeros(()))
            self.note_head = None

    def _frames(self, x: Tensor) -> Tensor:
        """`[B, C, F, T]` -> `[B, T', C' * F']`, the GRU's input."""
        x = self.blocks(x.contiguous(memory_format=torch.channels_last))
        return x.permute(0, 3, 1, 2).flatten(2)  # [B, T, C, F] -> [B, T, C * F]

    def _pool(self, frames: Tensor, state: Tensor) -> Tensor:
        """GRU output `[B, T, H]` and state `[layers * directions, B, h]` -> `[B, H]`."""
        if self.pooling == "final":
            # The last layer's state of every direction; frames[:, -1] would give the backward
            # direction a single frame.
            directions = 2 if self.rnn.bidirectional else 1
            return state[-directions:].transpose(0, 1).flatten(1)
        if self.pooling == "mean":
            return frames.mean(dim=1)
        weights = self.attention(frames).softmax(dim=1)  # [B, T, 1]
        return (weights * frames).sum(dim=1)

    def _n_sounding(self, mask: Tensor) -> Tensor:
        """`[B, 1, F, T]` mask -> `[B, 1]`, how many of the GRU's frames hold one before the offset; at least 1."""
        heard = nn.functional.max_pool1d(mask[:, 0, :1], self.frames_per_step)  # [B, 1, T']
        return (heard > 0).sum(dim=2).clamp(min=1)

    def _pool_sounding(self, frames: Tensor, sounds: Tensor, n_sounding: Tensor) -> Tensor:
        """As :meth:`_pool`, of the frames `[B, T, H]` where the note ``sounds`` `[B, T]`."""
        if self.pooling == "final":
            # Forwards the last of them, backwards the first, which is the last that direction reads.
            last = (torch.arange(frames.shape[1], device=frames.device) == n_sounding - 1)[:, :, None]
            n_hidden = self.rnn.hidden_size
            return torch.cat([(frames * last)[:, :, :n_hidden].sum(dim=1), frames[:, 0, n_hidden:]], dim=1)
        if self.pooling == "mean":
            return (frames * sounds[:, :, None]).sum(dim=1) / n_sounding
        weights = self.attention(frames).masked_fill(~sounds[:, :, None], UNHEARD).softmax(dim=1)  # [B, T, 1]
        return (weights * frames).sum(dim=1)

    def _rnn_input_size(self, n_mels: int, n_frames: int) -> int:
        training = self.training
        self.eval()
        with torch.no_grad():
            size = self._frames(torch.zeros(1, self.n_heard, n_mels, n_frames)).shape[2]
        self.train(training)
        return size


class BandStandardize(nn.Module):
    """Subtract each band's mean and divide by its scale, both set from the training rows."""

    mean: Tensor
    scale: Tensor
    is_set: Tensor

    def __init__(self, n_channels: int, n_mels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, n_channels, n_mels, 1))
        self.register_buffer("scale", torch.ones(1, n_channels, n_mels, 1))
        self.register_buffer("is_set", torch.tensor(False))

    def set_from(self, mean: Tensor, scale: Tensor) -> None:
        """Store `[C, F]` means and scales; a band that never varies keeps scale 1."""
        self.mean.copy_(mean[None, :, :, None])
        self.scale.copy_(torch.where(scale > 1e-6, scale, 1.0)[None, :, :, None])
        self.is_set.fill_(True)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.scale


def conv_block(n_in: int, n_out: int, kernel_size: int, pool: tuple[int, int]) -> nn.Sequential:
    """Return Conv-BatchNorm-MaxPool-ReLU: the same function as ReLU before MaxPool, and cheaper."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.MaxPool2d(pool),
        nn.ReLU(),
    )


def check_input(n_mels: int, n_frames: int, pools: Sequence[tuple[int, int]]) -> None:
    """Raise ParameterError unless pooling leaves something of an input."""
    bands, frames = n_mels, n_frames
    for pool in pools:
        bands, frames = bands // pool[0], frames // pool[1]
    if bands < 1 or frames < 1:
        raise ParameterError(
            f"`pools` must leave at least one band and one frame of the {n_mels} x {n_frames} input. "
            f"Got {pools}, which leaves {bands} x {frames}. Pool less, or use more mels or a longer window."
        )
