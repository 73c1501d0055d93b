"""EventWindow: which stretch of sound an event gets, from a table, from files, from arrays."""

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from guitarclf.audio import windows
from guitarclf.audio.offsets import NEVER
from guitarclf.audio.recordings import open_recording
from guitarclf.audio.waveforms import set_level
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.features.inputs import as_requests
from guitarclf.features.window import EventWindow

RATE = 22050


def as_recorded(**settings):
    return EventWindow(**({"normalize": "none"} | settings))


def one_event(path, onset=0.0, events_in_file=1):
    return pd.DataFrame({"audio_path": [str(path)], "onset_sec": [onset], "events_in_file": [events_in_file]})


@pytest.fixture
def ramp():
    """`ramp(duration)`: samples that tell their own place, plus or minus `k / 100000` at sample `k`; without DC."""
    return lambda duration: (
        np.arange(round(duration * RATE)) / 1e5 * (-1.0) ** np.arange(round(duration * RATE))
    ).astype(np.float32)


def test_a_track_is_cut_at_the_onset(write_wav, ramp):
    waveform = ramp(3)
    window = as_recorded().transform(one_event(write_wav(waveform), 1.5))
    assert window.shape == (1, RATE)
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window[0], waveform[33075 : 33075 + RATE])


def test_a_track_that_ends_inside_the_window_is_padded_with_zeros(write_wav, ramp):
    waveform = ramp(2)
    window = as_recorded().transform(one_event(write_wav(waveform), 1.4))[0]
    np.testing.assert_array_equal(window[: len(waveform) - 30870], waveform[30870:])
    assert not window[len(waveform) - 30870 :].any()


def test_a_short_snippet_is_padded_at_its_end(write_wav, ramp):
    waveform = ramp(0.6)
    window = as_recorded().transform(one_event(write_wav(waveform), 0.02))[0]
    np.testing.assert_array_equal(window[: len(waveform)], waveform)
    assert not window[len(waveform) :].any()


@pytest.mark.parametrize(
    ("duration", "onset", "events_in_file", "crop", "first"),
    [
        (1.1, 0.0, 1, "center", 1102),
        (1.1, 0.0, 1, "start", 0),
        (1.2, 0.05, 1, "center", 2205),
        (1.0, 0.0, 1, "center", 0),
        (1.21, 0.0, 1, "center", 0),  # too long for a snippet: cut at its onset
        (1.21, 0.05, 1, "center", 1102),
        (1.2, 0.06, 1, "center", 1323),  # its onset is too late
        (1.2, 0.0, 2, "center", 0),  # it holds another event
        (1.2, 0.05, 2, "start", 1102),
    ],
)
def test_a_snippet_is_cropped_and_anything_else_cut_at_its_onset(
    write_wav, ramp, duration, onset, events_in_file, crop, first
):
    waveform = ramp(duration)
    event = one_event(write_wav(waveform), onset, events_in_file)
    expected = np.zeros(RATE, dtype=np.float32)
    kept = waveform[first : first + RATE]
    expected[: len(kept)] = kept
    window = as_recorded(snippet_crop=crop)
    np.testing.assert_array_equal(window.transform(event)[0], expected)
    (request,) = as_requests(event)
    assert window.start_of(request) == first


def test_the_length_follows_duration_and_rate(write_wav, tone):
    window = EventWindow(sample_rate=16000, target_duration=0.25).transform([write_wav(tone)])
    assert window.shape == (1, 4000)


