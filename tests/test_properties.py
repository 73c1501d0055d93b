"""What holds for any table, window and configuration, tried on what hypothesis thinks of."""

import csv
import io
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guitarclf.audio.recordings import load_segment
from guitarclf.config import Config, leaves
from guitarclf.config.files import load_config, write_config
from guitarclf.data.events import EVENT_COLUMNS, read_events
from guitarclf.errors import AudioReadError, ConfigError, EventTableError
from guitarclf.features.window import EventWindow
from guitarclf.labels import LABELS

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("repeatable")

RATE = 8000
# What a cell may hold: anything but surrogates, control characters, and blanks at its ends, which are cut off.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z"))).filter(bool)
SECONDS = st.floats(0, 1e6, allow_nan=False).map(lambda value: round(value, 6))
ROW = st.fixed_dictionaries(
    {
        "audio_path": TEXT,
        "onset_sec": SECONDS,
        "length": st.floats(1e-3, 1e3).map(lambda value: round(value, 6)),
        "pitch_midi": st.one_of(st.just(""), st.just(-1), st.integers(0, 127)),
        "expression_style": TEXT,
        "label_category": st.sampled_from(LABELS),
        "track": TEXT,
    }
)


def written(rows, *, separator=",", bom="", end="\n", decimal=".") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    names = [*EVENT_COLUMNS, "track"]
    writer.writerow(names)
    for row in rows:
        cells = [str(row[name]) for name in names]
        numbers = ("onset_sec", "offset_sec")
        writer.writerow([c.replace(".", decimal) if n in numbers else c for n, c in zip(names, cells, strict=True)])
    return (bom + text.getvalue()).encode()


def outcome(make, refusal: type):
    """Return (what was made, None), or (None, the message) if it was refused."""
    try:
        return make(), None
    except refusal as error:
        return None, str(error)


def read_bytes(content: bytes, name="t.csv"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read_events(path)


@given(
    st.lists(ROW, min_size=1, max_size=5),
    st.sampled_from([(",", "."), (";", "."), ("\t", "."), (";", ","), ("\t", ",")]),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_good_table_reads_back_as_it_was_written(rows, style, bom, end):
    separator, decimal = style
    for number, row in enumerate(rows):
        row |= {"note_id": f"n{number}", "offset_sec": round(row["onset_sec"] + row["length"], 6)}
    events = read_bytes(written(rows, separator=separator, bom=bom, end=end, decimal=decimal))
    for name in ("note_id", "audio_path", "expression_style", "label_category", "track", "onset_sec", "offset_sec"):
        assert events[name].tolist() == [row[name] for row in rows]
    assert events["pitch_midi"].tolist() == [-1 if row["pitch_midi"] == "" else row["pitch_midi"] for row in rows]


@given(ROW, st.sampled_from([*EVENT_COLUMNS, "track"]), st.text(max_size=30))
def test_any_cell_is_read_or_refused_with_its_place(row, column, text):
    row |= {"note_id": "n", "offset_sec": row["onset_sec"] + row["length"], column: text}
    events, message = outcome(lambda: read_bytes(written([row])), EventTableError)
    assert message is None or "t.csv" in message
    if events is None:
        return
    assert len(events) == 1
    onset, offset = events[["onset_sec", "offset_sec"]].iloc[0]
    assert offset > onset >= 0 or (column == "offset_sec" and np.isnan(offset))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(content):
    _, message = outcome(lambda: read_bytes(content), EventTableError)
    assert message is None or "t.csv" in message


@given(st.integers(1, RATE), st.floats(-2, 2), st.floats(1e-3, 2), st.sampled_from([4000, RATE, 11025]))
def test_a_segment_has_its_length_and_nothing_but_the_file_in_it(n_frames, onset, duration, sample_rate):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        sf.write(path, np.full(n_frames, 0.5), RATE, subtype="FLOAT")
        segment, message = outcome(lambda: load_segment(path, onset, duration, sample_rate=sample_rate), AudioReadError)
    assert message is None or "must reach the asked stretch" in message
    if segment is None:
        return
    n_samples, start = round(duration * sample_rate), round(onset * sample_rate)
    length = -(-n_frames * sample_rate // RATE)
    inside = (np.arange(n_samples) + start >= 0) & (np.arange(n_samples) + start < length)
    assert segment.shape == (n_samples,)
    assert segment.dtype == np.float32
    assert not segment[~inside].any()
    assert inside.any()
    if sample_rate == RATE:
        assert (segment[inside] == 0.5).all()


@given(
    st.lists(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50), min_size=1, max_size=4),
    st.sampled_from(["peak", "rms", "none"]),
    st.sampled_from(["center", "start"]),
)
def test_a_window_of_a_waveform_is_finite_and_scaled_whatever_its_neighbours(waveforms, normalize, crop):
    window = EventWindow(sample_rate=4000, target_duration=0.01, normalize=normalize, snippet_crop=crop)
    waveforms = [np.array(waveform, dtype=np.float32) for waveform in waveforms]
    cut = window.reader.cut  # without the checks of transform, which refuses silence and what is shorter than 10 ms
    windows = cut(waveforms)
    assert windows.shape == (len(waveforms), 40)
    assert np.isfinite(windows).all()
    for waveform, row in zip(waveforms, windows, strict=True):
        np.testing.assert_array_equal(row, cut([waveform])[0])
        if normalize == "peak" and row.any():
            assert np.isclose(np.abs(row).max(), 1)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@given(st.sampled_from([path for path, _ in leaves()]), VALUES)
def test_any_value_of_any_key_is_refused_in_a_line_or_kept_by_a_round_trip(path, value):
    config, message = outcome(lambda: load_config(overrides={path: value}), ConfigError)
    assert message is None or (len(message.splitlines()) == 1 and len(message) < 1000)
    if config is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_config(config, Path(folder) / "c.yaml")
        assert load_config(Path(folder) / "c.yaml") == config


@given(st.text(max_size=60))
def test_any_override_is_taken_or_refused_in_a_line(text):
    config, message = outcome(lambda: load_config(overrides=[text]), ConfigError)
    assert isinstance(config, Config) or len(message.splitlines()) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_a_config_or_refused_in_a_line(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_bytes(content)
        config, message = outcome(lambda: load_config(path), ConfigError)
    assert isinstance(config, Config) or len(message.splitlines()) == 1
