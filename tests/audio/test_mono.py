"""Samples as the one mono that every command hears."""

import numpy as np
import pytest

from guitarclf.audio.mono import channels_heard, heard

RATE = 22050


@pytest.mark.parametrize("gain", [-1.0, -0.9, -0.6])
def test_one_of_channels_that_cancel_is_heard(make_partials, gain):
    note = make_partials(196)
    assert channels_heard(np.stack([note, gain * note], axis=1).astype(np.float32), RATE) == [0]


@pytest.mark.parametrize("frequency", [50, 60, 120])
def test_the_channel_with_the_note_is_heard_beside_hum(click, frequency):
    hum = 0.1 * np.sin(2 * np.pi * frequency * np.arange(len(click)) / RATE)
    samples = np.stack([hum, click], axis=1).astype(np.float32)
    assert channels_heard(samples, RATE) == [1]
    np.testing.assert_allclose(heard(samples, RATE), click, atol=1e-6)


@pytest.mark.parametrize("dc", [0.25, -0.5, 2.0])
def test_dc_is_removed_and_padding_stays_zero(tone, dc):
    samples = np.concatenate([tone + dc, np.zeros(500)]).astype(np.float32)[:, None]
    mono = heard(samples, RATE)
    np.testing.assert_allclose(mono[: len(tone)], tone - tone.mean(), atol=1e-5)
    assert not mono[len(tone) :].any()
