"""The loss with a head for note or not: who is in which part, and with which weight."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from guitarclf.models.loss import MODELLED, NO_NOTE, NoteLoss, classes_of

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 3.0], [5.0, 0.0, 0.0]])
NOTE_LOGITS = torch.tensor([1.0, -0.5, 0.3, 2.0])
Y = torch.tensor([0, MODELLED + 1, 2, NO_NOTE])


def test_targets_tell_the_class_and_the_origin():
    assert classes_of(Y).tolist() == [0, 1, 2, NO_NOTE]


def test_both_parts_are_means_by_their_weights():
    weight = torch.tensor([1.0, 3.0, 0.5])
    loss = NoteLoss(weight, note_weight=0.7, given_weight=8.0, no_note_weight=3.0)
    of_class = cross_entropy(LOGITS[:3], torch.tensor([0, 1, 2]), weight=weight)
    each = binary_cross_entropy_with_logits(NOTE_LOGITS, torch.tensor([1.0, 1, 1, 0]), reduction="none")
    weights = torch.tensor([8.0, 1, 8, 3])
    expected = of_class + 0.7 * (each * weights).sum() / weights.sum()
    torch.testing.assert_close(loss.with_note_head(LOGITS, NOTE_LOGITS, Y), expected)


def test_what_is_no_note_is_nothing_to_the_classes():
    loss, changed = NoteLoss(), LOGITS.clone()
    changed[3] = -7.0
    before, after = (loss.with_note_head(logits, NOTE_LOGITS, Y) for logits in (LOGITS, changed))
    assert before == after
    assert loss(LOGITS, classes_of(Y)) != loss(changed, classes_of(Y))  # as it is without the head


@pytest.mark.parametrize("y", [torch.full((4,), NO_NOTE), torch.tensor([0, 1, 2, MODELLED])])
def test_a_batch_of_one_kind_has_a_loss(y):
    assert NoteLoss().with_note_head(LOGITS, NOTE_LOGITS, y).isfinite()


def test_the_auxiliary_head_tells_the_class_of_modelled_notes():
    torch.manual_seed(0)
    loss = NoteLoss(aux_harmonic=1.0, n_features=5)
    encoded = torch.randn(4, 5)
    torch.testing.assert_close(loss.auxiliary(encoded, Y), loss.auxiliary(encoded, classes_of(Y)))
