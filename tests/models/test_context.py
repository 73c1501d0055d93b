"""What is laid over a note in training: another after it, another before it."""

import pytest
import torch

from guitarclf.models.context import begin_another, ring_on


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_another_note_begins_late_in_a_share_of_the_windows():
    loud = torch.full((400, 1, 4, 50), -100.0)
    loud[:, :, :, :5] = -20.0  # every row sounds in its first frames alone
    heard = begin_another(loud, 0.5)
    torch.testing.assert_close(heard.amax(dim=(1, 2, 3)), torch.full((400,), -20.0))  # as windows are levelled
    begins = (heard[:, 0, 0, 5:] > -50).float()
    has_another = begins.any(dim=1)
    assert 0.4 < has_another.float().mean() < 0.6
    torch.testing.assert_close(heard[~has_another], loud[~has_another])
    levels = (heard[..., 5:].amax(dim=3) - heard[..., :5].amax(dim=3))[has_another]
    assert levels.abs().max() < 9.1
    assert levels.std() > 3
    first = begins[has_another].argmax(dim=1) + 5
    assert 5 < first.min() <= first.max() <= 45


@pytest.mark.parametrize(("share", "is_damped"), [(1.0, True), (0.0, False)])
def test_the_note_before_it_is_damped_or_rings_on(share, is_damped, monkeypatch):
    monkeypatch.setattr("guitarclf.models.context.DAMPED_SHARE", share)
    x = torch.full((60, 1, 4, 50), -20.0)
    x[::2] = -200.0  # where one of these begins, the note before it is heard by itself
    quietest = begin_another(x, 1.0)[1::2, 0, 0, -1].min()
    assert quietest < -40 if is_damped else quietest > -20.1


def test_an_earlier_note_rings_into_the_first_part_of_a_share_of_the_windows():
    x, others = torch.full((400, 1, 4, 50), -30.0), torch.full((400, 1, 4, 50), -10.0)
    added = ring_on(x, others, 0.5) - x
    has_another = added.flatten(1).amax(dim=1) > 0
    assert 0.4 < has_another.float().mean() < 0.6
    ends = (added[has_another, 0, 0] > 0).sum(dim=1)
    assert ends.min() >= 2
    assert 25 <= ends.max() <= 30
    assert (added[has_another, 0, 0, 0] > 0).all()  # it has begun before
    assert added.max() < 2  # its attack was at least 3 dB below the note's peak: 1.8 dB together


def test_an_earlier_note_goes_on_from_a_later_frame():
    falling = -2.0 * torch.arange(50.0).expand(60, 1, 4, 50)
    x = torch.full((60, 1, 4, 50), -500.0)
    x[..., -1] = 0.0
    heard = ring_on(x, falling, 1.0)
    torch.testing.assert_close(heard[..., 1] - heard[..., 0], torch.full((60, 1, 4), -2.0))
    assert -3 - 2 * 4 >= heard[..., 0].max() > -20
    assert -40 - 2 * 24 <= heard[..., 0].min() < -60
