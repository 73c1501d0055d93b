"""The auxiliary heads: what they add to the loss, what they teach, and that no model has them."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV, GroupKFold
from small import small_config, still_config

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.errors import ParameterError
from guitarclf.experiment.synthetic_rows import draw_company, fit_in_company
from guitarclf.experiment.train import train
from guitarclf.labels import LABELS
from guitarclf.models.auxiliary import AuxiliaryHeads
from guitarclf.models.crnn import CRNN
from guitarclf.models.loss import NO_NOTE, NoteLoss
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.training.pitches import pitch_targets

BOTH = {"net__criterion__aux_harmonic": 0.5, "net__criterion__aux_pitch": 0.5}
HARMONIC, GENERAL = LABELS.index("harmonic"), LABELS.index("general_note")


@pytest.fixture(scope="module")
def features(small_table):
    """(X, y, pitch) of the 30 notes."""
    events = small_table.events
    X = build_pipeline(small_config())[:-1].transform(events)
    return X, events["label_category"].to_numpy(), events["pitch_midi"].to_numpy()


def test_the_heads_add_two_weighted_cross_entropies():
    torch.manual_seed(0)
    heads = AuxiliaryHeads(6, harmonic=0.5, pitch=2.0)
    encoded, y = torch.randn(4, 6), torch.tensor([HARMONIC, GENERAL, GENERAL, HARMONIC])
    pitch, weight = torch.tensor([40, -1, 52, -1]), torch.tensor([3.0, 1.0, 2.0])
    answers = heads.harmonic(encoded)[:, 0].sigmoid()
    losses = -torch.where(y == HARMONIC, answers, 1 - answers).log()
    expected = 0.5 * (losses * weight[y]).sum() / weight[y].sum()
    log_pitch = heads.pitch(encoded).log_softmax(dim=1)
    expected = expected - 2.0 * (log_pitch[0, 40] + log_pitch[2, 52]) / 2
    torch.testing.assert_close(heads(encoded, y, pitch, weight), expected)


def test_what_is_no_note_or_has_no_pitch_teaches_the_heads_nothing():
    loss = NoteLoss(aux_harmonic=1.0, aux_pitch=1.0, n_features=6)
    encoded = torch.randn(3, 6, requires_grad=True)
    nothing = loss.auxiliary(encoded, torch.full((3,), NO_NOTE), torch.tensor([40, 41, 42]))
    assert nothing == 0
    nothing.backward()
    unpitched = NoteLoss(aux_pitch=1.0, n_features=6).auxiliary(encoded, torch.tensor([0, 1, 2]), torch.full((3,), -1))
    assert unpitched == 0


def test_encoding_and_classifying_is_the_forward_pass():
    model = CRNN(n_mels=32, n_frames=40).eval()
    x = torch.randn(2, 1, 32, 40)
    assert torch.equal(model.classify(model.encode(x)), model(x))
    assert model.encode(x).shape == (2, model.n_features)


def test_a_net_learns_pitches_and_keeps_them_out_of_its_module(features):
    X, y, pitch = features
    settings = {"net__max_epochs": 60, "net__lr": 3e-3, "training__valid_size": 0.0}
    net = build_net(still_config(**settings, **BOTH)).fit(X, y, pitch=pitch)
    encoded = net.module_.eval().encode(torch.from_numpy(np.asarray(X)))
    named = net.criterion_.heads.pitch(encoded).argmax(dim=1).numpy()
    # A harmonic and an ordinary note differ by two octaves of one pitch: most, not all, in so short a training.
    assert np.mean(named == pitch) > 0.5
    told = net.criterion_.heads.harmonic(encoded)[:, 0].detach().numpy() > 0
    assert np.mean(told == (y == "harmonic")) == 1
    assert net.score(X, y) == 1
    plain = build_net(still_config()).initialize_for(X.shape[1:])
    assert set(net.module_.state_dict()) == set(plain.module_.state_dict())


@pytest.mark.parametrize("more", [{"net__mixup": 0.4}, {"net__precision": "bf16"}, {"training__weight_average": 0.9}])
def test_heads_go_with_everything_else_of_a_training(features, more):
    X, y, pitch = features
    net = build_net(small_config(training__valid_size=0.0, **BOTH, **more)).fit(X, y, pitch=pitch)
    assert np.isfinite(net.history[:, "train_loss"]).all()
    assert np.isfinite(net.predict_proba(X)).all()


def test_validation_knows_no_heads(features):
    X, y, pitch = features
    net = build_net(still_config(net__max_epochs=1, **BOTH)).fit(X, y, valid=np.arange(30) > 20, pitch=pitch)
    logits = torch.cat(list(net.forward_iter(X[21:]))) * net.module_.calibrate.temperature
    plain = NoteLoss(net.criterion_.weight)(logits, torch.tensor([LABELS.index(label) for label in y[21:]]))
    batches = net.history[0]["batches"]
    assert sum(batch.get("valid_batch_size", 0) for batch in batches) == 9
    assert net.history[0]["valid_loss"] == pytest.approx(float(plain), rel=0.05)  # of two batches, each by its weights


@pytest.mark.parametrize(
    ("pitch", "message"),
    [
        (None, r"must know the notes' pitches with `aux_pitch` above 0\. Got none\. Pass `pitch`"),
        ([60, 61], r"`pitch` must be one MIDI pitch per event, 30\. Got shape \(2,\)"),
        ([-1] * 30, r"in some training rows .* unknown in all"),
        ([np.nan] * 30, r"in some training rows .* unknown in all"),
    ],
)
def test_a_pitch_head_needs_pitches(features, pitch, message):
    X, y, _ = features
    net = build_net(small_config(net__criterion__aux_pitch=0.5, training__valid_size=0.0))
    with pytest.raises(ParameterError, match=message):
        net.fit(X, y, pitch=pitch)


def test_pitches_are_whole_semitones_or_unknown():
    pitch = [60.4, -1, np.nan, 127, 128, 0]
    assert pitch_targets(pitch, 6, np.arange(6)).tolist() == [60, -1, -1, 127, -1, 0]


def test_pitches_reach_the_net_through_the_pipeline_and_a_search(small_table):
    events = small_table.events
    pipeline = build_pipeline(small_config(net__max_epochs=1))
    grid = GridSearchCV(pipeline, {"net__criterion__aux_pitch": [0.0, 0.5]}, cv=GroupKFold(2), error_score="raise")
    y, track = events["label_category"], events["track"]
    grid.fit(events, y, groups=track, net__groups=track, net__pitch=events["pitch_midi"])
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    with pytest.raises(ParameterError, match="Got none"):
        pipeline.set_params(net__criterion__aux_pitch=0.5).fit(events, y, net__groups=track)


def test_a_module_without_an_encoder_is_refused(features):
    class Flat(torch.nn.Sequential):
        def __init__(self, **settings):
            super().__init__(torch.nn.Flatten(), torch.nn.LazyLinear(3))

    X, _, _ = features
    net = build_net(small_config(net__criterion__aux_harmonic=0.5)).set_params(module=Flat)
    with pytest.raises(ParameterError, match=r"must have `encode`, `classify` and `n_features`.* Got Flat"):
        net.initialize_for(X.shape[1:])


def test_modelled_notes_know_their_pitch():
    config = small_config(training__add_modelled=20, training__add_clutter=5, net__max_epochs=1, **BOTH)
    pipeline = build_pipeline(config)
    company = draw_company(config, pipeline["logmel"])
    net, X = pipeline[-1], company.features
    fit_in_company(net, X[:0], np.zeros(0, dtype=object), np.zeros(0, dtype=bool), company)
    assert net.teaches_pitch
    assert (company.events["pitch_midi"] > 0).any()


def test_a_run_with_heads_leaves_a_model_without(small_table, tmp_path):
    def config(name, **more):
        settings = {"data__metadata_path": str(small_table.path), "data__audio_root": str(small_table.audio_root)}
        return small_config(**settings, net__max_epochs=1, output_dir=str(tmp_path / name), **more)

    run = train(config("first", **BOTH))
    loaded = load_pipeline(run.folder.root)
    assert not any("heads" in name for name in loaded["net"].module_.state_dict())
    events = small_table.events
    np.testing.assert_allclose(loaded.predict_proba(events), run.pipeline.predict_proba(events))
    train(config("tuned", training__init_from=str(run.folder.root)))
    train(config("taught", training__init_from=str(run.folder.root), **BOTH))
