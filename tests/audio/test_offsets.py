"""After the offset: silence in the window, frames that do not count, and neither without an offset."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from small import NO_AUGMENTATION, still_config

from guitarclf.audio.offsets import NEVER, next_onsets, next_onsets_in, silenced_after, sounding_frames
from guitarclf.bundle.engines import OnnxModel, load_model
from guitarclf.bundle.pipelines import save_bundle
from guitarclf.data.synth import render_notes
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.experiment.notes import notes_of_events
from guitarclf.experiment.predict import predict_notes
from guitarclf.experiment.synthetic_rows import draw_synthetic_rows
from guitarclf.features.window import EventWindow
from guitarclf.models.augment import Augment
from guitarclf.models.crnn import CRNN
from guitarclf.pipeline import build_pipeline, features_to_train_on

RATE, HOP = 22050, 256
N_FADE = round(0.005 * RATE)
MASKED = {"logmel__extra_channels": ["sounding"], "net__module__mask_after_offset": True}


def one_event(path, offset, onset=0.0, events_in_file=1):
    cells = {"audio_path": str(path), "onset_sec": onset, "offset_sec": offset, "events_in_file": events_in_file}
    return pd.DataFrame([cells])


@pytest.mark.parametrize(("end", "n_fade"), [(600, 100), (60, 60), (1, 1), (0, 0), (-5, 0)])
def test_a_window_fades_out_before_its_end_and_is_zero_after_it(end, n_fade):
    window = np.ones(1000, dtype=np.float32)
    silenced = silenced_after(window, end, 100)
    assert silenced.dtype == np.float32
    assert not silenced[max(0, end) :].any()
    assert (silenced[: max(0, end - n_fade)] == 1).all()
    assert (np.diff(silenced[max(0, end - n_fade) : max(0, end)]) < 0).all()
    assert (window == 1).all()


@pytest.mark.parametrize("end", [1000, 1001, NEVER])
def test_a_note_that_lasts_as_long_as_its_window_is_left_as_it_is(end):
    window = np.ones(1000, dtype=np.float32)
    np.testing.assert_array_equal(silenced_after(window, end, 100), window)


@pytest.mark.parametrize(
    ("onset", "events_in_file", "duration", "end"),
    [
        (0.0, 1, 1.0, 11025),
        (0.25, 2, 3.0, 11025 - 5512),  # a track is cut at its onset
        (0.0, 1, 1.1, 11025 - 1102),  # a snippet is centred
    ],
)
def test_the_offset_is_found_in_the_window(write_wav, make_tone, onset, events_in_file, duration, end):
    path = write_wav(make_tone(440, duration))
    event = one_event(path, 0.5, onset, events_in_file)
    whole, silenced = (EventWindow(normalize="none", zero_after_offset=on).transform(event)[0] for on in (False, True))
    np.testing.assert_array_equal(silenced[: end - N_FADE], whole[: end - N_FADE])
    assert silenced[end - N_FADE : end].any()
    assert not silenced[end:].any()


def test_the_next_onset_is_that_of_another_chord():
    onsets = [2.0, 0.0, 0.05, 0.1, 0.15, 1.0]
    np.testing.assert_allclose(next_onsets(onsets), [np.inf, 0.1, 0.15, 1.0, 1.0, 2.0])
    assert next_onsets([]).shape == (0,)


def test_the_next_onset_is_that_of_the_same_recording():
    following = next_onsets_in(["a", "b", "a", "c"], np.array([1.0, 0.2, 0.5, 0.7]))
    np.testing.assert_allclose(following, [np.inf, np.inf, 1.0, np.inf])


@pytest.mark.parametrize(("offset", "end"), [(np.nan, 0.4), (0.9, 0.4), (0.3, 0.2)])
def test_the_next_event_of_a_recording_ends_a_note(write_wav, make_tone, offset, end):
    path = str(write_wav(make_tone(440, 3.0)))
    events = pd.DataFrame({"audio_path": [path, path], "onset_sec": [0.5, 0.1], "offset_sec": [np.nan, offset]})
    whole, silenced = (
        EventWindow(normalize="none", zero_after_offset=True, until_next_onset=on).transform(events)
        for on in (False, True)
    )
    np.testing.assert_array_equal(silenced[0], whole[0])  # the last one
    n_heard = round(end * RATE)
    np.testing.assert_array_equal(silenced[1][: n_heard - N_FADE], whole[1][: n_heard - N_FADE])
    assert silenced[1][n_heard - N_FADE : n_heard].any()
    assert not silenced[1][n_heard:].any()


def test_events_of_other_recordings_end_nothing(write_wav, make_tone):
    paths = [str(write_wav(make_tone(440, 3.0), name)) for name in ("a.wav", "b.wav")]
    events = pd.DataFrame({"audio_path": paths, "onset_sec": [0.5, 0.7]})
    window = EventWindow(zero_after_offset=True, until_next_onset=True).transform(events)
    np.testing.assert_array_equal(np.asarray(window), np.asarray(EventWindow().transform(events)))


def test_the_next_onset_is_part_of_the_key_of_features(write_wav, make_tone, tmp_path):
    path = str(write_wav(make_tone(440, 3.0)))
    os.utime(path, (0, 0))
    steps = build_pipeline(
        still_config(window__zero_after_offset=True, window__until_next_onset=True, data__cache=str(tmp_path / "cache"))
    )[:-1]
    events = pd.DataFrame({"audio_path": [path, path], "onset_sec": [0.1, 0.9], "events_in_file": [2, 2]})
    before = np.asarray(steps.transform(events))
    after = np.asarray(steps.transform(events.assign(onset_sec=[0.1, 0.3])))
    assert (before[0] != after[0]).any()


def test_the_level_is_that_of_what_is_left(write_wav, tone):
    tone[RATE // 2 :] *= 50
    window = EventWindow(zero_after_offset=True).transform(one_event(write_wav(tone), 0.4))[0]
    assert np.abs(window).max() == 1


@pytest.mark.parametrize("offset", [None, np.nan, np.inf, "late", 1.5])
def test_what_has_no_offset_in_its_window_stays_whole(write_wav, tone, offset):
    path = write_wav(tone)
    window = EventWindow(zero_after_offset=True)
    whole = EventWindow().transform([path])
    np.testing.assert_array_equal(window.transform(one_event(path, offset)), whole)
    np.testing.assert_array_equal(window.transform([path]), whole)
    np.testing.assert_array_equal(window.transform(tone[None]), whole)


def test_an_event_that_is_silent_before_its_offset_is_an_error(write_wav, tone):
    tone[:4000] = 0
    event = one_event(write_wav(tone), 0.1)
    with pytest.raises(AudioReadError, match=r"must be heard before the offset of an event, 0\.100 s\. It is silent"):
        np.asarray(EventWindow(zero_after_offset=True).transform(event))
    assert EventWindow().transform(event)[0].any()


def test_frames_sound_whose_centre_is_before_the_end():
    ends = np.array([HOP * 3, HOP * 3 + 1, 0, NEVER])
    frames = sounding_frames(ends, 4, 6, HOP)
    assert frames.sum(axis=1).tolist() == [3, 4, 0, 6]
    assert (sounding_frames(None, 2, 6, HOP) == 1).all()


def test_the_sounding_channel_is_of_tables_and_1_elsewhere(small_table):
    steps = build_pipeline(still_config(logmel__extra_channels=["rms", "sounding"]))[:-1]
    events = small_table.events.assign(offset_sec=0.3)
    of_table, of_paths = steps.transform(events), steps.transform(events["audio_path"].tolist())
    n_sounding = -(-round(0.3 * RATE) // HOP)
    assert (of_table[:, 2, :, :n_sounding] == 1).all()
    assert (of_table[:, 2, :, n_sounding:] == 0).all()
    assert (of_paths[:, 2] == 1).all()
    np.testing.assert_array_equal(of_table[:, :2], of_paths[:, :2])


def test_modelled_notes_end_as_those_of_a_table_but_for_a_share():
    (_, plain), (rows, silenced) = (
        draw_synthetic_rows(config, build_pipeline(config)["logmel"])
        for config in (
            still_config(
                training__add_modelled=40,
                training__add_clutter=4,
                training__without_offsets=0.5,
                window__zero_after_offset=on,
                **MASKED,
            )
            for on in (False, True)
        )
    )
    offsets = render_notes(40, n_guitars=8, seed=42)[1]["offset_sec"].to_numpy()
    assert (offsets < 0.9).sum() > 10
    n_endless = 0
    for row, offset in enumerate(offsets):
        end = round(offset * RATE)
        if (rows.features[row, 1] == 1).all() and end < RATE:
            n_endless += 1
            np.testing.assert_array_equal(plain[row], silenced[row])
            continue
        assert rows.features[row, 1, 0].sum() == min(87, -(-end // HOP))
        assert silenced[row, : end - N_FADE].any()
        assert end >= RATE or not silenced[row, end:].any()
    assert 4 < n_endless < 30
    assert any(plain[row, round(offset * RATE) :].any() for row, offset in enumerate(offsets))
    for row in range(40, 44):  # what is no note falls silent as often, at any time
        n_frames = round(rows.features[row, 1, 0].sum())
        assert n_frames == 87 or not silenced[row, n_frames * HOP :].any()


def test_neighbours_and_ends_are_drawn_apart():
    config = still_config(
        training__add_modelled=200,
        training__modelled_in_phrases=0.5,
        training__without_offsets=0.5,
        window__zero_after_offset=True,
        **MASKED,
    )
    alone, in_phrases = (
        draw_synthetic_rows(each, build_pipeline(each)["logmel"])[0]
        for each in (
            replace(config, training=replace(config.training, modelled_in_phrases=share)) for share in (0, 0.5)
        )
    )
    has_neighbour = (alone.features[:, 0] != in_phrases.features[:, 0]).any(axis=(1, 2))
    is_endless = (in_phrases.features[:, 1] == 1).all(axis=(1, 2))
    counts = pd.crosstab(has_neighbour, is_endless).to_numpy()
    assert counts.min() > 25


def test_rows_are_heard_as_if_nothing_told_where_they_end(small_table):
    pipeline = build_pipeline(still_config(window__zero_after_offset=True, window__until_next_onset=True))
    events = small_table.events.assign(offset_sec=0.2)
    is_endless = np.arange(len(events)) % 3 == 0
    heard = features_to_train_on(pipeline, events, is_endless)
    with_ends, without = (pipeline[:-1].transform(table) for table in (events, events.assign(offset_sec=np.nan)))
    np.testing.assert_array_equal(heard[is_endless], without[is_endless])
    np.testing.assert_array_equal(heard[~is_endless], with_ends[~is_endless])
    assert (without != with_ends).any()


def masked_crnn(**settings):
    torch.manual_seed(0)
    shape = {"n_channels": 3, "n_mels": 32, "n_frames": 40, "conv_channels": (4, 6), "pools": ((4, 2), (4, 2))}
    return CRNN(**(shape | {"mask_after_offset": True, "rnn_hidden_size": 5} | settings)).eval()


def masked_batch(n_sounding):
    x = torch.randn(len(n_sounding), 3, 32, 40)
    x[:, 2] = (torch.arange(40) < torch.tensor(n_sounding)[:, None])[:, None].float()
    return x


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", ["final", "mean", "attention"])
def test_what_comes_after_the_offset_is_not_heard(pooling, bidirectional):
    model, x = masked_crnn(pooling=pooling, rnn_bidirectional=bidirectional), masked_batch([16, 40])
    changed = x.clone()
    changed[0, :2, :, 22:] += 5  # 16, and what two 3 x 3 convolutions around a pooling of 2 see beyond it
    changed[1, :2, :, 39:] += 5
    before, after = model(x), model(changed)
    assert torch.equal(before[0], after[0])
    changed[0, :2, :, 10:] += 5
    assert not torch.allclose(before[0], model(changed)[0])


@pytest.mark.parametrize("pooling", ["final", "mean", "attention"])
def test_a_note_that_sounds_throughout_is_pooled_as_without_a_mask(pooling):
    masked, plain = masked_crnn(pooling=pooling), masked_crnn(pooling=pooling, n_channels=2, mask_after_offset=False)
    weights = masked.state_dict()
    for name in ("standardize.mean", "standardize.scale"):
        weights[name] = weights[name][:, :2]
    plain.load_state_dict(weights)
    x = masked_batch([40, 40])
    torch.testing.assert_close(masked(x), plain(x[:, :2]))


@pytest.mark.parametrize("pooling", ["final", "mean", "attention"])
def test_a_note_without_a_frame_is_pooled_over_its_first(pooling):
    logits = masked_crnn(pooling=pooling)(masked_batch([0, 1]))
    assert logits.isfinite().all()


def test_a_mask_needs_a_channel():
    with pytest.raises(ParameterError, match=r"`mask_after_offset` must have a channel .* Got 1 channel"):
        masked_crnn(n_channels=1)


def test_augmentation_moves_a_mask_with_the_sound_and_leaves_it_a_mask():
    torch.manual_seed(0)
    x = masked_batch([20] * 100)
    x[:, 0] = x[:, 2]
    everything = {"gain_db": 6.0, "noise_floor": 1.0, "mask_bands": 8, "mask_frames": 8, "time_shift": 0.2}
    mask = Augment(**(NO_AUGMENTATION | everything), last_is_mask=True).train()(x)[:, 2, 0]
    assert set(mask.unique().tolist()) == {0, 1}
    assert (mask.diff() <= 0).all()
    shifts = mask.sum(dim=1) - 20
    assert shifts.min() == -8
    assert shifts.max() == 8
    shifted = Augment(**(NO_AUGMENTATION | {"time_shift": 0.2}), last_is_mask=True).train()(x)
    right = shifted[:, 2, 0].sum(dim=1) < 20  # what enters on the left is no sound, and counts
    assert torch.equal(shifted[right, 0], shifted[right, 2])


def test_a_bundle_of_a_net_that_masks_answers_alike_on_both_engines(small_table, tmp_path):
    config = still_config(net__max_epochs=2, window__zero_after_offset=True, **MASKED)
    events = small_table.events.assign(offset_sec=np.linspace(0.1, 0.9, 30))
    pipeline = build_pipeline(config).fit(events, events["label_category"], net__groups=events["track"])
    save_bundle(pipeline, config, tmp_path / "model")
    expected = pipeline["net"].predict_proba_by_label(pipeline[:-1].transform(events))
    notes = notes_of_events(events)
    for model in (OnnxModel(tmp_path / "model"), load_model(tmp_path / "model", "torch")):
        proba = np.concatenate([part.proba for part in predict_notes(model, notes)])
        np.testing.assert_allclose(proba, expected, rtol=0, atol=1e-4)
    whole = pipeline["net"].predict_proba_by_label(pipeline[:-1].transform(events["audio_path"].tolist()))
    assert np.abs(whole - expected).max() > 1e-3
