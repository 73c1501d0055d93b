"""The head for note or not: beside the classes, and of the frames that sound alone."""

import torch

from guitarclf.models.crnn import CRNN
from guitarclf.models.note_head import NoteHead

SMALL = {"conv_channels": (4, 6), "pools": ((4, 2), (4, 2)), "rnn_hidden_size": 5, "head_hidden_size": 7}


def small_crnn(**settings):
    torch.manual_seed(0)
    return CRNN(n_mels=32, n_frames=40, **SMALL, **settings).eval()


def batch(n_rows=3, *, n_channels=1):
    generator = torch.Generator().manual_seed(0)
    return 20 * torch.randn(n_rows, n_channels, 32, 40, generator=generator) - 40


def test_the_other_weights_and_the_classes_are_as_without_it():
    plain, headed = small_crnn(), small_crnn(note_head=True)
    ours = headed.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in plain.state_dict().items())
    assert any(name.startswith("note_head.") for name in ours)
    assert torch.equal(headed(batch()), plain(batch()))


def test_it_reads_three_poolings_and_the_classes_the_first():
    model = small_crnn(note_head=True, pooling="mean")
    encoded = model.encode(batch())
    assert encoded.shape == (3, 3 * model.n_features)
    frames, _ = model.rnn(model._frames(model.standardize(batch())))
    torch.testing.assert_close(encoded[:, :10], frames.mean(dim=1))
    torch.testing.assert_close(encoded[:, 20:], frames.amax(dim=1))
    both = model.classify_and_doubt(batch())
    torch.testing.assert_close(both[:, :3], model(batch()))
    torch.testing.assert_close(both[:, 3], model.note_logit(encoded))


def test_frames_after_the_offset_do_not_count():
    torch.manual_seed(0)
    head, pooled, frames = NoteHead(4), torch.randn(2, 4), torch.randn(2, 6, 4)
    sounds = torch.arange(6) < torch.tensor([[2], [6]])
    changed = torch.where(sounds[:, :, None], frames, 100.0)
    torch.testing.assert_close(head.pool(pooled, changed, sounds), head.pool(pooled, frames, sounds))
    torch.testing.assert_close(head.pool(pooled, frames, sounds)[1:], head.pool(pooled, frames, None)[1:])
    torch.testing.assert_close(head.pool(pooled, frames, sounds)[0], head.pool(pooled[:1], frames[:1, :2], None)[0])


def test_the_mask_of_the_net_reaches_it():
    x = batch(2, n_channels=2)
    x[:, 1] = (torch.arange(40) < 12).float()
    model = small_crnn(note_head=True, n_channels=2, mask_after_offset=True)
    after = x.clone()
    after[:, 0, :, 24:] += 30  # beyond what the convolutions let into the frames that count
    torch.testing.assert_close(model.classify_and_doubt(after), model.classify_and_doubt(x))


def test_the_encoder_learns_from_it():
    model = small_crnn(note_head=True, rnn_num_layers=2).train()
    model.note_logit(model.encode(batch())).sum().backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert all(name.startswith(("head.", "note_head.attention.bias")) for name in still)


def test_weights_without_a_threshold_are_loaded_as_without_one():
    model = small_crnn()
    weights = {name: value for name, value in model.state_dict().items() if name != "unknown_below"}
    model.unknown_below.fill_(0.5)
    model.load_state_dict(weights)
    assert model.unknown_below == 0
    assert "unknown_below" not in weights
