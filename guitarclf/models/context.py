"""The neighbours of a note, laid over its log-mel while training: what comes before it and after it.

In a recording a note has neighbours, and the second after its onset holds them too; modelled and collected notes are
alone. All functions take and return `[B, 1, F, T]` in dB, and draw from torch's generator.
"""

import math

import torch
from torch import Tensor

NEPERS_PER_DB = math.log(10) / 10  # of power
# What follows a note begins in this part of the window.
EARLIEST, LATEST = 0.1, 0.9
# Another note is up to so many dB louder or softer; two of three times the note before it is damped there, by so many
# dB a frame.
NEXT_LEVEL, DAMPED_SHARE, DAMPING = 9.0, 2 / 3, 25.0
# An earlier note began so many frames ago, its attack was so many dB from the peak of the note, and it ends in this
# part of the window.
AGE = (4, 25)
PREVIOUS_LEVEL = (-40.0, -3.0)
PREVIOUS_END = (0.05, 0.6)
ATTACK = 8  # frames


def begin_another(x: Tensor, share: float) -> Tensor:
    """Let another row begin at a random frame of a ``share`` of the rows, which are damped there or ring on.

    The loudest cell of a row stays as loud as it was: windows are levelled with all that is in them.
    """
    since = _frames_since(x)
    other = x[torch.randperm(len(x), device=x.device)] + uniform(x, -NEXT_LEVEL, NEXT_LEVEL)
    other = other.gather(3, since.clamp(min=0).expand_as(x))
    damping = DAMPING * (uniform(x, 0.0, 1.0) < DAMPED_SHARE)
    before = x - damping * (since + 1).clamp(min=0)
    both = torch.where(since >= 0, summed(before, other), x)
    return torch.where(_chosen(x, share), both + _loudest(x) - _loudest(both), x)


def ring_on(x: Tensor, others: Tensor, share: float) -> Tensor:
    """Let the later part of another row, begun before, ring on for a while in a ``share`` of the rows."""
    n_frames = x.shape[3]
    frames = torch.arange(n_frames, device=x.device)
    age = torch.randint(*AGE, (len(x), 1), device=x.device)
    level = _loudest(x) - _loudest(others[..., :ATTACK])
    late = others.gather(3, (frames + age).clamp(max=n_frames - 1)[:, None, None, :].expand_as(x))
    late = late + level + uniform(x, *PREVIOUS_LEVEL)
    sounds = frames < uniform(x, *PREVIOUS_END) * n_frames
    return torch.where(sounds & _chosen(x, share), summed(x, late), x)


def summed(x: Tensor, y: Tensor) -> Tensor:
    """Return the level of two powers together (dB in, dB out)."""
    return torch.logaddexp(x * NEPERS_PER_DB, y * NEPERS_PER_DB) / NEPERS_PER_DB


def uniform(x: Tensor, low: float, high: float) -> Tensor:
    """Return one draw a row, shaped `[B, 1, 1, 1]`."""
    return torch.empty(len(x), 1, 1, 1, device=x.device, dtype=x.dtype).uniform_(low, high)


def _loudest(x: Tensor) -> Tensor:
    return x.amax(dim=(2, 3), keepdim=True)


def _chosen(x: Tensor, share: float) -> Tensor:
    return uniform(x, 0.0, 1.0) < share


def _frames_since(x: Tensor) -> Tensor:
    """Return how many frames after a random one each frame is, `[B, 1, 1, T]` int64, below 0 before it."""
    first = (uniform(x, EARLIEST, LATEST) * x.shape[3]).ceil().long()
    return torch.arange(x.shape[3], device=x.device) - first
