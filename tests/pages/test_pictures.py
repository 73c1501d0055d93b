import base64
import io

import numpy as np
import pytest
from matplotlib.image import imread
from notes import RATE, decaying_sine

from guitarclf.pages.pictures import COLUMNS_PER_SEC, N_MELS, TILE, bands, picture, png, read_log_mel


def pixels(uri):
    """Return the picture of a data URI, from 0 black to 1 white."""
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    return imread(io.BytesIO(base64.b64decode(content)), format="png")


def test_a_png_is_the_picture(rng):
    grey = rng.integers(0, 256, (7, 301), dtype=np.uint8)
    read = imread(io.BytesIO(png(grey)), format="png")
    np.testing.assert_array_equal(np.round(read * 255).astype(np.uint8), grey)


def test_a_tone_is_dark_in_its_band_while_it_sounds():
    drawn = pixels(picture(decaying_sine(1000, 2.0, onset=1.0, decay=5.0), RATE))
    assert drawn.shape == (N_MELS, 2 * COLUMNS_PER_SEC)
    row = N_MELS - 1 - int(np.abs(bands() - 1000).argmin())
    assert drawn[row, 60:].max() < 0.3
    assert drawn[row, :45].min() > 0.9
    assert drawn[2, 60:].min() > 0.9


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_the_picture_does_not_depend_on_the_blocks(rng, rate):
    samples = rng.standard_normal(rate * 9).astype(np.float32)
    whole = read_log_mel([samples], rate).levels
    parts = read_log_mel(np.array_split(samples, 37), rate).levels
    np.testing.assert_array_equal(parts, whole)
    assert whole.shape == (N_MELS, 9 * COLUMNS_PER_SEC)


def test_tiles_cover_the_recording_in_turn(rng):
    strip = read_log_mel([rng.standard_normal(RATE * 130).astype(np.float32)], RATE)
    tiles = list(strip.tiles())
    assert [tile[:2] for tile in tiles] == [(0.0, 60.0), (60.0, 120.0), (120.0, 130.0)]
    assert [pixels(tile[2]).shape[1] for tile in tiles] == [TILE, TILE, 500]


def test_a_long_recording_has_fewer_columns_and_none_of_its_onsets_is_lost():
    block = np.zeros(RATE, dtype=np.float32)
    block[100] = 1
    strip = read_log_mel((block for _ in range(200)), RATE, duration=3 * 1800)
    assert strip.columns_per_sec == pytest.approx(COLUMNS_PER_SEC / 3)
    assert strip.levels.shape[1] == pytest.approx(200 * COLUMNS_PER_SEC / 3, abs=1)
    loud = np.flatnonzero(strip.levels.max(axis=0) > 100)
    assert len(loud) >= 200


def test_silence_is_one_shade_and_300_samples_are_a_column():
    assert len(np.unique(pixels(picture(np.zeros(RATE, dtype=np.float32), RATE)))) == 1
    assert pixels(picture(np.ones(300, dtype=np.float32), RATE)).shape == (N_MELS, 1)
