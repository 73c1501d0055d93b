"""The events of recordings and of streams: where they are, and that they are heard as `predict` hears them."""

import io
import math
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from click.testing import CliRunner
from notes import RATE, decaying_sine

from guitarclf.audio import windows
from guitarclf.audio.offsets import next_onsets
from guitarclf.audio.onset_times import Onset
from guitarclf.audio.recordings import open_recording
from guitarclf.bundle.engines import load_model
from guitarclf.cli import main
from guitarclf.errors import AudioReadError
from guitarclf.timeline import stream
from guitarclf.timeline.stream import Listener, Pending, places_at, with_following

ONSETS = (0.5, 1.1, 1.9, 2.2, 4.0)
SECONDS = 5.5


@pytest.fixture(scope="module")
def listener():
    return Listener(load_model("pretrained"))


def phrase(onsets=ONSETS, seconds=SECONDS, rate=RATE):
    """Notes of one string, each ended by the next one."""
    sound = np.zeros(round(seconds * rate), dtype=np.float32)
    ends = [*onsets[1:], seconds]
    for number, (onset, end) in enumerate(zip(onsets, ends, strict=True)):
        start, stop = round(onset * rate), round(end * rate)
        note = decaying_sine(220.0 * 1.2**number, end - onset, sample_rate=rate)
        sound[start:stop] = note[: stop - start]
    return sound


def blocks_of(sound, n_samples):
    sound = sound[:, None] if sound.ndim == 1 else sound
    return (sound[start : start + n_samples] for start in range(0, len(sound), n_samples))


def test_the_events_of_a_recording_are_its_notes(listener, write_wav):
    events = list(listener.events_of(str(write_wav(phrase()))))
    np.testing.assert_allclose([event.onset for event in events], ONSETS, atol=0.02)
    onsets = [event.onset for event in events]
    wanted = np.minimum([*onsets[1:], SECONDS], np.add(onsets, listener.window_sec))
    np.testing.assert_allclose([event.offset for event in events], wanted)
    for event in events:
        assert sum(event.proba) == pytest.approx(1)
        assert 0 < event.confidence <= 1
        assert event.strength > 1.2
        assert event.error == ""


