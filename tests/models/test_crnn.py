"""The CRNN: shapes, what its poolings mean, and what it refuses to be built as."""

import pytest
import torch

from guitarclf.errors import ParameterError
from guitarclf.models.crnn import CRNN, BandStandardize, conv_block

SMALL = {"conv_channels": (4, 6), "pools": ((4, 2), (4, 2)), "rnn_hidden_size": 5, "head_hidden_size": 7}


def small_crnn(**settings):
    torch.manual_seed(0)
    return CRNN(**({"n_mels": 32, "n_frames": 40} | SMALL | settings)).eval()


def batch(n_rows=3, *, n_channels=1, n_mels=32, n_frames=40):
    generator = torch.Generator().manual_seed(0)
    return 20 * torch.randn(n_rows, n_channels, n_mels, n_frames, generator=generator) - 40


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (1, 64, 87)),
        ({"conv_channels": (8,), "pools": ((2, 3),)}, (1, 64, 87)),
        ({"conv_channels": (4, 4, 4, 4), "pools": ((2, 1),) * 4}, (2, 40, 33)),
        ({"n_classes": 5, "kernel_size": 5}, (1, 48, 50)),
        ({"rnn_num_layers": 2, "rnn_bidirectional": False}, (3, 63, 86)),
    ],
)
@pytest.mark.parametrize("pooling", ["final", "mean", "attention"])
def test_every_architecture_gives_a_logit_per_class(settings, shape, pooling):
    n_channels, n_mels, n_frames = shape
    model = CRNN(n_channels=n_channels, n_mels=n_mels, n_frames=n_frames, pooling=pooling, **settings).eval()
    logits = model(batch(2, n_channels=n_channels, n_mels=n_mels, n_frames=n_frames))
    assert logits.shape == (2, settings.get("n_classes", 3))
    assert logits.isfinite().all()


