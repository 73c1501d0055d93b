"""annotate with models of every kind: old formats, other windows, other channels; each hears what `predict` hears."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from notes import RATE, partial_series
from small import small_config

from guitarclf.bundle.check import FORMAT_VERSION
from guitarclf.bundle.pipelines import save_bundle
from guitarclf.cli import main
from guitarclf.pipeline import build_pipeline

BUNDLES = Path(__file__).parent.parent / "fixtures" / "bundles"
ONSETS = (0.3, 0.8, 1.0, 2.4)


@pytest.fixture
def take(write_wav):
    """A recording of four notes, the second of which is soon cut off by the third."""
    sound = np.zeros(round(3.2 * RATE), dtype=np.float32)
    for number, (onset, end) in enumerate(zip(ONSETS, (*ONSETS[1:], 3.0), strict=True)):
        note = partial_series(147.0 * 1.2**number, end - onset, decay=0.3)
        sound[round(onset * RATE) :][: len(note)] = note
    return write_wav(sound, "take.wav")


def told(*arguments):
    """Return the table that a command prints."""
    result = CliRunner().invoke(main, ["-q", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return pd.read_csv(io.StringIO(result.stdout))


def require_heard_as_predict_does(take, model):
    """Assert that annotate with a model finds the notes of a take, and says of each what `predict` says of its row."""
    table = take.with_suffix(".csv")
    events = told("annotate", take, "--model", model)
    events.to_csv(table, index=False)
    np.testing.assert_allclose(events["onset_sec"], ONSETS, atol=0.02)
    rows = told("predict", "--metadata-path", table, "--model", model)
    np.testing.assert_allclose(events.filter(like="p_"), rows.filter(like="p_"), rtol=0, atol=2e-5)
    np.testing.assert_allclose(events["confidence"], rows["confidence"], rtol=0, atol=2e-5)
    assert events["label_category"].tolist() == rows["label"].tolist()


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_model_of_an_old_format_hears_recordings(take, version, pytestconfig):
    require_heard_as_predict_does(
        take, pytestconfig.rootpath / "tests" / "fixtures" / "bundles" / f"v{version}" / "model"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"window__target_duration": 0.4},
        {"window__target_duration": 1.7},
        {"window__sample_rate": 16000},
        {"window__snippet_crop": "center"},
        {"logmel__extra_channels": ["sounding"]},
        {"logmel__extra_channels": ["rms", "delta", "sounding"], "window__until_next_onset": True},
        {"window__zero_after_offset": True},
        {"window__zero_after_offset": True, "window__until_next_onset": True},
    ],
    ids=str,
)
def test_a_model_with_other_windows_and_channels_hears_recordings(take, small_table, tmp_path, settings):
    config = small_config(net__max_epochs=1, **settings)
    events = small_table.events
    pipeline = build_pipeline(config).fit(events, events["label_category"], net__groups=events["track"])
    save_bundle(pipeline, config, tmp_path / "model")
    require_heard_as_predict_does(take, tmp_path / "model")


def test_a_note_that_the_end_of_the_recording_cuts_off_is_heard_as_its_row(write_wav):
    sound = np.zeros(round(3.0 * RATE), dtype=np.float32)
    for onset in ONSETS:
        note = partial_series(147.0, 0.5, decay=0.3)
        place = round(onset * RATE)
        sound[place : place + len(note)] += note
    require_heard_as_predict_does(write_wav(sound[: round(2.6 * RATE)], "take.wav"), "pretrained")
