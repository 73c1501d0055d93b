"""What is spread over processes: how much of it a job is, and files that are found again under the same names."""

import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from notes import RATE, decaying_sine

from guitarclf.bundle.engines import load_model
from guitarclf.errors import ClusterError
from guitarclf.experiment.annotate import Annotator, Recording
from guitarclf.experiment.hearing import heard
from guitarclf.experiment.notes import notes_of_paths
from guitarclf.experiment.predict import predict_places
from guitarclf.experiment.spread import MOST_ITEMS, OfFiles, items_a_job
from guitarclf.timeline.stream import Listener


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


def blind(function, jobs, **_):
    """Answer jobs as workers that see no file do."""
    for place, job in enumerate(jobs):
        if isinstance(job, tuple):  # a recording to be annotated, and its places
            recording = job[0]._replace(path="gone.wav")
            yield place, replace(function((recording, job[1])), path=job[0].path)
        else:
            yield place, function([request._replace(path="gone.wav") for request in job])


def test_what_a_worker_alone_cannot_read_is_no_row_with_an_error(tmp_path, write_wav, monkeypatch):
    monkeypatch.setattr("guitarclf.experiment.predict.run_unordered", blind)
    paths = [write_wav(decaying_sine(220.0, 0.6, sample_rate=RATE), name) for name in ("a.wav", "b\nb.wav")]
    cluster = SimpleNamespace(n_workers=1)
    work = predict_places(load_model("pretrained"), notes_of_paths(paths), range(2), cluster=cluster)
    with pytest.raises(
        ClusterError, match=r"^Each worker must read what can be read here\. \S*a\.wav can, and a worker"
    ):
        next(work)
    (gone,) = notes_of_paths([tmp_path / "gone.wav"])
    ((_, part),) = predict_places(load_model("pretrained"), [gone], [0], cluster=cluster)
    assert "There is no such file" in part.errors[0]  # nor here


def test_a_recording_that_a_worker_alone_cannot_open_is_no_empty_timeline(tmp_path, write_wav, monkeypatch):
    monkeypatch.setattr("guitarclf.experiment.hearing.run_unordered", blind)
    path, model = write_wav(decaying_sine(220.0, 1.0, sample_rate=RATE), "a.wav"), load_model("pretrained")
    annotator, cluster = Annotator(Listener(model, model.onsets)), SimpleNamespace(n_workers=1)
    with pytest.raises(ClusterError, match=r"a\.wav can, and a worker says: .*There is no such file"):
        next(heard(annotator, [Recording(str(path), "a.wav", "a")], cluster=cluster))
    missing = Recording(str(tmp_path / "none.wav"), "none.wav", "none")
    ((_, timeline),) = heard(annotator, [missing], cluster=cluster)
    assert "There is no such file" in timeline.error
