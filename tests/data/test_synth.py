"""Modelled notes: the physics that separates the classes, and the promises of the data sets."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from guitarclf.data.synth import COLUMNS, draw_guitar, draw_note, render_notes, write_snippets, write_tracks
from guitarclf.data.synth.layout import plan_guitars
from guitarclf.data.synth.modal import sum_modes
from guitarclf.data.synth.notes import died_at, render_pluck
from guitarclf.data.synth.string import PARTIAL_NUMBERS, partial_frequencies, touch_damping
from guitarclf.data.synth.techniques import draw_pluck
from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS

RATE = 22050
STYLES = {"HA", "DN", "NO", "PM", "ST", "VI", "BE", "SL", "HO"}


@pytest.fixture(scope="module")
def notes():
    return render_notes(240, n_guitars=12, seed=0)


def level_at(waveform, frequency, start, sample_rate=RATE, length=0.1):
    """Return the amplitude in dB of one frequency in a Hann window of 0.1 s."""
    first, n_samples = round(start * sample_rate), round(length * sample_rate)
    window = np.hanning(n_samples)
    turning = np.exp(-2j * np.pi * frequency * np.arange(n_samples) / sample_rate)
    spectrum = np.sum(waveform[first : first + n_samples] * window * turning) * 2 / window.sum()
    return 20 * np.log10(np.abs(spectrum) + 1e-12)


def steady(times):
    return np.ones_like(times)


def one_mode(frequency, rates, ends, *, sample_rate=RATE, pitch_ratio=steady, n_samples=RATE):
    rates = np.asarray(rates, dtype=float)[:, None]
    return sum_modes(
        np.array([frequency]),
        np.ones(1),
        np.zeros(1),
        rates,
        ends,
        pitch_ratio,
        n_samples=n_samples,
        sample_rate=sample_rate,
    )


def test_import_leaves_numba_alone():
    code = "import sys, guitarclf.data.synth; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_mode_is_a_decaying_sine():
    times = np.arange(RATE) / RATE
    expected = np.exp(-5.0 * times) * np.sin(2 * np.pi * 440.0 * times)
    np.testing.assert_allclose(one_mode(440.0, [5.0], ()), expected, atol=1e-6)


def test_decay_changes_where_a_segment_ends():
    waveform = one_mode(440.0, [0.0, 50.0], (0.5,))
    assert level_at(waveform, 440.0, 0.3) == pytest.approx(0.0, abs=0.1)
    assert level_at(waveform, 440.0, 0.7) < -80


def test_pitch_follows_the_ratio():
    octave_up = one_mode(300.0, [0.0], (), pitch_ratio=lambda times: np.where(times < 0.5, 1.0, 2.0))
    assert level_at(octave_up, 300.0, 0.2) == pytest.approx(0.0, abs=0.1)
    assert level_at(octave_up, 600.0, 0.7) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", [22050, 44100])
def test_modes_above_the_band_do_not_fold_back(sample_rate):
    assert not one_mode(0.49 * sample_rate, [1.0], (), sample_rate=sample_rate).any()


def test_stiffness_stretches_the_partials():
    stretched = partial_frequencies(110.0, 1e-4) / (110.0 * PARTIAL_NUMBERS)
    assert (np.diff(stretched) > 0).all()
    assert stretched[9] == pytest.approx(np.sqrt(1.01))


@pytest.mark.parametrize("node", [2, 3, 4, 5])
def test_touch_at_a_node_spares_only_its_multiples(node):
    damping = touch_damping(1 / node, 0.001)[:20]
    multiples = PARTIAL_NUMBERS[:20] % node == 0
    assert damping[multiples].max() < 0.01
    assert damping[~multiples].min() > 0.3


def test_wide_touch_spares_nothing():
    assert touch_damping(0.5, 0.2)[2:].min() > 0.1


def test_harmonic_loses_the_other_partials():
    rng = np.random.default_rng(0)
    fallen = []
    for _ in range(40):
        pluck = draw_pluck(draw_guitar(rng), "harmonic", rng)
        fundamental = pluck.frequencies[0]
        node = round(440.0 * 2 ** ((pluck.pitch_midi - 69) / 12) / fundamental)
        waveform = render_pluck(pluck, RATE, sample_rate=RATE, rng=rng, noise_rng=rng)
        spared, lost = pluck.frequencies[node - 1], fundamental
        fallen.append(level_at(waveform, spared, 0.25) - level_at(waveform, lost, 0.25))
    assert np.median(fallen) > 50
    assert np.quantile(fallen, 0.1) > 25


def test_note_is_the_same_at_both_rates():
    pluck = draw_pluck(draw_guitar(np.random.default_rng(3)), "general_note", np.random.default_rng(4))
    quiet = replace(pluck, bursts=(), string_level=1.0)
    levels = {}
    for rate in (22050, 44100):
        rng = np.random.default_rng(0)
        waveform = render_pluck(quiet, rate, sample_rate=rate, rng=rng, noise_rng=rng)
        levels[rate] = [level_at(waveform, frequency, 0.1, rate) for frequency in pluck.frequencies[:6]]
    np.testing.assert_allclose(levels[22050], levels[44100], atol=0.5)


def test_equal_generators_give_equal_notes_and_one_generator_never_twice_the_same():
    guitar = draw_guitar(np.random.default_rng(0))
    first, again = (draw_note(guitar, "general_note", np.random.default_rng(1)) for _ in range(2))
    rng = np.random.default_rng(1)
    _, second = draw_note(guitar, "general_note", rng), draw_note(guitar, "general_note", rng)
    np.testing.assert_array_equal(first.waveform, again.waveform)
    assert not np.array_equal(first.waveform, second.waveform)


def test_waveforms_are_finite_audible_and_within_one(notes):
    waveforms, events = notes
    peaks = np.abs(waveforms).max(axis=1)
    assert waveforms.shape == (len(events), RATE)
    assert waveforms.dtype == np.float32
    assert np.isfinite(waveforms).all()
    assert peaks.min() > 0.1
    assert peaks.max() <= 1.0


def test_table_describes_every_note(notes):
    _, events = notes
    dead = events["label_category"] == "dead_note"
    assert tuple(events.columns) == COLUMNS
    assert events["note_id"].is_unique
    assert set(events["expression_style"]) <= STYLES
    assert (events["onset_sec"].between(0, 0.01)).all()
    assert (events["offset_sec"] > events["onset_sec"]).all()
    assert (events["offset_sec"] <= 1.0).all()
    assert (events["pitch_midi"] == -1).eq(dead).all()


def test_lengths_of_the_classes_overlap(notes):
    _, events = notes
    length = events["offset_sec"] - events["onset_sec"]
    dead = length[events["label_category"] == "dead_note"]
    others = length[events["label_category"] != "dead_note"]
    assert (others < dead.quantile(0.9)).mean() > 0.1


@pytest.mark.parametrize("label", LABELS)
def test_digital_silence_ends_notes_of_every_class(notes, label):
    waveforms, events = notes
    ends_silent = ~waveforms[(events["label_category"] == label).to_numpy(), -1000:].any(axis=1)
    assert 0.1 < ends_silent.mean() < 0.9


def test_class_counts_match_the_shares(notes):
    _, events = notes
    counts = events["label_category"].value_counts()
    assert counts.to_dict() == {"harmonic": 67, "dead_note": 53, "general_note": 120}
    assert (events.groupby("track")["label_category"].nunique() == 3).all()


@pytest.mark.parametrize(("n_events", "n_guitars"), [(60, 20), (61, 20), (7, 2), (100, 3)])
def test_every_guitar_with_three_notes_plays_all_classes(n_events, n_guitars):
    plans = plan_guitars(n_events, n_guitars, None, 0)
    assert sum(len(plan.labels) for plan in plans) == n_events
    assert all(set(plan.labels) == set(LABELS) for plan in plans)


def test_result_depends_on_the_seed_and_not_on_the_processes(tmp_path):
    kwargs = {"n_guitars": 2, "sample_rate": 22050}
    one = write_snippets(tmp_path / "one", 6, seed=5, **kwargs)
    two = write_snippets(tmp_path / "two", 6, seed=5, n_jobs=2, **kwargs)
    other = write_snippets(tmp_path / "other", 6, seed=6, **kwargs)
    pd.testing.assert_frame_equal(one, two)
    for path in ["metadata.csv", *one["audio_path"]]:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    assert not one["offset_sec"].equals(other["offset_sec"])


def test_snippets_are_files_beside_their_table(tmp_path):
    done = []
    events = write_snippets(tmp_path, 7, n_guitars=2, duration=0.5, progress=done.append)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "metadata.csv"), events, check_dtype=False)
    info = sf.info(tmp_path / events["audio_path"][0])
    assert events["audio_path"][0] == f"audio/guitar_001/{events['note_id'][0]}.wav"
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (44100, 1, 22050, "PCM_16")
    assert done == [4, 7]


def test_tracks_hold_overlapping_notes_in_order(tmp_path):
    events = write_tracks(tmp_path, 30, n_guitars=2, events_per_recording=10, sample_rate=22050)
    assert events["audio_path"].nunique() == 4
    assert events["audio_path"][0] == "audio/guitar_001_take1.wav"
    n_overlapping = 0
    for path, take in events.groupby("audio_path"):
        waveform, rate = sf.read(tmp_path / path)
        assert take["onset_sec"].is_monotonic_increasing
        assert take["offset_sec"].max() <= len(waveform) / rate
        assert 0.1 < np.abs(waveform).max() <= 1.0
        n_overlapping += (take["offset_sec"] > take["onset_sec"].shift(-1)).sum()
    assert n_overlapping > 3


def test_onsets_of_tracks_are_early_unless_exact_ones_are_asked_for(tmp_path):
    settings = {"n_events": 24, "n_guitars": 4, "sample_rate": 22050, "seed": 3}
    early = write_tracks(tmp_path / "early", **settings)
    exact = write_tracks(tmp_path / "exact", **settings, exact_onsets=True)
    late = exact["onset_sec"] - early["onset_sec"]
    assert (late >= 0).all()
    assert 0.02 < late.max() <= 0.21
    assert early.drop(columns="onset_sec").equals(exact.drop(columns="onset_sec"))
    path = exact["audio_path"][0]
    assert (tmp_path / "early" / path).read_bytes() == (tmp_path / "exact" / path).read_bytes()
    waveform, rate = sf.read(tmp_path / "exact" / path)
    start = round(exact["onset_sec"][0] * rate)
    assert np.abs(waveform[: start - 20]).max() < 0.1 * np.abs(waveform[start : start + 2000]).max()


def test_note_has_died_40_db_below_its_peak():
    times = np.arange(RATE) / RATE
    decaying = np.exp(-20.0 * times) * np.sin(2 * np.pi * 500 * times)
    assert died_at(decaying, sample_rate=RATE) == pytest.approx(np.log(100) / 20, abs=0.015)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_events": 0}, "`n_events` must be a whole number, 1 or more. Got 0"),
        ({"n_guitars": 9}, "`n_guitars` must not exceed `n_events`. Got 9 guitars for 6"),
        ({"shares": {"slap": 1.0}}, "must have labels among .* Got 'slap'"),
        ({"shares": {"harmonic": 0.0}}, "must be 0 or more, and not all 0"),
        ({"shares": {"harmonic": -1.0, "dead_note": 2.0}}, "must be 0 or more"),
        ({"shares": 0.5}, "`shares` must map labels to shares. Got 0.5"),
        ({"sample_rate": 4000}, "`sample_rate` must be .* 8000 or more. Got 4000"),
        ({"duration": 0.0}, "`duration` must be at least 0.1 s. Got 0.0"),
        ({"n_jobs": 0}, "`n_jobs` must be a whole number other than 0. Got 0"),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more. Got -1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        render_notes(**({"n_events": 6, "n_guitars": 2} | arguments))


def test_unknown_label_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ParameterError, match=r"`label` must be one of .* Got 'slap'"):
        draw_note(draw_guitar(rng), "slap", rng)
