import base64
import io

import numpy as np
import pytest
import soundfile as sf
from notes import RATE, decaying_sine

from guitarclf.pages.sound import gain_for, resampled, sound


def decoded(uri):
    """Return (samples, rate) of a data URI of an OGG."""
    head, _, content = uri.partition(",")
    assert head == "data:audio/ogg;base64"
    return sf.read(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_the_sound_is_that_of_the_samples(rate):
    samples = decaying_sine(440, 1.0, sample_rate=rate)
    heard, rate_out = decoded(sound([samples[:5000], samples[5000:]], rate))
    assert rate_out == 22050
    assert len(heard) == pytest.approx(22050, abs=2)
    expected = decaying_sine(440, 1.0)
    n = min(len(heard), len(expected))
    assert np.corrcoef(heard[:n], expected[:n])[0, 1] > 0.99


@pytest.mark.slow
def test_half_an_hour_is_encoded():
    quiet = np.zeros(RATE * 60, dtype=np.float32)
    heard, rate = decoded(sound((quiet for _ in range(30)), RATE))
    assert len(heard) / rate == pytest.approx(1800)


def test_no_samples_are_a_sound_too():
    assert len(decoded(sound([], 44100))[0]) == 0


def test_what_is_too_loud_is_clipped_and_not_wrapped():
    heard, _ = decoded(sound([np.full(RATE, 1e6, dtype=np.float32)], RATE))
    assert np.median(heard) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("peak", "gain"), [(0.0, 1.0), (1.8, 0.5), (0.45, 2.0), (1e-4, 10.0), (1e6, 0.9e-6)])
def test_the_gain_brings_the_peak_to_full_scale_within_reason(peak, gain):
    assert gain_for(peak) == pytest.approx(gain)


def test_blocks_are_resampled_as_one_piece(rng):
    samples = rng.standard_normal(44100).astype(np.float32)
    whole = np.concatenate(list(resampled([samples], 44100)))
    parts = np.concatenate(list(resampled(np.split(samples, [1, 300, 40000]), 44100)))
    np.testing.assert_array_equal(parts, whole)
    assert len(whole) == 22050