def test_an_event_is_heard_as_predict_hears_its_row_of_the_table(listener, write_wav, tmp_path):
    path = write_wav(phrase())
    events = list(listener.events_of(str(path)))
    rows = [(number, path.name, event.onset) for number, event in enumerate(events)]
    pd.DataFrame(rows, columns=["note_id", "audio_path", "onset_sec"]).to_csv(tmp_path / "events.csv", index=False)
    told = CliRunner().invoke(main, ["predict", "--metadata-path", str(tmp_path / "events.csv")])
    assert told.exit_code == 0, told.output
    found = pd.read_csv(io.StringIO(told.stdout))
    np.testing.assert_allclose([event.proba for event in events], found.filter(like="p_"), atol=2e-6)
    np.testing.assert_allclose([event.confidence for event in events], found["confidence"], atol=2e-6)
    assert [event.label for event in events] == found["label"].tolist()


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_stream_is_heard_as_the_recording_of_it(listener, write_wav, rate):
    sound = phrase(rate=rate)
    events = list(listener.events_of(str(write_wav(sound, sample_rate=rate))))
    heard = list(listener.events_in(blocks_of(sound, rate // 10), rate))
    np.testing.assert_allclose([event.onset for event in heard], [event.onset for event in events], atol=0.02)
    assert [event.label for event in heard] == [event.label for event in events]


def test_a_stream_answers_while_it_plays(listener):
    sound, n_samples = phrase(), RATE // 10
    given = 0

    def playing():
        nonlocal given
        for block in blocks_of(sound, n_samples):
            given += len(block)
            yield block

    delays = [given / RATE - event.onset for event in listener.events_in(playing(), RATE)]
    assert len(delays) == len(ONSETS)
    assert min(delays) >= listener.window_sec
    assert max(delays) <= listener.window_sec + 1.0


def test_a_stream_of_two_channels_is_heard_by_the_one_that_sounds(listener):
    sound = phrase()
    stereo = np.stack([np.zeros_like(sound), sound], axis=1)
    found = [event.onset for event in listener.events_in(blocks_of(stereo, 2205), RATE)]
    np.testing.assert_allclose(found, ONSETS, atol=0.02)


@pytest.mark.parametrize("seconds", [0.0213, 0.25, 1.0, 60.0])
def test_the_events_of_a_stream_do_not_depend_on_how_much_comes_at_once(listener, seconds):
    late = phrase((*ONSETS, 9.0, 16.5), 18.0)
    stereo = np.stack([np.where(np.arange(len(late)) < 3 * RATE, 0, late), late], axis=1)
    for sound in (late, stereo):
        wanted = list(listener.events_in(blocks_of(sound, RATE // 10), RATE))
        assert list(listener.events_in(blocks_of(sound, round(seconds * RATE)), RATE)) == wanted
        assert len(wanted) == len(ONSETS) + 2


def until_error(events):
    """Return the events that come, and the message of the error after them."""
    found = []
    with pytest.raises(AudioReadError) as told:
        found.extend(events)
    return found, str(told.value)


def test_a_stream_that_breaks_off_is_answered_first(listener):
    def breaking():
        yield from blocks_of(phrase(), 2205)
        raise AudioReadError("It broke.")

    found, told = until_error(listener.events_in(breaking(), RATE))
    assert found == list(listener.events_in(blocks_of(phrase(), 2205), RATE))
    assert told == "It broke."


@pytest.mark.parametrize(("value", "told"), [(np.nan, "It has nan"), (np.inf, "It has inf"), (-1e30, "It has -1e+30")])
def test_what_came_before_a_sample_that_is_none_is_answered_first(listener, value, told):
    sound = phrase()
    sound[round(4.9 * RATE) + 5] = value
    found, message = until_error(listener.events_in(blocks_of(sound, 2205), RATE))
    assert found == list(listener.events_in(blocks_of(sound[: round(4.9 * RATE) + 5], 2205), RATE))
    assert len(found) == len(ONSETS)
    assert told in message


def test_an_empty_block_is_nothing(listener):
    blocks = [np.zeros((0, 1), dtype=np.float32), *blocks_of(phrase(), RATE)]
    assert list(listener.events_in(blocks, RATE)) == list(listener.events_in(blocks[1:], RATE))


def test_a_stream_that_begins_with_a_sample_that_is_none_is_an_error(listener):
    assert until_error(listener.events_in([np.full((10, 2), np.nan, dtype=np.float32)], RATE))[0] == []


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(300), np.zeros(2 * RATE)])
def test_a_stream_without_sound_has_no_event(listener, sound):
    assert list(listener.events_in(blocks_of(sound.astype(np.float32), 2205), RATE)) == []


def test_a_stretch_has_the_events_that_the_whole_has_there(listener, write_wav):
    path = str(write_wav(phrase()))
    whole = [event for event in listener.events_of(path) if 1.0 <= event.onset < 2.1]
    assert list(listener.events_of(path, start=1.0, end=2.1)) == whole
    assert len(whole) == 2


def test_places_that_are_given_are_heard_and_silence_at_one_is_its_own_error(listener, write_wav):
    sound = phrase()
    sound[: round(0.4 * RATE)] = 0
    sound[round(4.0 * RATE) :] = 0
    events = list(listener.events_of(str(write_wav(sound)), places=places_at([4.2, 0.5], [math.nan, 0.9])))
    assert [event.onset for event in events] == [0.5, 4.2]
    assert events[0].offset == 0.9
    assert math.isnan(events[0].strength)
    assert events[1].label == ""
    assert "It is silent from 4.200 s" in events[1].error


@pytest.mark.parametrize("name", ["long.mp3", "long.ogg", "long.wav"])
def test_a_recording_is_opened_twice_whatever_the_number_of_its_events(listener, tmp_path, monkeypatch, name):
    onsets = np.arange(0.5, 30.0, 0.5)
    path = str(tmp_path / name)
    sf.write(path, phrase(tuple(onsets), 30.5), RATE)
    opened = []
    for module in (stream, windows):
        monkeypatch.setattr(module, "open_recording", lambda path: opened.append(path) or open_recording(path))
    events = list(listener.events_of(path))
    assert len(events) > 3 * listener.model.rows_at_once
    assert opened == [path] * 2
    assert list(listener.events_of(path)) == events
    following = next_onsets(np.array([event.onset for event in events])).tolist()
    rows = [
        windows.Request(path, event.onset, False, next_onset=None if math.isinf(later) else later)
        for event, later in zip(events, following, strict=True)
    ]
    alone = [listener.model.run([row]) for row in rows]
    # The last bit of what is decoded of an MP3 depends on what was decoded before, and it counts where all is quiet.
    atol = 2e-3 if name == "long.mp3" else 2e-6
    np.testing.assert_allclose(
        [event.proba for event in events],
        [listener.model.under_priors(answers.as_learnt)[0] for answers in alone],
        atol=atol,
    )


def test_events_after_what_is_broken_in_a_recording_are_heard(listener, tmp_path, rng):
    path = tmp_path / "broken.flac"
    sf.write(path, rng.uniform(-0.5, 0.5, 30 * RATE), RATE)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    onsets = np.arange(0.2, 29.0, 0.5).tolist()
    events = list(listener.events_of(str(path), places=places_at(onsets, [math.inf] * len(onsets))))
    assert any(event.error for event in events)
    assert not any(event.error for event in [*events[:20], *events[-10:]])


def test_many_rows_at_one_onset_are_one_chord_and_take_no_time():
    started = time.process_time()
    places = places_at([1.0] * 50_000 + [1.5], [math.inf] * 50_001)
    assert time.process_time() - started < 2
    assert {place.following for place in places[:-1]} == {1.5}
    assert places[-1].following == math.inf


def test_below_the_threshold_an_event_is_unknown(listener, write_wav):
    path = str(write_wav(phrase()))
    sure = replace(listener, min_confidence=1.0)
    assert {event.label for event in sure.events_of(path)} == {"unknown"}
    every = replace(listener, min_confidence=0.0)
    assert "unknown" not in {event.label for event in every.events_of(path)}


def test_a_recording_that_ends_early_gives_what_it_had(listener, write_wav, monkeypatch):
    path = write_wav(phrase((0.5, 9.0, 14.0), 30.0))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioReadError):
        list(listener.events_of(str(path)))


def test_what_follows_an_onset_is_what_tables_say(rng):
    onsets = np.sort(rng.uniform(0, 20, 200))
    found = [place.following for place in with_following([Onset(time, 1.0) for time in onsets], 1.0)]
    wanted = next_onsets(onsets)
    within = wanted <= onsets + 1.0
    np.testing.assert_allclose(np.array(found)[within], wanted[within])
    assert (np.array(found)[~within] > onsets[~within] + 1.0).all()


def test_an_event_is_settled_only_when_its_window_is_over():
    pending = Pending(1.0)
    pending.add([Onset(0.0, 1.0), Onset(0.7, 1.0)])
    assert list(pending.settled(0.99)) == []
    (place,) = pending.settled(1.0)
    assert (place.onset.time, place.following) == (0.0, 0.7)
    (last,) = pending.settled(math.inf)
    assert last.following == math.inf
