"""The CRNN: convolutions over the log-mel, a GRU over time, a small head."""

import torch
from torch import Tensor, nn

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS
from guitarclf.models.augment import Augment
from guitarclf.models.calibrate import Calibrate

N_CLASSES = len(LABELS)
POOLINGS = ("final", "mean", "attention")


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
    gain_db, time_shift, eq_db, band_limit, noise_floor, mask_bands, mask_frames
        See :class:`Augment`; active in training mode only.
    """

    def __init__(
        self,
        *,
        n_channels=1,
        n_mels=64,
        n_frames=87,
        n_classes=N_CLASSES,
        conv_channels=(32, 64, 128),
        pools=((2, 2), (2, 2), (2, 1)),
        kernel_size=3,
        rnn_hidden_size=128,
        rnn_num_layers=1,
        rnn_bidirectional=True,
        pooling="final",
        head_hidden_size=64,
        dropout=0.3,
        gain_db=0.0,
        time_shift=0.0,
        eq_db=0.0,
        band_limit=0.0,
        noise_floor=0.0,
        mask_bands=0,
        mask_frames=0,
    ):
        super().__init__()
        check_architecture(n_mels, n_frames, conv_channels, pools, kernel_size, pooling)
        self.pooling = pooling
        self.augment = Augment(
            gain_db=gain_db,
            time_shift=time_shift,
            eq_db=eq_db,
            band_limit=band_limit,
            noise_floor=noise_floor,
            mask_bands=mask_bands,
            mask_frames=mask_frames,
        )
        self.standardize = BandStandardize(n_channels, n_mels)
        widths = [n_channels, *conv_channels]
        self.blocks = nn.Sequential(
            *(
                conv_block(before, after, kernel_size, tuple(pool))
                for before, after, pool in zip(widths[:-1], widths[1:], pools, strict=True)
            )
        )
        # Both the weights and the input: together they make a CPU's convolutions nearly twice as fast.
        self.blocks.to(memory_format=torch.channels_last)
        self.rnn = nn.GRU(
            self._rnn_input_size(n_channels, n_mels, n_frames),
            rnn_hidden_size,
            num_layers=rnn_num_layers,
            bidirectional=rnn_bidirectional,
            batch_first=True,
        )
        n_features = rnn_hidden_size * (2 if rnn_bidirectional else 1)
        self.attention = nn.Linear(n_features, 1) if pooling == "attention" else None
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(n_features, head_hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(head_hidden_size, n_classes),
        )
        self.calibrate = Calibrate(n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.standardize(self.augment(x))
        return self.calibrate(self.head(self._pool(*self.rnn(self._frames(x)))))

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

    def _rnn_input_size(self, n_channels: int, n_mels: int, n_frames: int) -> int:
        training = self.training
        self.eval()
        with torch.no_grad():
            size = self._frames(torch.zeros(1, n_channels, n_mels, n_frames)).shape[2]
        self.train(training)
        return size


class BandStandardize(nn.Module):
    """Subtract each band's mean and divide by its scale, both set from the training rows."""

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


def check_architecture(n_mels, n_frames, conv_channels, pools, kernel_size, pooling) -> None:
    """Raise ParameterError for a CRNN that cannot be built."""
    if len(conv_channels) != len(pools) or not pools:
        raise ParameterError(
            f"`conv_channels` and `pools` must have one entry per block. Got {conv_channels} and {pools}."
        )
    if kernel_size % 2 == 0:
        raise ParameterError(f"`kernel_size` must be odd, so that a block keeps its size. Got {kernel_size}.")
    if pooling not in POOLINGS:
        raise ParameterError(f"`pooling` must be one of {', '.join(POOLINGS)}. Got {pooling!r}.")
    bands, frames = n_mels, n_frames
    for pool in pools:
        if len(tuple(pool)) != 2 or min(pool) < 1:
            raise ParameterError(f"`pools` must hold pairs of whole numbers from 1 up. Got {pools}.")
        bands, frames = bands // pool[0], frames // pool[1]
    if bands < 1 or frames < 1:
        raise ParameterError(
            f"`pools` must leave at least one band and one frame of the {n_mels} x {n_frames} input. "
            f"Got {pools}, which leaves {bands} x {frames}. Pool less, or use more mels or a longer window."
        )
