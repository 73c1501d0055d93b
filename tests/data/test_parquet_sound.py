"""Parquet as Hugging Face's datasets write it: sound inside the table, and labels as numbers."""

import io
import json
import os

import numpy as np
import pyarrow as pa
import pytest
import soundfile as sf
from notes import RATE, decaying_sine
from pyarrow import parquet as pq

from guitarclf.audio.recordings import load_segment, open_recording, require_audio_files
from guitarclf.data.background import read_background
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, EventTableError
from guitarclf.files import fetched
from guitarclf.files.digest import file_digest

pytestmark = pytest.mark.usefixtures("fresh_copies")
AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NAMES = ["general_note", "harmonic", "dead_note"]


def wav(frequency) -> bytes:
    """Return a note as the bytes of a WAV."""
    buffer = io.BytesIO()
    sf.write(buffer, decaying_sine(frequency, 0.5), RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def table_of(sounds, labels=None, *, column="audio", **columns):
    """Return a table as `datasets` writes it, its labels a ClassLabel."""
    labels = [number % 3 for number in range(len(sounds))] if labels is None else labels
    features = {column: {"_type": "Audio"}, "label": {"_type": "ClassLabel", "names": NAMES}}
    data = {column: pa.array(sounds, type=AUDIO), "label": pa.array(labels, type=pa.int64()), **columns}
    return pa.table(data).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


SOUNDS = [{"bytes": wav(220 + 10 * number), "path": f"/home/me/notes/C#{number}.wav"} for number in range(6)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "notes.parquet"
    pq.write_table(table_of(SOUNDS), path, row_group_size=2)
    return path


def test_a_table_of_hugging_face_is_read_as_it_is(path):
    events = read_events(path, audio_root=path.parent)
    assert events["audio_path"].tolist() == [f"{path}/{row}/C#{row}.wav" for row in range(6)]
    assert events["note_id"].tolist() == [f"{row}/C#{row}.wav" for row in range(6)]
    assert events["track"].tolist() == [f"C#{row}" for row in range(6)]
    assert events["label_category"].tolist() == NAMES * 2
    assert (events["onset_sec"] == 0).all()
    assert "the recordings are those of the column `audio`" in events.attrs["told"][0]


def test_the_sound_of_a_row_is_that_of_its_file(path, tmp_path):
    for row, name in reversed(list(enumerate(read_events(path, audio_root=path.parent)["audio_path"]))):
        (tmp_path / "x.wav").write_bytes(SOUNDS[row]["bytes"])
        heard = load_segment(name, 0.0, 0.5, sample_rate=RATE)
        assert np.array_equal(heard, load_segment(tmp_path / "x.wav", 0.0, 0.5, sample_rate=RATE))
    assert fetched.size()[0] == 6


def test_a_group_of_rows_is_copied_once(path, fresh_copies):
    open_recording(f"{path}/2/C#2.wav").close()
    assert fetched.size()[0] == 2
    before = {copy.name: copy.stat().st_ino for copy in fresh_copies.iterdir()}
    open_recording(f"{path}/3/C#3.wav").close()
    assert {copy.name: copy.stat().st_ino for copy in fresh_copies.iterdir()} == before


def test_another_table_under_the_same_name_has_other_sound(path):
    before = load_segment(f"{path}/0/C#0.wav", 0.0, 0.5, sample_rate=RATE), file_digest(f"{path}/0/C#0.wav")
    pq.write_table(table_of(SOUNDS[::-1]), path)
    after = load_segment(f"{path}/0/C#0.wav", 0.0, 0.5, sample_rate=RATE), file_digest(f"{path}/0/C#0.wav")
    assert not np.array_equal(before[0], after[0])
    assert before[1] != after[1]
    assert file_digest(f"{path}/0/C#0.wav") != file_digest(f"{path}/1/C#1.wav")


def test_where_there_are_no_bytes_the_path_is_that_of_a_file(tmp_path, path):
    sounds = [*SOUNDS[:2], {"bytes": None, "path": "a.wav"}, None]
    for size in (1, 4):
        pq.write_table(table_of(sounds, [0, 1, 2, -1]), path, row_group_size=size)
        events = read_events(path, audio_root=tmp_path)
        assert events["audio_path"].tolist()[1:] == [f"{path}/1/C#1.wav", str(tmp_path / "a.wav")]
    with pytest.raises(AudioReadError, match=r"a\.wav must be an audio file. There is no such file \(1 missing\)"):
        require_audio_files(events["audio_path"])
    with pytest.raises(AudioReadError, match=r"row 3, must hold sound. It has no bytes"):
        open_recording(f"{path}/3/x.wav")


def test_sound_without_a_name_is_called_by_its_row(path):
    pq.write_table(table_of([{"bytes": wav(220), "path": name} for name in (None, "", ".", "x/..")]), path)
    events = read_events(path, audio_root=path.parent)
    assert events["audio_path"].tolist() == [f"{path}/{row}/{row}" for row in range(4)]
    assert events["track"].tolist() == ["0", "1", "2", "3"]


def test_from_another_root_the_table_is_named_as_a_whole(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = read_events("notes.parquet", audio_root=tmp_path / "other")
    assert events["audio_path"][0] == f"{path}/0/C#0.wav"
    assert read_events("notes.parquet", audio_root=".")["audio_path"][0] == os.path.join(".", "notes.parquet/0/C#0.wav")


def test_our_own_columns_go_with_it(path):
    columns = {"note_id": ["a", "b"], "onset_sec": [0.1, 0.2], "label_category": ["harmonic", "dead_note"]}
    pq.write_table(table_of(SOUNDS[:2], column="audio_path", **columns), path)
    events = read_events(path, audio_root=path.parent)
    assert events["note_id"].tolist() == ["a", "b"]
    assert events["audio_path"].tolist() == [f"{path}/{row}/C#{row}.wav" for row in range(2)]
    assert events["label_category"].tolist() == ["harmonic", "dead_note"]


def test_a_class_that_is_none_is_no_label(path):
    pq.write_table(table_of(SOUNDS[:3], [1, -1, 7]), path)
    assert read_events(path, audio_root=path.parent)["label_category"].tolist() == ["harmonic"]


@pytest.mark.parametrize("told", [b"{", b"[]", b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}', b"null"])
def test_metadata_that_is_none_leaves_numbers(path, told):
    pq.write_table(table_of(SOUNDS[:1]).replace_schema_metadata({"huggingface": told}), path)
    with pytest.raises(EventTableError, match="Got '0'"):
        read_events(path)


def test_sound_that_is_no_note_may_be_inside_too(path):
    pq.write_table(table_of(SOUNDS[:2]).drop_columns("label"), path)
    assert read_background(path)["audio_path"].tolist() == [f"{path}/{row}/C#{row}.wav" for row in range(2)]


def test_a_row_or_a_table_that_is_not_there_is_told(path, tmp_path):
    with pytest.raises(AudioReadError, match=r"row 6, must be there and hold sound"):
        open_recording(f"{path}/6/x.wav")
    with pytest.raises(AudioReadError, match=r"must be an audio file. There is no such file"):
        open_recording(f"{tmp_path}/none.parquet/6/x.wav")
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(AudioReadError, match="row 0, must be there and hold sound"):
        open_recording(f"{path}/0/x.wav")
    path.write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(AudioReadError, match="row 0, must be readable"):
        open_recording(f"{path}/0/x.wav")


def test_what_is_no_sound_is_told_by_its_place_in_the_table(path):
    pq.write_table(table_of([{"bytes": b"no sound", "path": "a.wav"}]), path)
    with pytest.raises(AudioReadError, match=r"notes\.parquet/0/a\.wav must be a WAV or FLAC file .* It is no audio"):
        open_recording(f"{path}/0/a.wav")


def test_a_folder_that_is_called_as_a_table_is_a_folder(tmp_path):
    place = tmp_path / "x.parquet" / "0" / "a.wav"
    place.parent.mkdir(parents=True)
    place.write_bytes(wav(220))
    open_recording(place).close()
    assert fetched.size() == (0, 0)


def test_rows_that_unpack_to_more_than_the_cache_are_refused(path):
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array([bytes(300_000)], pa.binary()))
    bomb = pa.StructArray.from_arrays([cells.cast(pa.binary()), pa.array(["a.wav"] * 2000)], ["bytes", "path"])
    pq.write_table(pa.table({"audio": bomb}), path)
    assert path.stat().st_size < 1_000_000
    fetched.keep_below(0.01)
    with pytest.raises(AudioReadError, match="must be in a group of rows that fits"):
        open_recording(f"{path}/1999/a.wav")
    assert fetched.size()[1] <= 10_000_000


BINARY = {
    "binary": pa.array([b"x", None], pa.binary()),
    "large_binary": pa.array([b"x", None], pa.large_binary()),
    "fixed_size_binary": pa.array([b"xx", None], pa.binary(2)),
    "dictionary": pa.array([b"x", None], pa.binary()).dictionary_encode(),
    "list": pa.array([[b"x"], None], pa.list_(pa.binary())),
    "struct": pa.array([{"a": b"x"}, None], pa.struct([("a", pa.binary())])),
    "map": pa.array([[("a", b"x")], None], pa.map_(pa.string(), pa.binary())),
    "bytes and more": pa.array([{"bytes": b"x", "path": "", "rate": 1}, None]),
}


@pytest.mark.parametrize("kind", BINARY)
def test_bytes_elsewhere_are_refused_in_one_line(path, kind):
    columns = {"note_id": ["a", "b"], "audio_path": ["a.wav", "b.wav"], "onset_sec": [0, 0], "x": BINARY[kind]}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(
        EventTableError, match=r"must have bytes in a column `audio` alone.* Its column x is "
    ) as caught:
        read_events(path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def pool():
    """What Arrow takes of memory from now on; ``pool.max_memory()`` is the most at once."""
    pool, before = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    yield pool
    pa.set_memory_pool(before)


def test_sound_is_not_in_memory_when_its_table_is_read(path, pool):
    """Of a plain column of bytes, 75 MB took 582 MB of memory."""
    table = table_of([{"bytes": os.urandom(2_000_000), "path": "a.wav"} for _ in range(20)], [0] * 20)
    pq.write_table(table, path, write_batch_size=1, use_dictionary=False)  # a page each
    del table
    before, pool = pool.max_memory(), pa.proxy_memory_pool(pool)
    pa.set_memory_pool(pool)
    assert len(read_events(path)) == 20
    assert pool.max_memory() < 2_000_000 < before
    copied = fetched.folder()
    open_recording_fails(f"{path}/19/a.wav")
    assert pool.max_memory() < 20_000_000
    assert len(list(copied.iterdir())) == 20


def open_recording_fails(path):
    """Have a recording copied that is none."""
    with pytest.raises(AudioReadError, match="It is no audio"):
        open_recording(path)


def test_audio_folders_table_is_a_table(write_csv, write_wav, make_tone):
    path = write_csv([{"file_name": "a.wav", "label": "harmonic"}, {"file_name": "b.wav", "label": "dead_note"}])
    events = read_events(path, audio_root=path.parent)
    assert events["note_id"].tolist() == ["a.wav", "b.wav"]
    assert events["onset_sec"].tolist() == [0.0, 0.0]
    assert "`file_name`; there is no note_id and no onset_sec: each file is a note" in events.attrs["told"][0]


def test_our_own_name_of_a_column_comes_before_theirs(write_csv):
    row = {"note_id": "n", "file_name": "a.wav", "audio_path": "b.wav", "onset_sec": 0, "label": "harmonic"}
    events = read_events(write_csv([row]))
    assert events["audio_path"].tolist() == ["b.wav"]
