"""What is spread over processes: how much of it a job is, and files that are found again under the same names."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest

from guitarclf.errors import ClusterError
from guitarclf.experiment.spread import MOST_ITEMS, OfFiles, items_a_job


class Reading(OfFiles):
    """Paths -> what is written in the files."""

    def __call__(self, paths):
        with self.found(paths):
            return [Path(path).read_text() for path in paths]


@pytest.mark.parametrize(
    ("n_items", "multiple", "n_workers", "expected"),
    [
        (10_000, 16, 2, MOST_ITEMS),
        (10_000, 256, 2, 256),
        (1_000_000, 16, 500, 240),
        (500, 16, 2, 16),
        (100, 1, 2, 6),
        (0, 1, 2, 1),
        (100, 1, 0, 12),
    ],
)
def test_a_job_is_a_few_whole_batches_and_each_worker_has_several(n_items, multiple, n_workers, expected):
    cluster = SimpleNamespace(n_workers=n_workers)
    assert items_a_job(n_items, multiple, cluster=cluster, n_jobs=1) == expected


def test_this_process_has_one_job_and_two_have_several():
    assert items_a_job(1000, cluster=None, n_jobs=1) == 1000
    assert items_a_job(1000, cluster=None, n_jobs=2) == 62


def test_a_copy_finds_relative_paths_from_where_they_were_given(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.txt").write_text("found")
    monkeypatch.chdir(tmp_path / "here")
    copied = pickle.dumps(Reading())
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(copied)(["a.txt"]) == ["found"]
    assert Path.cwd() == tmp_path
    assert pickle.loads(copied)([str(tmp_path / "here" / "a.txt")]) == ["found"]


def test_where_the_folder_of_relative_paths_is_not_there_only_absolute_ones_are_found(tmp_path, monkeypatch):
    (tmp_path / "gone\n").mkdir()
    (tmp_path / "a.txt").write_text("found")
    monkeypatch.chdir(tmp_path / "gone\n")
    copied = pickle.dumps(Reading())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone\n").rmdir()
    with pytest.raises(ClusterError, match=r"must count from .*gone\\n\. It cannot be entered: FileNotFoundError"):
        pickle.loads(copied)(["a.txt"])
    assert pickle.loads(copied)([str(tmp_path / "a.txt")]) == ["found"]
