"""Broken notes: each way does what it says, and nothing to what it must not touch."""

import pytest
import torch

from guitarclf.models.broken import break_notes, glide, late_overtones, move_bands, shuffle_blocks


def notes(n_rows=6, *, n_channels=1):
    generator = torch.Generator().manual_seed(0)
    return 20 * torch.randn(n_rows, n_channels, 32, 44, generator=generator) - 40


def test_so_many_are_made_and_none_is_a_note_as_it_was():
    torch.manual_seed(0)
    x = notes()
    broken = break_notes(x, 50)
    assert broken.shape == (50, 1, 32, 44)
    assert broken.isfinite().all()
    assert not any(torch.equal(row, note) for row in broken for note in x)
    assert break_notes(x[:0], 50).shape == break_notes(x, 0).shape == (0, 1, 32, 44)


def test_all_ways_are_taken():
    torch.manual_seed(0)
    x = notes(1)
    ways = {"reversed": x.flip(3), "sorted": x.sort(dim=3).values}
    broken = break_notes(x, 60)
    is_reversed = [torch.equal(row, ways["reversed"][0]) for row in broken]
    is_shuffled = [torch.equal(row.sort(dim=2).values, ways["sorted"][0]) for row in broken]
    lower_half = [torch.equal(row[:, :6], x[0, :, :6]) for row in broken]
    assert 5 < sum(is_reversed) < 30
    assert 5 < sum(is_shuffled) - sum(is_reversed) < 30
    assert 5 < sum(lower_half) < 30
    assert sum(is_shuffled) + sum(lower_half) < 55  # the others glide


def test_a_mask_stays_that_of_its_note():
    torch.manual_seed(0)
    x = notes(n_channels=2)
    x[:, 1] = (torch.arange(44) < torch.tensor([5, 10, 20, 30, 40, 44])[:, None])[:, None].float()
    broken = break_notes(x, 40, last_is_mask=True)
    masks = x[:, 1].unique(dim=0)
    assert all(any(torch.equal(row[1], mask) for mask in masks) for row in broken)


def test_the_same_seed_breaks_alike():
    torch.manual_seed(3)
    first = break_notes(notes(), 9)
    torch.manual_seed(3)
    assert torch.equal(break_notes(notes(), 9), first)
    assert not torch.equal(break_notes(notes(), 9), first)


def test_blocks_keep_their_frames_in_order():
    torch.manual_seed(0)
    frames = torch.arange(44.0).expand(8, 1, 32, 44)
    shuffled = shuffle_blocks(frames)[:, 0, 0]
    assert (shuffled.sort(dim=1).values == torch.arange(44)).all()
    follows = (shuffled.diff(dim=1) == 1).float().mean(dim=1)
    assert ((follows > 0.4) & (follows < 0.95)).all()  # half of the frames in blocks of 2, five of six in blocks of 6


@pytest.mark.parametrize("bands", [0.0, 3.0, -5.0, 1.5])
def test_bands_move_by_as_many_as_told(bands):
    x = notes(2)
    moved = move_bands(x, torch.full((2, 44), bands))
    whole = int(bands)
    if bands == 1.5:
        torch.testing.assert_close(moved[:, :, 2:], (x[:, :, 1:-1] + x[:, :, :-2]) / 2)
    elif bands >= 0:
        torch.testing.assert_close(moved[:, :, whole:], x[:, :, : 32 - whole])
        assert (moved[:, :, :whole] == x.amin(dim=(2, 3), keepdim=True)).all()
    else:
        torch.testing.assert_close(moved[:, :, :whole], x[:, :, -whole:])
        assert (moved[:, :, whole:] == x.amin(dim=(2, 3), keepdim=True)).all()


def test_a_partial_glides_or_wobbles_further_than_a_player_bends_it():
    torch.manual_seed(0)
    x = torch.full((40, 1, 64, 44), -80.0)
    x[:, :, 32] = 0.0
    place = glide(x)[:, 0].argmax(dim=1)  # [B, T]
    swing = place.amax(dim=1) - place.amin(dim=1)
    assert ((swing >= 4) & (swing <= 18)).all()
    assert ((place - 32).abs() <= 15).all()


def test_overtones_of_another_note_come_later():
    torch.manual_seed(0)
    x, others = notes(20), notes(20).flip(0)
    changed = late_overtones(x, others)
    for row, note, other in zip(changed[:, 0], x[:, 0], others[:, 0], strict=True):
        cut = int((row == note).all(dim=1).sum())
        assert 6 <= cut <= 26
        delay = int((row[cut] == other.min()).sum())
        assert 3 <= delay <= 19
        assert torch.equal(row[cut:, delay:], other[cut:, :-delay])
