"""The number of torch's threads of a fit: said, recorded, compared, and put back."""

import json

import pytest
import torch
from small import config_for

from guitarclf.config.files import with_values
from guitarclf.errors import RunError
from guitarclf.experiment.crossval import crossval
from guitarclf.experiment.search import search
from guitarclf.experiment.train import train
from guitarclf.training.callbacks import EpochMetrics

COMMANDS = {"train": train, "search": search, "crossval": crossval}


@pytest.fixture
def torchs_own():
    """Two threads as torch's own number, whatever this machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


@pytest.fixture
def heard(monkeypatch) -> list[int]:
    """The number of threads in each epoch that a fit runs in this process."""
    numbers, begin = [], EpochMetrics.on_epoch_begin

    def note(self, net, **kwargs):
        numbers.append(torch.get_num_threads())
        begin(self, net, **kwargs)

    monkeypatch.setattr(EpochMetrics, "on_epoch_begin", note)
    return numbers


@pytest.mark.parametrize(
    ("command", "said", "expected"),
    [
        ("train", 0, [2]),
        ("train", 1, [1]),
        ("search", 0, [1, 1, 2]),
        ("crossval", 0, [1] * 5),
        ("crossval", 2, [2] * 5),
    ],
)
def test_fits_compute_in_as_many_threads_as_is_said(command, said, expected, small_table, tmp_path, torchs_own, heard):
    config = config_for(small_table, tmp_path / "run", net__max_epochs=1, training__threads=said)
    if command == "search":  # two folds, and then the best is trained
        config = with_values(config, {"search.params": {"net.lr": [1e-2]}, "search.n_splits": 2}, source="test")
    COMMANDS[command](config)
    assert heard == expected
    assert torch.get_num_threads() == torchs_own
    machine = json.loads((tmp_path / "run" / "environment.json").read_text())["machine"]
    assert machine["torch_threads"] == expected[0]


def test_a_run_goes_on_in_the_threads_it_began_with_or_is_told_how(small_table, tmp_path, torchs_own):
    config = config_for(small_table, tmp_path / "run", net__max_epochs=1)
    train(config)
    torch.set_num_threads(1)
    with pytest.raises(RunError, match=r"must be as in the run .* 2 in .*Say --set training\.threads=2"):
        train(config, resume=True)
    train(with_values(config, {"training.threads": 2}, source="test"), resume=True)
