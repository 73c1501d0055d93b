"""Augmentation: identity unless training, and what each change may do to a spectrogram."""

import pytest
import torch
from small import NO_AUGMENTATION

from guitarclf.models.augment import Augment, add_noise_floor, mask_stripe, shift_frames, swap_starts

EVERYTHING = {
    "gain_db": 6.0,
    "time_shift": 0.2,
    "eq_db": 6.0,
    "band_limit": 1.0,
    "noise_floor": 1.0,
    "swap_start": 1.0,
    "next_note": 1.0,
    "previous_note": 1.0,
    "mask_bands": 8,
    "mask_frames": 8,
}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def batch(n_rows=200, n_channels=1, n_mels=16, n_frames=40):
    return 20 * torch.randn(n_rows, n_channels, n_mels, n_frames) - 40


def training(**settings):
    return Augment(**(NO_AUGMENTATION | settings)).train()


def test_nothing_changes_when_evaluated():
    x = batch()
    assert torch.equal(Augment(**EVERYTHING).eval()(x), x)


def test_nothing_changes_when_everything_is_off():
    x = batch()
    assert torch.equal(training()(x), x)


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_change_alone_acts_in_training_and_keeps_the_input(name):
    x = batch(20)
    before = x.clone()
    result = training(**{name: EVERYTHING[name]})(x)
    assert torch.equal(x, before)
    assert not torch.equal(result, x)
    assert result.shape == x.shape
    assert result.isfinite().all()


def test_a_seed_gives_the_same_changes():
    x = batch(20, n_channels=2)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(training(**EVERYTHING)(x))
    assert torch.equal(*results)
    assert not torch.equal(training(**EVERYTHING)(x), results[0])


def test_gain_is_one_constant_a_row_within_its_bounds():
    x = batch()
    change = training(gain_db=6.0)(x) - x
    gains = change.mean(dim=(1, 2, 3))
    torch.testing.assert_close(change, gains[:, None, None, None].expand_as(x), atol=1e-4, rtol=0)
    assert gains.abs().max() <= 6.001
    assert gains.min() < -5
    assert gains.max() > 5


def test_a_shift_moves_whole_frames_and_lets_the_floor_in():
    x = torch.arange(40.0).repeat(300, 1, 16, 1) + 1  # frame t holds t + 1
    moved = shift_frames(x, 0.1)
    assert torch.equal(moved, moved[:, :, :1].expand_as(moved))
    shifts = set()
    for row in moved[:, 0, 0]:
        shift = next(s for s in range(-4, 5) if torch.equal(row, shifted_by(s)))
        shifts.add(shift)
    assert shifts == set(range(-4, 5))


def shifted_by(shift):
    """Return frames 1..40 moved by `shift`, the quietest value entering."""
    row = torch.ones(40)
    if shift >= 0:
        row[shift:] = torch.arange(40.0)[: 40 - shift] + 1
    else:
        row[:shift] = torch.arange(40.0)[-shift:] + 1
    return row


def test_the_frames_that_enter_are_each_rows_own_floor():
    x = batch(100) + torch.arange(100.0)[:, None, None, None]
    moved = shift_frames(x, 0.5)
    floor = x.amin(dim=(2, 3))
    assert torch.equal(moved.amin(dim=(2, 3)) >= floor, torch.ones(100, 1, dtype=torch.bool))
    edges = torch.stack([moved[..., 0], moved[..., -1]])
    entered = (edges == floor[:, :, None]).all(dim=3).any(dim=0)
    assert entered.float().mean() > 0.9


def test_a_noise_floor_only_adds_and_stays_below_the_loudest_cell():
    x = torch.full((300, 1, 16, 40), -200.0)
    x[:, :, 8, 20] = torch.linspace(-40, 20, 300)[:, None]
    noisy = add_noise_floor(x, 1.0)
    assert (noisy >= x - 1e-3).all()
    torch.testing.assert_close(noisy[:, 0, 8, 20], x[:, 0, 8, 20], atol=0.1, rtol=0)
    levels = noisy[:, 0, :8].mean(dim=(1, 2)) - x[:, 0, 8, 20]
    assert -81 < levels.min() < -75
    assert -35 < levels.max() < -29


