"""Broken notes: what a note's log-mel is made into so that it is no note any more, though every part of it is.

They are rows that are no note for training "note or not": they sound as recorded and as loud as notes do, so that only
what makes a note one tells them apart: an attack and a decay after it, partials that stay where they are and begin
together.
"""

import torch
from torch import Tensor

SHORTEST_BLOCK, LONGEST_BLOCK = 2, 6  # frames
LEAST_GLIDE, MOST_GLIDE = 5.0, 15.0  # bands over the window; less is a bend, which players make
LEAST_WOBBLE, MOST_WOBBLE = 3.0, 9.0  # bands either way; less is a vibrato
FEWEST_WAVES, MOST_WAVES = 2.0, 8.0  # of a wobble, a window
LOWEST_CUT, HIGHEST_CUT = 0.2, 0.8  # share of the bands from which on they are another note's
EARLIEST, LATEST = 3, 19  # frames by which these come later


def break_notes(x: Tensor, n_rows: int, *, last_is_mask: bool = False) -> Tensor:
    """`[B, C, F, T]` notes -> `[n_rows, C, F, T]`, random ones of them, each broken in one of four ways.

    None are made of no notes. A last channel that is a mask of where the note sounds stays as it is.
    """
    if not len(x) or not n_rows:
        return x[:0]
    chosen = torch.randint(len(x), (n_rows,), device=x.device)
    notes, others = x[chosen], x[torch.randint(len(x), (n_rows,), device=x.device)]
    ways = torch.stack([notes.flip(3), shuffle_blocks(notes), glide(notes), late_overtones(notes, others)])
    broken = ways[torch.randint(len(ways), (n_rows,), device=x.device), torch.arange(n_rows, device=x.device)]
    return torch.cat([broken[:, :-1], notes[:, -1:]], dim=1) if last_is_mask else broken


def shuffle_blocks(x: Tensor) -> Tensor:
    """Put blocks of 2 to 6 frames of each row, of one length in a row, into a random order."""
    n_rows, n_frames = len(x), x.shape[3]
    size = torch.randint(SHORTEST_BLOCK, LONGEST_BLOCK + 1, (n_rows, 1), device=x.device)
    block = torch.arange(n_frames, device=x.device) // size  # [B, T] the block of each frame
    place = torch.rand(n_rows, n_frames, device=x.device).gather(1, block)  # the same for all frames of a block
    order = place.argsort(dim=1, stable=True)
    return x.gather(3, order[:, None, None, :].expand_as(x))


def glide(x: Tensor) -> Tensor:
    """Let the bands of each row glide up or down by 5 to 15 over the window, or wobble by 3 to 9."""
    n_rows, n_frames = len(x), x.shape[3]
    time = torch.linspace(0, 1, n_frames, device=x.device)

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(n_rows, 1, device=x.device).uniform_(low, high)

    sign = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    gliding = sign * draw(LEAST_GLIDE, MOST_GLIDE) * time
    waves = 2 * torch.pi * (draw(FEWEST_WAVES, MOST_WAVES) * time + draw(0, 1))
    wobbling = draw(LEAST_WOBBLE, MOST_WOBBLE) * torch.sin(waves)
    return move_bands(x, torch.where(draw(0, 1) < 0.5, gliding, wobbling))


def move_bands(x: Tensor, shift: Tensor) -> Tensor:
    """Move each frame of a row up by ``shift`` `[B, T]` bands; bands that enter are the row's quietest cell."""
    n_bands = x.shape[2]
    source = torch.arange(n_bands, device=x.device)[:, None] - shift[:, None, None, :]  # [B, 1, F, T]
    below = source.floor()
    share = (source - below).to(x.dtype)
    lower, upper = (x.gather(2, place.long().clamp(0, n_bands - 1).expand_as(x)) for place in (below, below + 1))
    outside = (source < 0) | (source > n_bands - 1)
    return torch.where(outside, x.amin(dim=(2, 3), keepdim=True), lower.lerp(upper, share.expand_as(x)))


def late_overtones(x: Tensor, others: Tensor) -> Tensor:
    """Give each row, from a random band on, the bands of another, which begin 3 to 19 frames later."""
    n_rows, n_bands, n_frames = len(x), x.shape[2], x.shape[3]
    delay = torch.randint(EARLIEST, LATEST + 1, (n_rows, 1), device=x.device)
    source = torch.arange(n_frames, device=x.device) - delay  # [B, T]
    late = others.gather(3, source.clamp(min=0)[:, None, None, :].expand_as(others))
    late = torch.where((source < 0)[:, None, None, :], others.amin(dim=(2, 3), keepdim=True), late)
    cut = torch.empty(n_rows, 1, device=x.device).uniform_(LOWEST_CUT, HIGHEST_CUT) * n_bands
    above = torch.arange(n_bands, device=x.device) >= cut  # [B, F]
    return torch.where(above[:, None, :, None], late, x)
