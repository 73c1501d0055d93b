"""What validate doubts about the sound of a table: onsets that are off, low rates, clipping; and what it does not."""

from collections import Counter

import numpy as np
import pytest
import soundfile as sf

from guitarclf.data.events import read_events
from guitarclf.experiment.sound_doubts import clipped_share, sound_doubts
from guitarclf.experiment.validate import validate

RATE = 22050


@pytest.fixture
def played(tmp_path, rng, make_tone, make_click, write_csv):
    """`played(shifts, rate=22050, gain=1, n_notes=12)`: a recording a shift (s) of its onsets, notes at odd times."""

    def write(shifts, *, rate=RATE, gain=1.0, n_notes=12):
        rows = []
        for track, shift in enumerate(shifts):
            onsets = 1.0 + np.cumsum(rng.uniform(0.35, 0.9, n_notes))
            sound = 1e-4 * rng.standard_normal(round((onsets[-1] + 2) * rate))
            for number, onset in enumerate(onsets):
                is_dead = number % 3 == 0
                note = (
                    make_click(0.8, sample_rate=rate)
                    if is_dead
                    else make_tone(110 + 110 * (number % 5), 0.8, sample_rate=rate)
                )
                note = note * rng.uniform(0.3, 1)
                sound[round(onset * rate) :][: len(note)] += note
            sf.write(tmp_path / f"{track}.wav", np.clip(gain * sound, -1, 1), rate)
            for number, onset in enumerate(onsets + shift):
                cells = {"note_id": f"{track}#{number}", "audio_path": f"{track}.wav", "onset_sec": onset}
                rows.append(cells | {"offset_sec": onset + 0.3, "label_category": "general_note"})
        return write_csv(rows)

    return write


def warnings_of(table):
    return "\n".join(validate(table, table.parent).warnings)


@pytest.mark.parametrize("shift", [-0.45, -0.3, -0.15, 0.12, 0.2, 0.3, 0.4, 0.5])
def test_onsets_that_are_all_off_are_told_by_how_much(played, shift):
    where = f"{abs(shift):.2f} s {'before' if shift > 0 else 'after'} it"
    (told,) = [line for line in warnings_of(played([shift] * 3)).splitlines() if "onset" in line]
    assert told.startswith("`onset_sec` is off: notes start some ")
    seconds = float(told.split("some ")[1].split(" s ")[0])
    assert seconds == pytest.approx(abs(shift), abs=0.03), where
    assert told.endswith(f"{'before' if shift > 0 else 'after'} it. Correct all by that much.")


@pytest.mark.parametrize("jitter", [0.0, 0.02, -0.04])
def test_onsets_that_are_right_or_nearly_are_not_doubted(played, jitter):
    assert "onset_sec" not in warnings_of(played([jitter, -jitter, jitter]))


def test_a_track_that_is_off_among_others_is_named(played):
    told = warnings_of(played([0.0, 0.0, 0.4, 0.0]))
    assert "`onset_sec` is off in some tracks: the notes of '2' some 0.4" in told


def test_single_notes_in_files_are_not_doubted(small_table):
    assert sound_doubts(small_table.events, Counter({RATE: 30})) == []


@pytest.mark.parametrize(("rate", "is_low"), [(8000, True), (11025, True), (16000, False), (44100, False)])
def test_low_sample_rates_are_told(played, rate, is_low):
    assert (f"sample rates below 16000 Hz: {rate} Hz (1 files)" in warnings_of(played([0.0], rate=rate))) is is_low


@pytest.mark.parametrize(("gain", "n_clipped"), [(1.0, 0), (1.5, 0), (40.0, 12)])
def test_heavy_clipping_is_told(played, gain, n_clipped):
    told = warnings_of(played([0.0], gain=gain))
    assert ("are heavily clipped" in told) is (n_clipped > 0)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("level", [1.0, 0.01])
def test_a_note_that_only_rings_is_not_clipped(make_tone, level, dtype):
    samples = level * make_tone(82.0, 1.0, sample_rate=44100)
    samples = np.round(samples * 2**15) / 2**15 if dtype is np.int16 else samples
    assert clipped_share(samples) < 0.02
    assert clipped_share(np.clip(samples * 20, -level, level)) > 0.2


def test_events_that_cannot_be_read_are_left_to_others(played):
    table = played([0.0])
    (table.parent / "0.wav").write_bytes(b"no sound")
    assert sound_doubts(read_events(table, audio_root=table.parent), Counter()) == []
