"""A path is found in the spelling in which its file is there, or the message shows what differs."""

import unicodedata

import pytest

from guitarclf.audio.recordings import load_segment, require_audio_files
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError
from guitarclf.files.spelling import as_on_disk, near_miss

NAME = "Gitarre/Töne 1.wav"
OTHER_SPELLINGS = {
    "backslash": NAME.replace("/", "\\"),
    "dotted backslash": ".\\" + NAME.replace("/", "\\"),
    "blanks": f" {NAME}\u00a0",
    "byte order mark": f"\ufeff{NAME}",
    "decomposed": unicodedata.normalize("NFD", NAME),
    "all": "\ufeff" + unicodedata.normalize("NFD", NAME.replace("/", "\\")) + " ",
}


@pytest.mark.parametrize("spelling", OTHER_SPELLINGS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_is_found_in_another_spelling(tmp_path, write_csv, write_wav, tone, spelling, form):
    there = unicodedata.normalize(form, NAME)
    write_wav(tone, there)
    cells = {"note_id": "n", "onset_sec": 0, "offset_sec": 1, "label_category": "harmonic"}
    table = write_csv(
        [cells | {"audio_path": OTHER_SPELLINGS[spelling]}, cells | {"note_id": "m", "audio_path": there}]
    )
    events = read_events(table, audio_root=tmp_path)
    for path in events["audio_path"]:
        assert len(load_segment(path, 0, 1.0, sample_rate=22050)) == 22050
    assert events["events_in_file"].tolist() == [1 + (len(set(events["audio_path"])) == 1)] * 2


@pytest.mark.parametrize("written", [" a.wav", "a.wav ", "b\\a.wav", "\ufeffa.wav"])
def test_a_path_is_tried_as_it_is_written_first(tmp_path, written):
    (tmp_path / "b").mkdir()
    for name in ("a.wav", "b/a.wav", written):
        (tmp_path / name).write_bytes(b"")
    assert as_on_disk(written, tmp_path) == written
    assert as_on_disk(written, None) == written.strip(" \ufeff")


@pytest.mark.parametrize(
    ("there", "written", "told"),
    [
        ("Take.WAV", "take.wav", "There is 'Take.WAV', not 'take.wav'. "),
        ("a/Take 1.wav", "A/Take 1.wav", "There is 'a', not 'A'. "),
        ("take\u00a01.wav", "take 1.wav", "There is 'take\\xa01.wav', not 'take 1.wav'. "),
        ("take.flac", "take.wav", "There is 'take.flac', not 'take.wav'. "),
        ("To\u0308ne/b.wav", "Töne/c.wav", "There is 'To\\u0308ne', not 'T\\xf6ne'. "),
        ("take.wav", "other.wav", ""),
    ],
)
def test_a_missing_file_is_told_what_differs(tmp_path, there, written, told):
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(b"")
    if (tmp_path / written).exists():
        pytest.skip("this file system takes both names for one")
    assert near_miss(tmp_path / written) == told
    for refuse in (lambda path: require_audio_files([path]), lambda path: load_segment(path, 0, 1, sample_rate=22050)):
        with pytest.raises(AudioReadError) as caught:
            refuse(str(tmp_path / written))
        assert f"There is no such file. {told}Check" in str(caught.value).replace(" (1 missing)", "")
