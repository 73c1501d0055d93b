"""What validate hears of a table: each event's sound is read once, and nothing is lost by that."""

import numpy as np
import pytest
import soundfile as sf

from guitarclf.audio import recordings
from guitarclf.audio.windows import WindowReader
from guitarclf.config import Config
from guitarclf.data.events import read_events
from guitarclf.experiment.table_sound import Channels, channels_in, hear, window_digest
from guitarclf.experiment.validate import validate
from guitarclf.features.inputs import as_requests

RATE = 22050


def rows_at(onsets, path="take.wav"):
    return [
        {"note_id": f"n{row}", "audio_path": path, "onset_sec": onset, "label_category": "harmonic"}
        for row, onset in enumerate(onsets)
    ]


def test_the_sound_of_an_event_is_read_once(monkeypatch, write_wav, make_tone, write_csv):
    write_wav(make_tone(440, 9.0), "take.wav")
    table, read, read_samples = write_csv(rows_at([1.0, 2.0, 3.0])), [], recordings.read_samples
    monkeypatch.setattr(recordings, "read_samples", lambda *given: read.append(given) or read_samples(*given))
    ((_, heard),) = hear(Config(), read_events(table, audio_root=table.parent))
    assert len(read) == len(heard) == 3
    assert all(one.problem is None and one.channels == Channels(1, frozenset(), False) for one in heard)


def test_each_event_has_what_is_heard_of_itself_where_files_alternate(write_wav, make_tone, write_csv):
    for name, frequency in (("take.wav", 440), ("other.wav", 220)):
        write_wav(make_tone(frequency, 20.0), name)
    rows = rows_at(np.arange(40) % 18.0)
    table = write_csv([row | {"audio_path": ("take.wav", "other.wav")[n % 2]} for n, row in enumerate(rows)])
    events = read_events(table, audio_root=table.parent)
    ((_, heard),) = hear(Config(), events)
    windows, errors = WindowReader().read(as_requests(events))
    assert not errors
    assert [one.digest for one in heard] == [window_digest(window) for window in windows]


def test_an_odd_channel_is_told_though_the_file_cannot_be_read_beside_the_window(tmp_path, make_tone, write_csv):
    note = make_tone(440, 4.0, sample_rate=44100)
    sound = np.stack([np.zeros_like(note), note], axis=1)
    sound[round(2.02 * 44100)] = np.nan  # after the window, in what the resampler needs of the file
    sf.write(tmp_path / "take.wav", sound, 44100, subtype="FLOAT")
    found = validate(write_csv(rows_at([1.0])), tmp_path)
    assert any("must hold finite samples" in problem for problem in found.problems)
    assert any("Channels [2]" in warning for warning in found.warnings)


@pytest.mark.parametrize("level", [1.0, 0.25])
def test_a_digest_does_not_depend_on_the_level(make_tone, level):
    tone = make_tone(440, 1.0)
    assert window_digest(np.float32(level) * tone) == window_digest(tone)
    assert window_digest(tone[::-1].copy()) != window_digest(tone)


@pytest.mark.parametrize(
    ("gains", "odd"),
    [((1, 1), set()), ((1, -1), {1}), ((0, 1), {2}), ((1,), set())],
    ids=["alike", "cancel", "one", "mono"],
)
def test_channels_that_alone_are_heard_are_counted_from_one(make_tone, gains, odd):
    note = make_tone(440, 1.0)
    samples = np.stack([gain * note for gain in gains], axis=1).astype(np.float32)
    assert channels_in(samples, RATE) == Channels(len(gains), frozenset(odd), False)
    assert channels_in(samples + np.float32(0.2), RATE).with_dc
