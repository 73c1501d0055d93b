"""Recordings that cannot be used: what each is told, and what the policy makes of it."""

import os
import struct
import threading

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from notes import RATE, decaying_sine
from small import small_config

from guitarclf.audio.header import check_header
from guitarclf.audio.recordings import load_segment, open_recording, outside_root
from guitarclf.errors import AudioReadError, ConfigError, ParameterError
from guitarclf.experiment.train import train
from guitarclf.experiment.validate import validate
from guitarclf.features import extraction
from guitarclf.features.window import EventWindow
from guitarclf.files import state

TONE = decaying_sine(440.0)


def wav(*, codec=1, channels=1, rate=RATE, bits=16, data=b"\x01\x02" * 1000, fmt_size=16, extra=b""):
    """Return the bytes of a WAV with a header as asked for."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", codec, channels & 0xFFFF, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)[
        :fmt_size
    ]
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + extra + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def encoded(tmp_path, form, subtype, samples=TONE, rate=RATE):
    """Return the bytes of a recording that soundfile writes."""
    path = tmp_path / "encoded"
    sf.write(path, samples, rate, format=form, subtype=subtype)
    return path.read_bytes()


BAD = {
    "empty.wav": (lambda _: b"", "must be a WAV or FLAC file .* It is empty"),
    "text.wav": (lambda _: b"these are no samples", "must be a WAV or FLAC file .* It is no audio"),
    "no_data.wav": (lambda _: wav(data=b""), "must be a whole recording. It has no samples"),
    "cut.wav": (lambda _: wav()[:-100], "must be a whole recording. Its last 100 bytes are missing"),
    "cut_header.wav": (lambda _: wav()[:30], "must be a whole recording. The description of its format is cut short"),
    "no_format.wav": (lambda _: wav()[:12], "It has no description of its format"),
    "two_formats.wav": (
        lambda _: wav(extra=b"fmt " + struct.pack("<IHHIIHH", 16, 0x11, 1, RATE, RATE, 1, 4)),
        "It has two descriptions of its format",
    ),
    "no_channels.wav": (lambda _: wav(channels=0), "It has 0 channels, and 1 to 32 are read"),
    "channels.wav": (lambda _: wav(channels=4000), "It has 4000 channels, and 1 to 32 are read"),
    "slow.wav": (lambda _: wav(rate=1), "Its sample rate is 1 Hz, and 1000 to 384000 are read"),
    "fast.wav": (lambda _: wav(rate=2**32 - 1), "Its sample rate is 4294967295 Hz"),
    "bits.wav": (lambda _: wav(bits=12), "It is PCM of 12 bits, and 8, 16, 24 and 32 are read"),
    "ima.wav": (lambda p: encoded(p, "WAV", "IMA_ADPCM"), "It is IMA ADPCM, and PCM, float, A-law and mu-law are read"),
    "ms.wav": (lambda p: encoded(p, "WAV", "MS_ADPCM"), "It is Microsoft ADPCM"),
    "gsm.wav": (lambda p: encoded(p, "WAV", "GSM610", rate=8000), "It is GSM 6.10"),
    "codec.wav": (lambda _: wav(codec=0x1234), "It is codec 0x1234"),
    "take.m4a": (lambda _: bytes(4) + b"ftypM4A " + bytes(99), "must be a WAV or FLAC file .* It is MP4 or M4A"),
    "take.au": (lambda p: encoded(p, "AU", "PCM_16"), "It is AU"),
    "ima.aiff": (lambda p: encoded(p, "AIFF", "IMA_ADPCM"), "It is 'ima4', and PCM, float"),
    "flac.wav": (lambda p: encoded(p, "FLAC", "PCM_16"), "must be what its name says, WAV. It is FLAC. Rename it"),
    "wav.flac": (lambda _: wav(), "must be what its name says, FLAC. It is WAV. Rename it to end in .wav"),
    "cut.flac": (lambda p: encoded(p, "FLAC", "PCM_16")[:60], "must be"),
    "silent.wav": (lambda _: wav(data=bytes(2 * RATE)), "must hold sound. It is silent from 0.000 s to 1.000 s"),
    "nan.wav": (lambda p: encoded(p, "WAV", "FLOAT", np.full(RATE, np.nan)), "must hold finite samples"),
    "infinite.wav": (lambda p: encoded(p, "WAV", "FLOAT", np.full(RATE, np.inf)), "must hold finite samples"),
    "garbage.ogg": (lambda _: b"OggS" + bytes(100), "must be a WAV or FLAC file"),
    "garbage.mp3": (lambda _: b"\xff\xfb" + bytes(1000), "must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_recording_that_cannot_be_used_is_told_why(tmp_path, name):
    make, message = BAD[name]
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    with pytest.raises(AudioReadError, match=message) as caught:
        np.asarray(EventWindow().transform([path]))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "subtype", "name"),
    [
        *(("WAV", kind, "a.wav") for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
        *(("WAV", kind, "a.WAV") for kind in ("ALAW", "ULAW")),
        ("WAVEX", "PCM_24", "a.wav"),
        ("RF64", "PCM_16", "a.wav"),
        *(("AIFF", kind, "a.aiff") for kind in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ULAW")),
        *(("CAF", kind, "a.caf") for kind in ("PCM_16", "PCM_24", "FLOAT", "ALAW")),
        ("W64", "PCM_24", "a.w64"),
        ("FLAC", "PCM_24", "a.flac"),
        ("OGG", "VORBIS", "a.ogg"),
        ("MP3", "MPEG_LAYER_III", "a.mp3"),
        ("WAV", "PCM_16", "no suffix"),
    ],
)
def test_what_guitar_data_has_is_read(tmp_path, form, subtype, name):
    path = tmp_path / name
    path.write_bytes(encoded(tmp_path, form, subtype))
    segment = load_segment(path, 0.0, 0.9, sample_rate=RATE)
    assert np.corrcoef(segment, TONE[: len(segment)])[0, 1] > 0.98 or form == "MP3"
    assert np.abs(segment).max() > 0.3


@pytest.mark.parametrize("name", ["with space.wav", "nöté 弦.wav", "new\nline.wav", "-dash.wav", "-", "quo'te\".wav"])
def test_odd_names_are_read(tmp_path, monkeypatch, name):
    sf.write(tmp_path / name, TONE, RATE, format="WAV")
    monkeypatch.chdir(tmp_path)
    assert np.asarray(EventWindow().transform([name])).any()


def test_a_name_is_shown_on_one_line(tmp_path):
    with pytest.raises(AudioReadError, match=r"new\\nline\.wav must be an audio file") as caught:
        open_recording(tmp_path / "new\nline.wav")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_no_text_is_read(tmp_path):
    path = os.fsdecode(bytes(tmp_path) + b"/\xff.wav")
    with open(path, "wb") as file:
        file.write(wav())
    (tmp_path / "plain.wav").write_bytes(wav())
    with open_recording(path) as recording, open_recording(tmp_path / "plain.wav") as same:
        assert recording.frames == same.frames > 0


def test_a_pipe_and_a_device_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", "/dev/zero"):
        ended = threading.Event()

        def ask(path=path, ended=ended):
            with pytest.raises(AudioReadError, match=r"must be an audio file\. It is a pipe or a device"):
                open_recording(path)
            ended.set()

        threading.Thread(target=ask, daemon=True).start()
        assert ended.wait(30)


def test_a_stretch_that_would_take_all_memory_is_refused_before_it_does(tmp_path):
    path = tmp_path / "wide.wav"
    sf.write(path, np.full((400_000, 32), 0.1), 384_000, subtype="PCM_16")
    assert load_segment(path, 0, 1, sample_rate=RATE).any()
    with pytest.raises(AudioReadError, match=r"A stretch must be at most .* Got 1e[+]09 s"):
        load_segment(path, 0, 1e9, sample_rate=RATE)


def test_a_window_is_at_most_as_long_as_max_duration():
    with pytest.raises(ParameterError, match=r"`target_duration` must be at most `max_duration`\. Got 61 s"):
        EventWindow(target_duration=61).fit(None)
    with pytest.raises(ConfigError, match=r"`window\.target_duration` must be at most `window\.max_duration`"):
        small_config(window__target_duration=61)


def test_paths_that_lead_out_of_the_root_are_found(tmp_path):
    root = tmp_path / "audio"
    paths = [root / "a.wav", root / "x" / ".." / "a.wav", root / ".." / "a.wav", "/etc/a.wav", f"{root}2/a.wav"]
    assert outside_root(root, paths).tolist() == [False, False, True, True, True]


def config_for(table, output_dir, **settings):
    return small_config(
        data__metadata_path=str(table.path),
        data__audio_root=str(table.audio_root),
        output_dir=str(output_dir),
        net__max_epochs=1,
        **settings,
    )


@pytest.fixture
def marred(note_table):
    """30 notes of which three cannot be used, and one lies outside the root."""
    table = note_table()
    (table.audio_root / "note003.wav").write_bytes(b"not audio")
    (table.audio_root / "note004.wav").unlink()
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[5, ["onset_sec", "offset_sec"]] = ["30", "31"]
    outside = table.audio_root.parent / "outside.wav"
    (table.audio_root / "note006.wav").rename(outside)
    rows.loc[6, "audio_path"] = "../outside.wav"
    rows.to_csv(table.path, index=False)
    return table


def test_by_default_a_bad_file_stops_the_run(marred, tmp_path):
    with pytest.raises(AudioReadError, match=r"`audio_path` must be inside the audio root .*outside\.wav is not"):
        train(config_for(marred, tmp_path / "run"))
    with pytest.raises(AudioReadError, match=r"note004\.wav must be an audio file"):
        train(config_for(marred, tmp_path / "run", data__allow_outside_root=True))
    assert not (tmp_path / "run").exists()


def test_skipped_files_are_listed_with_their_reasons(marred, tmp_path, caplog):
    config = config_for(marred, tmp_path / "run", data__on_bad_audio="skip", data__max_bad_fraction=0.2)
    with caplog.at_level("WARNING", logger="guitarclf"):
        run = train(config)
    bad = pd.read_csv(run.folder.bad_audio)
    assert bad["note_id"].tolist() == ["n003", "n004", "n005", "n006"]
    for reason, part in zip(
        bad["reason"],
        ("It is no audio", "There is no such file", "must reach the asked stretch", "is outside"),
        strict=True,
    ):
        assert part in reason
        assert reason in caplog.text
        assert reason in run.folder.log.read_text()
    kept = pd.read_csv(run.folder.splits)
    assert len(kept) == 26
    assert not set(kept["note_id"]) & set(bad["note_id"])


def test_too_many_bad_files_stop_the_run(marred, tmp_path):
    config = config_for(marred, tmp_path / "run", data__on_bad_audio="skip")
    message = r"At most 5\.0% of the events may have bad audio \(data\.max_bad_fraction\)\. 4 of 30 have\. First: "
    with pytest.raises(AudioReadError, match=message):
        train(config)
    assert not (tmp_path / "run").exists()


def test_a_full_cache_hides_no_bad_audio(note_table, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "GRAIN_SEC", 0.0)  # the files are new
    sides = ("train", "train", "train", "train", "val", "test")
    table, computed = note_table(extra={"split": lambda index, row: sides[index % 6]}), []
    whole = extraction.log_mel_channels
    monkeypatch.setattr(
        extraction, "log_mel_channels", lambda windows, **settings: computed.append(1) or whole(windows, **settings)
    )
    train(config_for(table, tmp_path / "first"))
    assert computed
    (table.audio_root / "note003.wav").write_bytes(b"not audio")
    sf.write(table.audio_root / "note004.wav", np.zeros(RATE), RATE)
    with pytest.raises(AudioReadError, match=r"note003\.wav must be a WAV or FLAC file"):
        train(config_for(table, tmp_path / "second"))
    computed.clear()
    skipping = {"data__on_bad_audio": "skip", "data__max_bad_fraction": 0.2}
    run = train(config_for(table, tmp_path / "third", **skipping))
    assert pd.read_csv(run.folder.bad_audio)["note_id"].tolist() == ["n003", "n004"]
    assert not computed


def test_validate_lists_what_is_outside_and_what_is_silent(marred):
    sf.write(marred.audio_root / "note007.wav", np.zeros(RATE), RATE)
    text = "\n".join(validate(marred.path, marred.audio_root).problems)
    assert "outside.wav is outside the audio root" in text
    assert "event 'n007': " in text
    assert "It is silent from" in text


def test_the_header_of_a_good_file_passes(write_wav):
    check_header(write_wav(TONE))
