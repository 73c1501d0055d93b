"""Whether a file holds a note, and where it starts."""

import numpy as np
import pytest

from guitarclf.audio.onsets import first_rise, is_note, powers

RATE = 22050


@pytest.mark.parametrize("level", [1.0, 1e-3, 2.0**-15])
def test_hiss_is_no_note(rng, level):
    assert not is_note((level * rng.standard_normal(RATE)).astype(np.float32), RATE)


def test_notes_and_steady_tones_are_notes(tone, click, make_tone):
    assert is_note(tone, RATE)
    assert is_note(click, RATE)
    assert is_note(make_tone(220, decay=1e9), RATE)


@pytest.mark.parametrize("onset", [0.5, 1.5])
def test_a_note_after_hiss_is_found(rng, tone, onset):
    hiss = 1e-3 * rng.standard_normal(round(onset * RATE))
    found = first_rise(powers(np.concatenate([hiss, tone])[:, None], RATE))
    assert found == pytest.approx(onset, abs=0.025)
