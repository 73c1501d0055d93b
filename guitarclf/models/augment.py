"""Random changes to log-mel spectrograms while training; identity in eval mode.

In log-mel, a gain is a constant, a time shift a roll of frames, and a noise floor a
sum of powers, so augmentation is batched and needs no second copy of the audio.
"""

import math

import torch
from torch import Tensor, nn

from guitarclf.models.context import begin_another, ring_on, summed, uniform
from guitarclf.parameters.sections import DECIBEL_CHANGES, AugmentParameters

# A noise floor is drawn this far below the loudest cell of the note, in dB.
NOISE_LOWEST, NOISE_HIGHEST = -80.0, -30.0
# Standard deviation of a noise floor's cells around its level, in dB.
NOISE_SPREAD = 3.0
# An equaliser curve is a sum of this many half cosines over the bands, each weaker by its number.
EQ_TERMS = 4
# A band limit lies above this share of the bands and falls by so many dB a band.
LOWEST_LIMIT, LIMIT_SLOPE = 0.5, 6.0


class Augment(nn.Module):
    """`[B, C, F, T]` -> `[B, C, F, T]`; channel 0 is a log-mel in dB.

    Parameters
    ----------
    gain_db : float
        Level change, uniform in plus or minus this many dB.
    time_shift : float
        Shift, uniform in plus or minus this share of the frames; what enters is the note's floor.
    eq_db : float
        An equaliser curve, smooth over the bands, each of its terms uniform in plus or minus this many dB.
    band_limit : float
        Share of notes whose upper bands, from a random one on, fall away by 6 dB a band.
    noise_floor : float
        Share of notes that get a noise floor 30 to 80 dB below their loudest cell.
    swap_start : float
        Share of notes whose first 1 to ``swap_frames`` frames are those of another note of the batch (in the manner of
        CutMix, Yun et al. 2019, along time, the label staying that of the note): attacks differ more from
        guitar to guitar than what follows them, and the net must not rest its judgement on them alone.
    swap_frames : int
        Most frames of a start that is swapped.
    next_note : float
        Share of notes in whose window another note of the batch begins and is heard from its start on, as in a phrase:
        the label stays that of the note before it.
    previous_note : float
        Share of notes into whose window another note of the batch, begun before it, rings on for a while.
    mask_bands, mask_frames : int
        Widest stripe of bands and of frames set to the note's mean (Park et al. 2019, SpecAugment).
    last_is_mask : bool
        Whether the last channel tells which frames count: it is shifted with the others, and is no sound to change.

    Each is off at 0. Shift, swap and masks act on all channels, the others on channel 0.
    """

    next_note, previous_note = 0.0, 0.0  # of pickles that were made before there were these

    def __init__(
        self,
        *,
        gain_db: float = AugmentParameters.gain_db,
        time_shift: float = AugmentParameters.time_shift,
        eq_db: float = AugmentParameters.eq_db,
        band_limit: float = AugmentParameters.band_limit,
        noise_floor: float = AugmentParameters.noise_floor,
        swap_start: float = AugmentParameters.swap_start,
        swap_frames: int = AugmentParameters.swap_frames,
        next_note: float = AugmentParameters.next_note,
        previous_note: float = AugmentParameters.previous_note,
        mask_bands: int = AugmentParameters.mask_bands,
        mask_frames: int = AugmentParameters.mask_frames,
        last_is_mask: bool = False,
    ):
        super().__init__()
        self.last_is_mask = last_is_mask
        self.gain_db = gain_db
        self.time_shift = time_shift
        self.eq_db = eq_db
        self.band_limit = band_limit
        self.noise_floor = noise_floor
        self.swap_start = swap_start
        self.swap_frames = swap_frames
        self.next_note = next_note
        self.previous_note = previous_note
        self.mask_bands = mask_bands
        self.mask_frames = mask_frames

    @property
    def needs_decibels(self) -> bool:
        """Whether an active change is only right on a log-mel in dB."""
        return any(getattr(self, name) > 0 for name in DECIBEL_CHANGES)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.time_shift > 0:
            x = shift_frames(x, self.time_shift, last_is_mask=self.last_is_mask)
        if self.last_is_mask:
            return torch.cat([self._change(x[:, :-1]), x[:, -1:]], dim=1)
        return self._change(x)

    def _change(self, x: Tensor) -> Tensor:
        if self.swap_start > 0:
            x = swap_starts(x, self.swap_start, self.swap_frames)
        if self.needs_decibels:
            x = torch.cat([self._change_levels(x[:, :1]), x[:, 1:]], dim=1)
        if self.mask_bands > 0:
            x = mask_stripe(x, self.mask_bands, axis=2)
        if self.mask_frames > 0:
            x = mask_stripe(x, self.mask_frames, axis=3)
        return x

    def _change_levels(self, x: Tensor) -> Tensor:
        others = x[torch.randperm(len(x), device=x.device)] if self.previous_note > 0 else x
        if self.next_note > 0:
            x = begin_another(x, self.next_note)
        if self.previous_note > 0:
            x = ring_on(x, others, self.previous_note)
        if self.eq_db > 0:
            x = x + equaliser(x, self.eq_db)
        if self.band_limit > 0:
            x = limit_band(x, self.band_limit)
        if self.noise_floor > 0:
            x = add_noise_floor(x, self.noise_floor)
        if self.gain_db > 0:
            x = x + uniform(x, -self.gain_db, self.gain_db)
        return x


