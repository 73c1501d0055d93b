"""What the picture of an event shows."""

import numpy as np
import pandas as pd
import pytest
from pictures import looks_the_same

import guitarclf
from guitarclf.bundle.engines import Model
from guitarclf.config import Config
from guitarclf.config.files import with_values
from guitarclf.errors import ParameterError
from guitarclf.experiment.inspect import _is_cut, draw_event, inspect

RATE = 22050


class Certain(Model):
    """A model that answers always the same."""

    train_priors_ = np.full(3, 1 / 3)
    unknown_below = 0.4

    def answer(self, features):
        return np.array([[0.7, 0.1, 0.2]]), np.array([0.9])


def event_of(path, **columns):
    row = {"audio_path": str(path), "onset_sec": 0.5, "offset_sec": 1.1, "label_category": "harmonic"}
    return pd.DataFrame([row | columns])


@pytest.fixture
def take(make_partials, write_wav):
    """Two seconds in which a note of partials rings from 0.5 s on, past the end of its window."""
    note = make_partials(220.0, 1.5, n_partials=6)
    return write_wav(np.concatenate([np.zeros(RATE // 2), 0.6 * note]).astype(np.float32), "take $1$.wav")


def drawn(event, **changes):
    """Return the axes of the picture of an event: recording, answer, window, log-mel, and its colours."""
    model = Certain(with_values(Config(), changes, source="test"))
    return draw_event(event, model, model_name="mine")[0].axes


@looks_the_same
def test_event(take):
    return draw_event(event_of(take), Certain(Config()), model_name="mine")[0]


def test_model_true_label_and_file_are_named(take):
    around, answer, *_ = drawn(event_of(take))
    assert around.get_title("left") == r"take \$1\$.wav, event at 0.500 s"
    assert answer.get_title("left") == "model: mine"
    names = [text.get_text() for text in answer.get_yticklabels()]
    assert names == ["harmonic (true)", "dead note", "general note", "confidence"]
    assert [bar.get_width() for bar in answer.patches] == [0.7, 0.1, 0.2, 0.9]


@pytest.mark.parametrize(("label", "said"), [("no_note", ["true: no note"]), ("", []), ("slide", []), (np.nan, [])])
def test_a_label_that_is_no_class_has_no_bar(take, label, said):
    answer = drawn(event_of(take, label_category=label))[1]
    assert [text.get_text() for text in answer.texts if "true" in text.get_text()] == said
    assert not [text for text in answer.get_yticklabels() if "true" in text.get_text()]


def test_onset_and_offset_are_lines_in_recording_and_window(take):
    around, _, window, log_mel, _ = drawn(event_of(take))
    marked = [{line.get_label(): line.get_xdata()[0] for line in axis.lines} for axis in (around, window, log_mel)]
    assert (marked[0]["onset"], marked[0]["offset"]) == (0.5, 1.1)
    for axis in marked[1:]:
        assert (axis["onset"], axis["offset"]) == (0, pytest.approx(0.6, abs=1e-3))


@pytest.mark.parametrize(("until_next_onset", "marked"), [(True, 0.9), (False, None)])
def test_the_next_onset_is_a_line_where_it_ends_what_is_heard(take, until_next_onset, marked):
    event = event_of(take, next_onset_sec=0.9)
    lines = drawn(event, **{"window.until_next_onset": until_next_onset})[0].lines
    assert {line.get_label(): line.get_xdata()[0] for line in lines}.get("next onset") == marked


def test_a_file_by_itself_has_no_onset_that_somebody_measured(tone, write_wav):
    around = drawn(event_of(write_wav(tone), onset_sec=0.0, offset_sec=np.nan))[0]
    assert not {"onset", "offset"} & {line.get_label() for line in around.lines}


def test_frequencies_are_round_and_where_their_bands_are(take):
    log_mel = drawn(event_of(take))[3]
    ticks = {text.get_text(): text.get_position()[1] for text in log_mel.get_yticklabels() if text.get_text()}
    assert list(ticks) == ["200", "500", "1000", "2000", "5000", "10000"]
    levels = log_mel.images[0].get_array()[:, 20]
    assert levels.argmax() == pytest.approx(np.interp(220, [200, 500], [ticks["200"], ticks["500"]]), abs=1)


@pytest.mark.parametrize(("compression", "unit"), [("db", "level (dB)"), ("log1p", "log(1 + 1000 power)")])
def test_levels_have_their_unit(take, compression, unit):
    in_decibels = {"net.module.gain_db": 0, "net.module.eq_db": 0} if compression == "log1p" else {}
    assert drawn(event_of(take), **{"logmel.compression": compression}, **in_decibels)[4].get_ylabel() == unit


def test_the_last_frames_are_no_brighter_than_the_others(take):
    levels = drawn(event_of(take))[3].images[0].get_array()
    is_cut = levels.mask.any(axis=0)
    assert np.flatnonzero(is_cut).tolist() == [85, 86]  # those that reach past the window, of hop 256
    high = levels[50:]  # where the note has nothing
    assert high[:, ~is_cut][:, -1].mean() < high[:, 40].mean() + 1
    assert high.data[:, 86].mean() > high[:, 40].mean() + 20  # the click that was drawn


def test_a_window_that_ends_in_silence_is_not_cut():
    settings = {"n_fft": 1024, "hop_length": 256}
    window = np.zeros(RATE)
    assert not _is_cut(window, settings).any()
    window[-1] = 0.1
    assert _is_cut(window, settings).sum() == 2


def test_inspect_draws_a_file_and_a_row_alike(take):
    figure = inspect(event_of(take))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.axes[1].get_title("left") == "model: pretrained"
    assert guitarclf.inspect(take).axes[1].get_title("left") == "model: pretrained"


def test_inspect_wants_one_row(take):
    with pytest.raises(ParameterError, match=r"`event` must be one row of a table, such as .* Got 2 rows"):
        inspect(pd.concat([event_of(take)] * 2))