def test_levels_are_peak_rms_or_as_recorded(write_wav, tone):
    path = write_wav(tone)
    peak, rms, none = (EventWindow(normalize=n).transform([path])[0] for n in ("peak", "rms", "none"))
    np.testing.assert_array_equal(none, tone)
    assert np.abs(peak).max() == 1
    assert np.sqrt(np.mean(rms.astype(np.float64) ** 2)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(peak, tone / np.abs(tone).max(), rtol=1e-6)


def test_the_loudest_sample_may_be_negative():
    np.testing.assert_array_equal(set_level(np.array([0.25, -0.5], dtype=np.float32), "peak"), [0.5, -1.0])


@pytest.mark.parametrize("normalize", ["peak", "rms", "none"])
def test_silence_stays_silence(normalize):
    windows = EventWindow(normalize=normalize).reader.cut(np.zeros((2, RATE), dtype=np.float32))
    assert windows.shape == (2, RATE)
    assert not windows.any()
    with pytest.raises(ParameterError, match="Waveform 0 must hold sound"):
        EventWindow(normalize=normalize).transform(np.zeros((2, RATE), dtype=np.float32))


def test_table_paths_and_waveforms_give_the_same_windows(small_table):
    paths = small_table.events["audio_path"].tolist()
    expected = EventWindow().transform(small_table.events)
    assert expected.shape == (30, RATE)
    np.testing.assert_array_equal(EventWindow().transform(paths), expected)
    waveforms = [sf.read(path, dtype="float32")[0] for path in paths]
    np.testing.assert_array_equal(EventWindow().transform(waveforms), expected)


def test_a_row_does_not_depend_on_its_neighbours_or_on_threads(write_wav, write_csv, ramp):
    write_wav(ramp(1.15), "short.wav")
    write_wav(ramp(1.15), "shared.wav")
    cells = [("short.wav", 0.0), ("shared.wav", 0.0), ("shared.wav", 0.5)]
    rows = [
        {"note_id": n, "audio_path": p, "onset_sec": o, "offset_sec": o + 0.4, "label_category": "harmonic"}
        for n, (p, o) in enumerate(cells)
    ]
    table = write_csv(rows)
    events = read_events(table, audio_root=table.parent)
    together = EventWindow(num_workers=4).transform(events)
    alone = [EventWindow().transform(events.iloc[[row]])[0] for row in range(3)]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(EventWindow().transform(events.iloc[[2, 0, 1]]), together[[2, 0, 1]])
    assert not np.array_equal(together[0], together[1])  # a snippet is centred, a shared file is not


def test_long_waveforms_are_cut_at_their_start_and_short_ones_padded(ramp):
    windows = as_recorded().transform([ramp(2.0), ramp(0.5), ramp(1.1)])
    np.testing.assert_array_equal(windows[0], ramp(1.0))
    np.testing.assert_array_equal(windows[1, 11025:], 0)
    assert windows[2, 0] == ramp(1.1)[1102]


def test_float64_waveforms_become_float32_and_are_left_as_they_were(rng):
    waveforms = rng.uniform(-0.5, 0.5, (2, RATE))
    before = waveforms.copy()
    assert EventWindow().transform(waveforms).dtype == np.float32
    np.testing.assert_array_equal(waveforms, before)


def test_an_unreadable_file_is_an_error_and_not_silence(write_wav, tone, tmp_path):
    paths = [write_wav(tone), tmp_path / "gone.wav", tmp_path / "lost.wav"]
    with pytest.raises(AudioReadError, match=r"gone\.wav must be an audio file.*\(2 events cannot be read\)"):
        np.asarray(EventWindow().transform(paths))


def test_read_keeps_what_can_be_read(write_wav, tone, tmp_path):
    events = pd.concat([one_event(tmp_path / "gone.wav"), one_event(write_wav(tone))])
    events = pd.concat([events, one_event(tmp_path / "note.wav", 5.0)])
    windows, errors = as_recorded().read(as_requests(events))
    assert sorted(errors) == [0, 2]
    assert "no such file" in str(errors[0])
    assert "must reach the asked stretch" in str(errors[2])
    np.testing.assert_array_equal(windows[1], tone)


@pytest.mark.parametrize("X", [3, "note.wav", np.zeros((2, 4), dtype=int), [1.0, 2.0], {"audio_path": []}])
def test_anything_else_is_a_type_error_that_names_the_three(X):
    with pytest.raises(TypeError, match=r"events table \(DataFrame\), a sequence of paths, or waveforms"):
        EventWindow().transform(X)


def test_a_table_without_onsets_is_a_type_error():
    with pytest.raises(TypeError, match=r"must have audio_path and onset_sec\. Missing: onset_sec"):
        EventWindow().transform(pd.DataFrame({"audio_path": ["a.wav"]}))


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros((2, 5)), r"Waveform 1 must be at least 10 ms long, 221 samples at 22050 Hz. It has 5"),
        (np.zeros(5, dtype=np.int16), r"Waveform 1 must be a 1-D array of floats.*int16"),
        (np.zeros(0), r"Waveform 1 must be a 1-D array of floats that is not empty"),
        (np.full(300, np.nan), r"Waveform 1 must hold finite samples"),
    ],
)
def test_a_bad_waveform_is_refused_by_its_row(waveform, message):
    with pytest.raises(ParameterError, match=message):
        EventWindow().transform([np.ones(300), waveform])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate": 0}, "`sample_rate` must be at least 4000. Got 0"),
        ({"target_duration": -1.0}, "`target_duration` must be above 0. Got -1.0"),
        ({"target_duration": 1e-6}, "`target_duration` must be at least one sample. Got 1e-06 s at 22050 Hz"),
        ({"snippet_crop": "end"}, "`snippet_crop` must be one of center, start"),
        ({"normalize": "max"}, "`normalize` must be one of peak, rms, none. Got 'max'"),
        ({"num_workers": 0}, "`num_workers` must be at least 1. Got 0"),
    ],
)
def test_a_bad_parameter_is_refused_in_fit_and_in_transform(settings, message):
    with pytest.raises(ParameterError, match=message):
        EventWindow(**settings).fit([])
    with pytest.raises(ParameterError, match=message):
        EventWindow(**settings).transform(np.zeros((1, 5)))


def test_the_ends_of_the_events_of_a_file_are_found_with_one_opening(write_wav, monkeypatch):
    paths = [str(write_wav(np.full(22050, 0.5, dtype=np.float32), name)) for name in ("one.wav", "two.wav")]
    opened = []
    monkeypatch.setattr(windows, "open_recording", lambda path: opened.append(path) or open_recording(path))
    reader = windows.WindowReader()
    requests = [windows.Request(paths[row % 2], 0.1 * row, False, offset=0.1 * row + 0.06) for row in range(6)]
    requests.append(windows.Request("gone.wav", 0.0, False))
    ends = reader.ends(requests, unreadable={5})
    assert ends.tolist() == [round(0.06 * reader.sample_rate)] * 5 + [NEVER] * 2
    assert opened == paths