def test_a_noise_floor_is_a_sum_of_powers():
    x = torch.full((400, 1, 16, 40), -50.0)  # loudest cell = every cell: noise of -80 to -30 dB on it adds 0 dB
    added = add_noise_floor(x, 1.0) - x
    # The loudest noise, 30 dB below and spread by 3 dB, adds 10 log10(1 + 10^-3) = 0.004 dB on average.
    assert 0.0035 < added.mean(dim=(1, 2, 3)).max() < 0.01
    assert added.min() >= -1e-4


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_rows_with_a_noise_floor_is_the_one_asked_for(share):
    x = torch.full((1000, 1, 4, 10), -200.0)
    x[:, :, 0, 0] = 0
    changed = (add_noise_floor(x, share) != x).flatten(1).any(dim=1)
    assert changed.float().mean() == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("axis", [2, 3])
def test_a_mask_is_one_stripe_of_the_rows_mean(axis):
    x = batch(300)
    masked = mask_stripe(x, 6, axis=axis)
    other = 5 - axis
    is_mean = (masked == x.mean(dim=(2, 3), keepdim=True))[:, 0]
    stripes = is_mean.all(dim=other - 1)
    assert torch.equal(is_mean.any(dim=other - 1), stripes)  # whole bands or frames, nothing else
    assert torch.equal(masked[~is_mean[:, None]], x[~is_mean[:, None]])
    widths = stripes.sum(dim=1)
    assert set(widths.tolist()) == set(range(7))
    starts = (stripes[:, 1:] & ~stripes[:, :-1]).sum(dim=1) + stripes[:, 0].int()
    assert starts.max() == 1
    assert stripes.any(dim=0).all()  # every place is masked some time


def test_a_mask_wider_than_the_input_is_cut_to_it():
    masked = mask_stripe(batch(200, n_mels=3), 50, axis=2)
    assert masked.shape == (200, 1, 3, 40)
    assert masked.isfinite().all()


def test_gain_and_noise_leave_the_other_channels_alone():
    x = batch(20, n_channels=3)
    result = training(gain_db=6.0, noise_floor=1.0)(x)
    assert torch.equal(result[:, 1:], x[:, 1:])
    assert not torch.equal(result[:, :1], x[:, :1])


def test_shift_and_masks_move_all_channels_together():
    x = batch(100, n_channels=1).repeat(1, 2, 1, 1)
    result = training(time_shift=0.2, mask_bands=8, mask_frames=8)(x)
    assert torch.equal(result[:, 0], result[:, 1])
    assert not torch.equal(result, x)


def test_levels_need_decibels():
    assert {name for name in EVERYTHING if training(**{name: EVERYTHING[name]}).needs_decibels} == {
        "gain_db",
        "eq_db",
        "band_limit",
        "noise_floor",
        "next_note",
        "previous_note",
    }


def test_an_equaliser_is_one_smooth_curve_over_the_bands_of_a_row():
    x = batch(n_mels=64)
    change = training(eq_db=6.0)(x) - x
    curves = change.mean(dim=3)[:, 0]
    torch.testing.assert_close(change, curves[:, None, :, None].expand_as(x), atol=1e-4, rtol=0)
    assert curves.diff(dim=1).abs().max() < 2.5
    assert curves.std(dim=0).min() > 0.5


def test_a_band_limit_takes_from_the_upper_bands_of_some_rows():
    x = batch(n_mels=64)
    change = training(band_limit=0.5)(x) - x
    assert (change[:, :, :32] == 0).all()
    assert (change <= 0).all()
    limited = (change != 0).flatten(1).any(dim=1).float().mean()
    assert 0.35 < limited < 0.6


def test_a_swapped_start_is_another_rows_and_the_rest_stays():
    x = torch.arange(100.0)[:, None, None, None].expand(100, 2, 3, 40).contiguous()
    swapped = swap_starts(x, 0.5, 5)
    changed = swapped != x  # a row's own number is everywhere in it
    assert not changed[..., 5:].any()
    widths = changed[:, 0, 0].sum(dim=1)
    assert set(widths.tolist()) == set(range(6))
    assert 0.35 < (widths > 0).float().mean() < 0.65
    for row, width in zip(swapped, widths.tolist(), strict=True):
        assert row[..., :width].unique().numel() == min(width, 1)  # of one other row, every band and channel


def test_a_start_may_be_as_long_as_the_note():
    x = batch(20, n_frames=3)
    assert swap_starts(x, 1.0, 8).shape == x.shape