def shift_frames(x: Tensor, share: float, *, last_is_mask: bool = False) -> Tensor:
    """Shift each row by up to ``share`` of its frames; frames that enter are the row's quietest cell.

    In a mask, which is the last channel if there is one, they are as the frame at that edge was.
    """
    n_frames = x.shape[3]
    most = round(share * n_frames)
    shifts = torch.randint(-most, most + 1, (len(x), 1), device=x.device)
    sources = torch.arange(n_frames, device=x.device) - shifts  # [B, T]
    moved = x.gather(3, sources.clamp(0, n_frames - 1)[:, None, None, :].expand_as(x))
    outside = ((sources < 0) | (sources >= n_frames))[:, None, None, :]
    shifted = torch.where(outside, x.amin(dim=(2, 3), keepdim=True), moved)
    return torch.cat([shifted[:, :-1], moved[:, -1:]], dim=1) if last_is_mask else shifted


def equaliser(x: Tensor, widest: float) -> Tensor:
    """Return a smooth random curve over the bands for each row, in dB, shape `[B, 1, F, 1]`."""
    place = (torch.arange(x.shape[2], device=x.device) + 0.5) / x.shape[2]
    orders = torch.arange(1, EQ_TERMS + 1, device=x.device)
    terms = torch.cos(math.pi * orders[:, None] * place)  # [terms, F]
    weights = torch.empty(len(x), EQ_TERMS, device=x.device).uniform_(-widest, widest) / orders
    return (weights @ terms)[:, None, :, None].to(x.dtype)


def limit_band(x: Tensor, share: float) -> Tensor:
    """Let the bands above a random one fall away in a ``share`` of the rows."""
    n_bands = x.shape[2]
    limit = uniform(x, LOWEST_LIMIT, 1.0) * n_bands
    above = (torch.arange(n_bands, device=x.device)[:, None] - limit).clamp(min=0)
    return torch.where(uniform(x, 0.0, 1.0) < share, x - LIMIT_SLOPE * above, x)


def add_noise_floor(x: Tensor, share: float) -> Tensor:
    """Add the power of a flat noise to a ``share`` of the rows (dB in, dB out)."""
    level = x.amax(dim=(1, 2, 3), keepdim=True) + uniform(x, NOISE_LOWEST, NOISE_HIGHEST)
    noise = level + NOISE_SPREAD * torch.randn_like(x)
    return torch.where(uniform(x, 0.0, 1.0) < share, summed(x, noise), x)


def swap_starts(x: Tensor, share: float, widest: int) -> Tensor:
    """Give a ``share`` of the rows the first 1 to ``widest`` frames of another row."""
    width = torch.randint(1, widest + 1, (len(x), 1), device=x.device)
    width = width * (torch.rand(len(x), 1, device=x.device) < share)
    start = (torch.arange(x.shape[3], device=x.device) < width)[:, None, None, :]  # [B, 1, 1, T]
    return torch.where(start, x[torch.randperm(len(x), device=x.device)], x)


def mask_stripe(x: Tensor, widest: int, *, axis: int) -> Tensor:
    """Set a stripe of 0 to ``widest`` bands (axis 2) or frames (axis 3) of each row to its channel means."""
    size = x.shape[axis]
    width = torch.randint(0, min(widest, size) + 1, (len(x), 1), device=x.device)
    first = (torch.rand(len(x), 1, device=x.device) * (size - width + 1)).long()
    place = torch.arange(size, device=x.device)
    stripe = (place >= first) & (place < first + width)  # [B, size]
    stripe = stripe[:, None, :, None] if axis == 2 else stripe[:, None, None, :]
    return torch.where(stripe, x.mean(dim=(2, 3), keepdim=True), x)
