"""The auxiliary heads: what they add to the loss, what they teach, and that no model has them."""

import numpy as np
import pytest
import torch
from small import small_config, still_config

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.config.files import load_config
from guitarclf.errors import ConfigError, ParameterError
from guitarclf.experiment.train import train
from guitarclf.labels import LABELS
from guitarclf.models.auxiliary import AuxiliaryHeads
from guitarclf.models.crnn import CRNN
from guitarclf.models.loss import NO_NOTE, NoteLoss
from guitarclf.pipeline import build_net, build_pipeline

TAUGHT = {"net__criterion__aux_harmonic": 0.5}
HARMONIC, GENERAL = LABELS.index("harmonic"), LABELS.index("general_note")


@pytest.fixture(scope="module")
def features(small_table):
    """(X, y) of the 30 notes."""
    events = small_table.events
    X = build_pipeline(small_config())[:-1].transform(events)
    return X, events["label_category"].to_numpy()


def test_the_head_adds_a_weighted_cross_entropy():
    torch.manual_seed(0)
    heads = AuxiliaryHeads(6, harmonic=0.5)
    encoded, y = torch.randn(4, 6), torch.tensor([HARMONIC, GENERAL, GENERAL, HARMONIC])
    weight = torch.tensor([3.0, 1.0, 2.0])
    answers = heads.harmonic(encoded)[:, 0].sigmoid()
    losses = -torch.where(y == HARMONIC, answers, 1 - answers).log()
    torch.testing.assert_close(heads(encoded, y, weight), 0.5 * (losses * weight[y]).sum() / weight[y].sum())


def test_what_is_no_note_teaches_the_head_nothing():
    loss = NoteLoss(aux_harmonic=1.0, n_features=6)
    encoded = torch.randn(3, 6, requires_grad=True)
    nothing = loss.auxiliary(encoded, torch.full((3,), NO_NOTE))
    assert nothing == 0
    nothing.backward()


def test_encoding_and_classifying_is_the_forward_pass():
    model = CRNN(n_mels=32, n_frames=40).eval()
    x = torch.randn(2, 1, 32, 40)
    assert torch.equal(model.classify(model.encode(x)), model(x))
    assert model.encode(x).shape == (2, model.n_features)


def test_a_net_learns_the_head_and_keeps_it_out_of_its_module(features):
    X, y = features
    settings = {"net__max_epochs": 60, "net__lr": 3e-3, "training__valid_size": 0.0}
    net = build_net(still_config(**settings, **TAUGHT)).fit(X, y)
    encoded = net.module_.eval().encode(torch.from_numpy(np.asarray(X)))
    told = net.criterion_.heads.harmonic(encoded)[:, 0].detach().numpy() > 0
    assert np.mean(told == (y == "harmonic")) == 1
    assert net.score(X, y) == 1
    plain = build_net(still_config()).initialize_for(X.shape[1:])
    assert set(net.module_.state_dict()) == set(plain.module_.state_dict())


@pytest.mark.parametrize("more", [{"net__mixup": 0.4}, {"net__precision": "bf16"}, {"training__weight_average": 0.9}])
def test_heads_go_with_everything_else_of_a_training(features, more):
    X, y = features
    net = build_net(small_config(training__valid_size=0.0, **TAUGHT, **more)).fit(X, y)
    assert np.isfinite(net.history[:, "train_loss"]).all()
    assert np.isfinite(net.predict_proba(X)).all()


def test_validation_knows_no_heads(features):
    X, y = features
    net = build_net(still_config(net__max_epochs=1, **TAUGHT)).fit(X, y, valid=np.arange(30) > 20)
    logits = torch.cat(list(net.forward_iter(X[21:]))) * net.module_.calibrate.temperature
    plain = NoteLoss(net.criterion_.weight)(logits, torch.tensor([LABELS.index(label) for label in y[21:]]))
    batches = net.history[0]["batches"]
    assert sum(batch.get("valid_batch_size", 0) for batch in batches) == 9
    assert net.history[0]["valid_loss"] == pytest.approx(float(plain), rel=0.05)  # of two batches, each by its weights


def test_a_retired_head_is_refused_where_it_is_switched_on(features):
    X, y = features
    for off in (0, 0.0, "0"):
        assert load_config(overrides={"net.criterion.aux_pitch": off}) == load_config()
    with pytest.raises(
        ConfigError, match=r"`net\.criterion\.aux_pitch` must be 0, or absent\. Got 0\.5\. It is retired"
    ):
        load_config(overrides={"net.criterion.aux_pitch": 0.5})
    with pytest.raises(ConfigError, match=r"`logmel\.compression` must be db or log1p\. Got pcen. It is retired"):
        load_config(overrides={"logmel.compression": "pcen"})
    for off, on in ((0.0, 0.5), (0, True)):
        net = build_net(small_config(training__valid_size=0.0, net__max_epochs=1)).set_params(criterion__aux_pitch=off)
        assert net.fit(X, y).predict(X).shape == (len(X),)
        with pytest.raises(
            ParameterError, match=r"`net\.criterion\.aux_pitch` must be 0, or absent\. Got (0\.5|True)\."
        ):
            net.set_params(criterion__aux_pitch=on).fit(X, y)
    with pytest.raises(TypeError, match="pitch"):
        build_net(small_config(training__valid_size=0.0)).fit(X, y, pitch=np.zeros(len(y)))


def test_a_module_without_an_encoder_is_refused(features):
    class Flat(torch.nn.Sequential):
        def __init__(self, **settings):
            super().__init__(torch.nn.Flatten(), torch.nn.LazyLinear(3))

    X, _ = features
    net = build_net(small_config(net__criterion__aux_harmonic=0.5)).set_params(module=Flat)
    with pytest.raises(ParameterError, match=r"must have `encode`, `classify` and `n_features`.* Got Flat"):
        net.initialize_for(X.shape[1:])


@pytest.mark.slow
def test_a_run_with_heads_leaves_a_model_without(small_table, tmp_path):
    def config(name, **more):
        settings = {"data__metadata_path": str(small_table.path), "data__audio_root": str(small_table.audio_root)}
        return small_config(**settings, net__max_epochs=1, output_dir=str(tmp_path / name), **more)

    run = train(config("first", **TAUGHT))
    loaded = load_pipeline(run.folder.root)
    assert not any("heads" in name for name in loaded["net"].module_.state_dict())
    events = small_table.events
    np.testing.assert_allclose(loaded.predict_proba(events), run.pipeline.predict_proba(events))
    train(config("tuned", training__init_from=str(run.folder.root)))
    train(config("taught", training__init_from=str(run.folder.root), **TAUGHT))
