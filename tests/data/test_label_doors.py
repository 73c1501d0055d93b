"""A style in any case, width and blanks is one label by every way a table comes in, and what "*" took is told."""

import logging

import pandas as pd
import pytest
from click.testing import CliRunner
from idmt_annotations import event_xml
from small import config_for

from guitarclf.cli import main
from guitarclf.data.events import check_events, read_events
from guitarclf.data.importers.idmt import read_idmt
from guitarclf.experiment.tables import config_events
from guitarclf.experiment.validate import validate

LABELS = {"\u00a0ha": "harmonic", "Dn ": "dead_note", "*": "general_note"}
STYLES = ["HA", "Ha", "ha\u00a0", "\ufeffhA", "DN", "dn", "\uff24\uff2e", "NO", "no", "BE"]
MEANT = ["harmonic"] * 4 + ["dead_note"] * 3 + ["general_note"] * 3
TOLD = 'taken by "*" as general_note: NO 2, BE 1'


@pytest.fixture
def styled(tmp_path):
    """A frame with a style a row, and no labels of ours."""
    names = [f"n{number}" for number in range(len(STYLES))]
    return pd.DataFrame({"note_id": names, "audio_path": "a.wav", "onset_sec": 0.5, "offset_sec": 1.0, "style": STYLES})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_styles_of_a_table(styled, tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    styled.to_csv(path, index=False) if suffix == "csv" else styled.to_parquet(path)
    events = read_events(path, columns={"label_category": "style"}, labels=LABELS)
    assert events["label_category"].tolist() == MEANT
    assert events.attrs["told"] == [TOLD]


@pytest.mark.parametrize("spelled", ["Harmonic", "HARMONIC\u00a0", "\ufeffharmonic", " harmonic\t"])
def test_labels_of_ours_in_a_table(styled, tmp_path, spelled):
    styled.assign(label_category=spelled).to_csv(tmp_path / "t.csv", index=False)
    assert set(read_events(tmp_path / "t.csv")["label_category"]) == {"harmonic"}


def test_star_does_not_take_a_label_of_ours_in_other_words(styled, tmp_path):
    styled.assign(label_category=["Dead Note"] * 2 + ["x"] * (len(STYLES) - 2)).to_csv(tmp_path / "t.csv", index=False)
    events = read_events(tmp_path / "t.csv", labels={"*": "general_note"})
    assert events["label_category"].tolist() == ["dead_note"] * 2 + ["general_note"] * (len(STYLES) - 2)


def test_ids_and_tracks_lose_no_more_than_the_blanks_around_them(styled, tmp_path):
    spelled = ["\ufeffA 1", "a 1 ", "\u00a0A  1", "\uff21 1", *STYLES[4:]]
    styled.assign(note_id=spelled, track=spelled).to_csv(tmp_path / "t.csv", index=False, encoding="utf-8-sig")
    events = read_events(tmp_path / "t.csv", require_labels=False)
    assert events["note_id"].tolist()[:4] == events["track"].tolist()[:4] == ["A 1", "a 1", "A  1", "\uff21 1"]


def test_train_and_validate_tell_what_star_took(note_table, tmp_path, caplog):
    table = note_table(extra={"style": lambda index, row: STYLES[index % len(STYLES)]})
    data = {"data__columns": {"label_category": "style"}, "data__labels": LABELS}
    config = config_for(table, tmp_path / "run", **data)
    told = TOLD.replace("NO 2, BE 1", "NO 6, BE 3")
    with caplog.at_level(logging.INFO, logger="guitarclf"):
        events = config_events(config)
    assert told in caplog.messages
    assert events["label_category"].value_counts().to_dict() == {"harmonic": 12, "dead_note": 9, "general_note": 9}
    assert told in validate(table.path, table.audio_root, config=config).summary


def test_importers_tell_what_star_took(sound, tmp_path):
    for n_takes, name in enumerate(("Ha", "dN", "slide", "\uff33lide", "bend"), start=1):
        for take in range(n_takes):
            sound(f"all/{name}/g/{take}.wav", 0.3)
    labels = [f"--label={text}={label}" for text, label in LABELS.items()]
    output = ["--output", str(tmp_path / "m.csv")]
    done = CliRunner().invoke(main, ["import", "folders", str(tmp_path / "all"), *output, *labels])
    assert 'taken by "*" as general_note: slide 7, bend 5' in done.stdout
    sound("takes/a.wav", 5.0)
    lines = [f"{number / 2}\t{number / 2 + 0.25}\t{style}" for number, style in enumerate(STYLES)]
    (tmp_path / "takes/a.txt").write_text("\n".join(lines), encoding="utf-8")
    done = CliRunner().invoke(main, ["import", "audacity", str(tmp_path / "takes"), *output, "--overwrite", *labels])
    assert TOLD in done.stdout
    assert pd.read_csv(tmp_path / "m.csv")["label_category"].tolist() == MEANT


def test_idmt_tells_what_is_no_harmonic_and_no_dead_note(recorded, tmp_path):
    recorded("dataset2", "AR", *(event_xml(style=style) for style in STYLES))
    events, _ = read_idmt(tmp_path)
    assert events["label_category"].tolist() == MEANT
    assert events.attrs["told"] == [TOLD]


@pytest.mark.parametrize("second", ["x", "X", " x ", "\u00a0x"])
def test_label_options_that_contradict_each_other_are_refused(tmp_path, second):
    options = ["--label", "x=harmonic", "--label", f"{second}=dead_note", "--output", str(tmp_path / "m.csv")]
    done = CliRunner().invoke(main, ["import", "folders", str(tmp_path), *options])
    assert done.exit_code == 2
    assert "`--label` must map a text to one label, whatever its case and blanks" in done.stderr


def test_equal_problems_are_one_line_with_their_number(styled, tmp_path):
    labels = ["normal"] * 6 + ["slide", "harmonic", "slide", "bend"]
    path = tmp_path / "t.csv"
    styled.assign(label_category=labels).to_csv(path, index=False)
    _, problems = check_events(path)
    assert len(problems) == 9
    found = [line for line in validate(path, tmp_path).problems if "label_category" in line]
    rule = "`label_category` must be one of harmonic, dead_note, general_note, no_note (map others with `data.labels`)"
    assert found == [
        f"{path}, line 2: {rule}. Got 'normal' in 6 rows (2, 3, 4, ...).",
        f"{path}, line 8: {rule}. Got 'slide' in 2 rows (8, 10).",
        f"{path}, line 11: {rule}. Got 'bend'.",
    ]
