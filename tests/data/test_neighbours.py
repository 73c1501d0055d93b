"""Notes in memory among others of their track."""

import numpy as np
import pytest

from guitarclf.data.neighbours import among_others
from guitarclf.data.phrases import Joining

RATE = 8000


def pulses(n_notes=400, length=800):
    """Notes that are 1 for 0.1 s, then 0, in two tracks; the second is below 0."""
    waveforms = np.zeros((n_notes, RATE), dtype=np.float32)
    tracks = np.arange(n_notes) % 2
    waveforms[:, :length] = np.where(tracks, -1, 1)[:, None]
    return waveforms, np.full(n_notes, length / RATE), tracks


def joined(share=1.0, seed=0, **joining):
    waveforms, offsets, tracks = pulses()
    settings = {"share": share, "sample_rate": RATE, "seed": seed, "joining": Joining(**joining)}
    return (*among_others(waveforms, offsets, tracks, **settings), waveforms, tracks)


def test_a_share_of_the_notes_has_another_after_it():
    after, _, before, tracks = joined(0.5)
    changed = (after != before).any(axis=1)
    assert 0.4 < changed.mean() < 0.6
    loudest = np.abs(after[changed][:, 850:]).max(axis=1)
    assert loudest.min() > 0.3
    assert loudest.max() < 1.02
    signs = np.where(tracks, -1, 1)[changed]
    assert (after[changed].mean(axis=1) * signs > 0).all()  # of the same track


def test_the_next_note_begins_where_the_spacing_has_it_and_ends_the_note():
    after, offsets, _, _ = joined(spacing=(0.05, 0.08), overlap=0.0, level_db=0.0)
    assert 0.05 <= offsets.min() < offsets.max() <= 0.08
    for row, offset in zip(np.abs(after), offsets, strict=True):
        start = round(offset * RATE)
        assert row[start - 5] < 0.3  # the note fades out
        assert row[start + 5] > 0.9


@pytest.mark.parametrize(("overlap", "share_ringing"), [(0.0, 0.0), (1.0, 1.0)])
def test_the_note_before_rings_on(overlap, share_ringing):
    after, _, _, _ = joined(spacing=(0.02, 0.05), overlap=overlap, level_db=0.0)
    begins_louder = np.abs(after[:, :100]).max(axis=1) > 1.5  # two notes at once
    assert begins_louder.mean() == share_ringing


def test_a_seed_draws_the_same_neighbours():
    np.testing.assert_array_equal(joined(seed=3)[0], joined(seed=3)[0])
    assert (joined(seed=3)[0] != joined(seed=4)[0]).any()


def test_a_note_alone_in_its_track_is_its_own_neighbour_and_silence_stays():
    waveforms = np.zeros((2, RATE), dtype=np.float32)
    waveforms[0, :800] = 1
    after, _ = among_others(waveforms, np.ones(2), np.array([0, 1]), share=1.0, sample_rate=RATE, seed=0)
    assert (np.abs(after[0, 900:]) > 0.3).any()
    assert np.abs(after[1]).max() < 0.05


def test_a_next_note_may_begin_after_the_window():
    waveforms, offsets, tracks = pulses(20)
    settings = {"share": 1.0, "sample_rate": RATE, "seed": 0, "joining": Joining(spacing=(0.3, 0.4), overlap=0.0)}
    after, ends = among_others(waveforms[:, : RATE // 5], offsets, tracks, **settings)
    assert after.shape == (20, RATE // 5)
    np.testing.assert_allclose(ends, 0.1)
    assert np.abs(after[:, 850:]).max() < 0.02