def test_the_gru_takes_what_the_convolutions_leave():
    assert small_crnn().rnn.input_size == 6 * (32 // 4 // 4)
    assert small_crnn(n_mels=70, n_channels=2).rnn.input_size == 6 * (70 // 4 // 4)


def test_the_dummy_pass_leaves_no_trace():
    model = CRNN(n_mels=32, n_frames=40, **SMALL)
    assert model.training
    assert model.blocks.training
    norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert len(norms) == 2
    assert [int(norm.num_batches_tracked) for norm in norms] == [0, 0]


@pytest.mark.parametrize("pool", [(2, 2), (2, 1), (1, 3)])
def test_pooling_before_relu_is_relu_before_pooling(pool):
    torch.manual_seed(0)
    block = conv_block(2, 4, 3, pool).eval()
    conv, norm, _, _ = block
    x = batch(2, n_channels=2)
    expected = torch.nn.functional.max_pool2d(norm(conv(x)).relu(), pool)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_final_pooling_is_the_last_state_of_every_direction(n_layers):
    model = small_crnn(rnn_num_layers=n_layers, pooling="final")
    out, state = model.rnn(model._frames(batch()))
    forward, backward = out[:, -1, :5], out[:, 0, 5:]
    torch.testing.assert_close(model._pool(out, state), torch.cat([forward, backward], dim=1))
    assert not torch.allclose(backward, out[:, -1, 5:])


def test_final_pooling_of_one_direction_is_its_last_frame():
    model = small_crnn(rnn_num_layers=2, rnn_bidirectional=False, pooling="final")
    out, state = model.rnn(model._frames(batch()))
    torch.testing.assert_close(model._pool(out, state), out[:, -1])


def test_attention_that_prefers_no_frame_is_the_mean():
    attention, mean = small_crnn(pooling="attention"), small_crnn(pooling="mean")
    out, state = mean.rnn(mean._frames(batch()))
    weighted = attention._pool(out, state)
    assert not torch.allclose(weighted, mean._pool(out, state))
    torch.nn.init.zeros_(attention.attention.weight)
    torch.testing.assert_close(attention._pool(out, state), mean._pool(out, state))
    torch.testing.assert_close(mean._pool(out, state), out.mean(dim=1))


def test_attention_follows_its_weights():
    model = small_crnn(pooling="attention")
    frames = torch.randn(8, 20, 10)
    with torch.no_grad():
        model.attention.weight.zero_()
        model.attention.weight[0, 4] = 1e4  # all attention to the frame where feature 4 is largest
    largest = frames[..., 4].argmax(dim=1)
    torch.testing.assert_close(model._pool(frames, None), frames[torch.arange(8), largest])


@pytest.mark.parametrize("pooling", ["final", "mean", "attention"])
def test_a_row_does_not_depend_on_its_neighbours_when_evaluated(pooling):
    model, x = small_crnn(pooling=pooling, gain_db=6.0, mask_bands=8, noise_floor=1.0), batch(4)
    alone = torch.cat([model(row[None]) for row in x])
    torch.testing.assert_close(model(x), alone, rtol=1e-5, atol=1e-6)
    assert (alone[0] - alone[1]).abs().max() > 1e-5


def test_evaluation_is_repeatable_and_training_is_not():
    model, x = small_crnn(gain_db=6.0, dropout=0.0), batch()
    torch.testing.assert_close(model(x), model(x), rtol=0, atol=0)
    model.train()
    assert not torch.allclose(model(x), model(x))


def test_every_weight_learns():
    for pooling in ("final", "mean", "attention"):
        model = small_crnn(pooling=pooling, rnn_num_layers=2, dropout=0.0).train()
        torch.nn.functional.cross_entropy(model(batch(6)), torch.tensor([0, 1, 2, 0, 1, 2])).backward()
        # A GRU's last-layer gates may be small, none is exactly 0; attention's bias cancels in the softmax.
        still = [name for name, p in model.named_parameters() if not p.grad.any() and name != "attention.bias"]
        assert not still


def test_a_longer_input_than_it_was_built_for_is_classified():
    assert small_crnn()(batch(2, n_frames=200)).shape == (2, 3)


def test_two_directions_double_what_the_head_sees():
    assert small_crnn().head[1].in_features == 10
    assert small_crnn(rnn_bidirectional=False).head[1].in_features == 5


def test_standardized_bands_have_mean_0_and_scale_1():
    x = batch(50) * torch.linspace(0.5, 2, 32)[:, None] + torch.linspace(-10, 10, 32)[:, None]
    layer = BandStandardize(1, 32)
    torch.testing.assert_close(layer(x), x)
    assert not layer.is_set
    layer.set_from(x.mean(dim=(0, 3)), x.std(dim=(0, 3), correction=0))
    assert layer.is_set
    torch.testing.assert_close(layer(x).mean(dim=(0, 1, 3)), torch.zeros(32), atol=1e-4, rtol=0)
    torch.testing.assert_close(layer(x).std(dim=(0, 1, 3), correction=0), torch.ones(32), atol=1e-4, rtol=0)


def test_a_band_that_never_varies_stays_finite():
    layer = BandStandardize(1, 4)
    layer.set_from(torch.full((1, 4), -100.0), torch.zeros(1, 4))
    torch.testing.assert_close(layer(torch.full((2, 1, 4, 3), -100.0)), torch.zeros(2, 1, 4, 3))


def test_standardization_travels_with_the_weights():
    model = small_crnn()
    model.standardize.set_from(torch.full((1, 32), -40.0), torch.full((1, 32), 20.0))
    copy = CRNN(n_mels=32, n_frames=40, **SMALL).eval()
    assert not torch.allclose(copy(batch()), model(batch()))
    copy.load_state_dict(model.state_dict())
    torch.testing.assert_close(copy(batch()), model(batch()))
    assert copy.standardize.is_set


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pools": ((8, 2), (8, 2))}, r"must leave at least one band and one frame of the 32 x 40 .* leaves 0 x 10"),
        ({"pools": ((2, 8), (2, 8))}, r"which leaves 8 x 0\. Pool less, or use more mels or a longer window"),
        ({"pools": ((2, 2),)}, r"`conv_channels` and `pools` must have one entry per block\. Got \[4, 6\]"),
        ({"pools": (), "conv_channels": ()}, r"`conv_channels` and `pools` must have one entry per block"),
        ({"pools": ((2, 2), (2,))}, r"`pools` must hold \[bands, frames\] pairs\. Got \[\[2, 2\], \[2\]\]"),
        ({"pools": ((2, 2), (2, 0))}, r"`pools` must be at least 1\. Got 0"),
        ({"kernel_size": 4}, r"`kernel_size` must be odd.*Got 4"),
        ({"pools": ((2, 2), (2, 0.5))}, r"`pools` must be a list of \[bands, frames\] pairs"),
        ({"gain_dbs": 6.0}, r"must be one that there is\. Got `gain_dbs`\. Did you mean `gain_db`\?"),
        ({"time_shift": 2.0}, r"`time_shift` must be at most 0\.5\. Got 2\.0"),
        ({"pooling": "max"}, r"`pooling` must be one of final, mean, attention\. Got 'max'"),
    ],
)
def test_an_architecture_that_cannot_be_built_is_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        small_crnn(**settings)
