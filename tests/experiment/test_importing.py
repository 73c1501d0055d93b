"""The import commands: whole tables or none, what is printed, and exit codes."""

import pandas as pd
import pytest
from click.testing import CliRunner
from idmt_annotations import event_xml

from guitarclf.cli.importing import command
from guitarclf.data.events import read_events
from guitarclf.data.importers.idmt import read_idmt
from guitarclf.errors import EventTableError
from guitarclf.experiment.importing import import_table


def call(*args, code=0):
    """Run an import command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_import_table_writes_all_or_nothing(idmt_tree, tmp_path):
    events, problems = read_idmt(idmt_tree)
    output = tmp_path / "m.csv"
    found = import_table(events, problems, output, idmt_tree)
    assert (found.n_events, found.problems, found.not_imported) == (14, [], [])
    assert found.summary[0] == "14 events in 10 files, 10 tracks"
    written = output.read_bytes()
    with pytest.raises(EventTableError, match=r"m\.csv\. It exists; replace it with --overwrite"):
        import_table(events[:3], [], output, idmt_tree)
    assert import_table(events[:0], ["x: broken"], output, idmt_tree, overwrite=True).n_events == 0
    assert output.read_bytes() == written
    import_table(events[:3], [], output, idmt_tree, overwrite=True)
    assert len(read_events(output)) == 3
    assert [path.name for path in tmp_path.iterdir() if not path.is_dir()] == ["m.csv"]


@pytest.mark.parametrize("output", ["absent/m.csv", "m.parquet", "folder.csv"])
def test_import_table_wants_a_csv_in_a_folder_that_exists(tmp_path, output):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(EventTableError, match="--output must be a new CSV file in a folder that exists"):
        import_table(pd.DataFrame(), [], tmp_path / output, tmp_path, overwrite=True)


def test_an_interrupted_write_leaves_nothing(idmt_tree, tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(EventTableError, match="No space left on device"):
        import_table(*read_idmt(idmt_tree), tmp_path / "m.csv", idmt_tree)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_what_idmt_imports_reads_back_the_same(idmt_tree, tmp_path):
    events, problems = read_idmt(idmt_tree)
    import_table(events, problems, tmp_path / "m.csv", idmt_tree)
    back = read_events(tmp_path / "m.csv").drop(columns=["events_in_file", "next_onset_sec"])
    pd.testing.assert_frame_equal(back, events, check_dtype=False)


def test_import_idmt_prints_summary_list_and_next_step(idmt_tree, recorded, tmp_path):
    recorded("dataset2", "FS_broken", text="<a>")
    output = tmp_path / "my notes.csv"
    result = call("idmt", idmt_tree, "--output", output, "--track-by", "guitar")
    assert "14 events in 10 files, 6 tracks" in result.stdout
    assert "warning: harmonic is in 1 track(s)" in result.stdout
    assert "not imported: dataset2/annotation/FS_broken.xml: it must be XML" in result.stdout
    assert "14 events. Listed as not imported: 1." in result.stdout
    assert result.stdout.splitlines()[-1] == (
        f"Next: guitarclf train --metadata-path '{output}' --audio-root {idmt_tree} --output-dir 'runs/my notes' "
        "--init-from pretrained"
    )
    assert len(read_events(output, audio_root=idmt_tree)) == 14


def test_import_that_finds_nothing_exits_with_1(tmp_path, recorded):
    recorded("dataset2", "AR", event_xml(), audio=None)
    result = call("idmt", tmp_path, "--output", tmp_path / "m.csv", code=1)
    assert "not imported: dataset2/annotation/AR.xml: no recording AR.wav in dataset2/audio" in result.stdout
    assert f"Error: Nothing below {tmp_path} could be imported" in result.stderr
    assert not (tmp_path / "m.csv").exists()


def test_import_with_a_contradiction_exits_with_1_and_keeps_the_table(recorded, tmp_path):
    recorded("dataset2", "AR", event_xml(style="HA"), event_xml(style="DN"))
    result = call("idmt", tmp_path, "--output", tmp_path / "m.csv", code=1)
    assert "problem: identical audio under 2 labels" in result.stdout
    assert "1 problems in" in result.stderr
    assert "guitarclf validate --metadata-path" in result.stderr
    assert (tmp_path / "m.csv").exists()


def test_import_folders_with_labels_of_ones_own(sound, tmp_path):
    for number, name in enumerate(("Flageolett", "ghost", "anything")):
        sound(f"{name}/g{number}/a.wav")
    labels = ["--label", "flageolett=harmonic", "--label", "ghost=dead_note", "--label", "*=general_note"]
    result = call("folders", tmp_path, "--output", tmp_path / "m.csv", *labels)
    assert read_events(tmp_path / "m.csv")["label_category"].tolist() == ["harmonic", "general_note", "dead_note"]
    assert "Listed as not imported: 0." in result.stdout


def test_import_audacity_from_labels_to_table(sound, tmp_path):
    sound("a.wav")
    (tmp_path / "a.txt").write_text("0.1\t0.5\tx\n0.6\t0.9\ty\n")
    result = call("audacity", tmp_path, "--output", tmp_path / "m.csv", "--label", "x=dead_note")
    assert read_events(tmp_path / "m.csv")["note_id"].tolist() == ["a#1"]
    assert "not imported: a.txt: line 2: 'y' is no label" in result.stdout


@pytest.mark.parametrize("label", ["x", "x=slide", "=harmonic"])
def test_import_refuses_a_label_that_is_none(tmp_path, label):
    result = call("folders", tmp_path, "--output", tmp_path / "m.csv", "--label", label, code=2)
    assert "must be TEXT=LABEL with a LABEL of harmonic, dead_note, general_note" in result.stderr


def test_import_refuses_an_output_that_exists_before_it_reads(tmp_path):
    (tmp_path / "m.csv").write_text("years of work")
    result = CliRunner().invoke(command, ["idmt", str(tmp_path / "absent"), "--output", str(tmp_path / "m.csv")])
    assert isinstance(result.exception, EventTableError)
    assert (tmp_path / "m.csv").read_text() == "years of work"


@pytest.mark.parametrize(("track_by", "n_tracks"), [("recording", 3), ("guitar", 2)])
def test_the_original_excerpt_imports_whole(real_data, tmp_path, track_by, n_tracks):
    root = real_data / "idmt_excerpt"
    output = tmp_path / "m.csv"
    result = call("idmt", root, "--output", output, "--track-by", track_by)
    assert f"36 events in 3 files, {n_tracks} tracks" in result.stdout
    assert "Listed as not imported: 0." in result.stdout
    events = read_events(output, audio_root=root)
    assert set(events["label_category"]) == {"general_note"}
    assert events["note_id"].iloc[0] == "dataset2/AR_Lick1_KN#1"
    assert events["excitation_style"].tolist() == ["PK"] * 36
