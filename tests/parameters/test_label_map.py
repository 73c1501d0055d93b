"""Texts of other people's tables, in any case and width, stand for one label, and what "*" took is counted."""

import unicodedata

import pytest

from guitarclf.config.files import load_config
from guitarclf.errors import ConfigError, ParameterError
from guitarclf.parameters.label_map import LabelMap

SPELLINGS = {
    "as it is": str,
    "small": str.lower,
    "capital": str.capitalize,
    "blanks": lambda text: f" {text}\t",
    "no-break blank": lambda text: f"{text}\u00a0\u202f",
    "byte order mark": lambda text: f"\ufeff{text}",
    "both": lambda text: f"\u00a0\ufeff {text.lower()}\ufeff ",
    "wide": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "not seen": lambda text: f"{text[:1]}\u200b{text[1:]}\u200e",
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}
LABELS_OF = {"HA": "harmonic", "Töne x": "dead_note", "straße": "general_note"}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("text", LABELS_OF)
def test_a_text_stands_for_its_label_however_it_and_the_key_are_spelled(text, spelling):
    spelled = SPELLINGS[spelling](text)
    assert LabelMap(LABELS_OF).label_of(spelled) == LABELS_OF[text]
    assert LabelMap({spelled: LABELS_OF[text]}).label_of(text) == LABELS_OF[text]
    assert LabelMap().label_of(SPELLINGS[spelling]("dead_note")) == "dead_note"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("harmonic", "harmonic"),
        (" Harmonics ", "harmonic"),
        ("Dead Notes", "dead_note"),
        ("DEAD-NOTE", "dead_note"),
        ("deadnote", "dead_note"),
        ("dead", "dead_note"),
        ("general", "general_note"),
        ("General_Notes", "general_note"),
        ("slide", None),
        ("", None),
    ],
)
def test_a_text_stands_for_a_label(text, label):
    assert LabelMap().label_of(text) == label


def test_labels_of_ones_own_come_first_and_star_last():
    labels = {"X": "dead_note", "general": "dead_note", "*": "general_note"}
    texts = ["X", "x", "GENERAL", "harmonics", "slide", " "]
    assert [LabelMap(labels).label_of(text) for text in texts] == [
        "dead_note",
        "dead_note",
        "dead_note",
        "harmonic",
        "general_note",
        None,
    ]


@pytest.mark.parametrize("spelled", ["Dead Note", "dead-notes", "DEAD"])
def test_a_label_that_is_mapped_is_mapped_however_it_is_spelled(spelled):
    assert LabelMap({"dead_note": "no_note", "*": "general_note"}).label_of(spelled) == "no_note"


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "as it is"])
def test_two_keys_that_are_one_text_must_have_one_label(spelling):
    spelled = SPELLINGS[spelling]("Ha x")
    assert LabelMap([("Ha x", "harmonic"), (spelled, "harmonic")]).label_of("HA X") == "harmonic"
    with pytest.raises(
        ParameterError, match=r"`labels` must map a text to one label.*'Ha x' is harmonic and .* dead_n"
    ):
        LabelMap([("Ha x", "harmonic"), (spelled, "dead_note")])


def test_a_configuration_with_two_labels_for_one_text_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("data: {labels: {HA: harmonic, Ha: dead_note}}")
    with pytest.raises(ConfigError, match=r"a\.yaml: `data\.labels` must map a text to one label"):
        load_config(tmp_path / "a.yaml")


def test_what_star_took_is_counted_by_text():
    label_map = LabelMap({"HA": "harmonic", "*": "general_note"})
    texts = ["NO"] * 3 + ["no", "BE", "ha", "dead_note", "", " ", "x\u200b\u0000"]
    assert label_map.told(texts) == ['taken by "*" as general_note: NO 4, BE 1, x\\u200b\\x00 1']
    assert label_map.told(["HA"]) == LabelMap({"HA": "harmonic"}).told(["NO"]) == []
    assert label_map.told([f"s{n}" for n in range(25)])[0].endswith("s19 1, 5 others 5")


def test_star_stands_neither_for_an_empty_text_nor_for_itself_only():
    label_map = LabelMap({"\uff0a": "general_note"})
    assert [label_map.label_of(text) for text in ("", "\ufeff ", "*", "?")] == [
        None,
        None,
        "general_note",
        "general_note",
    ]
