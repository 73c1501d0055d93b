"""Valid files of every kind that the program reads, as bytes by name: what the fuzzer mutates."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import soundfile
import torch
from onnx_bytes import WEIGHTS, field, model, node
from pyarrow import parquet

from guitarclf.config.docs import default_yaml

BUNDLE = Path(__file__).parent.parent / "fixtures" / "bundles" / "v2" / "model"
HEADER = "note_id,audio_path,onset_sec,offset_sec,pitch_midi,expression_style,label_category,track,split"
TABLE = HEADER + "".join(
    f"\nn{n},a b.wav,{n / 3:.4f},{n / 3 + 0.5:.4f},{40 + n},NO,general_note,t,train" for n in range(9)
)
ANNOTATION = """<?xml version="1.0" encoding="UTF-8"?>
<instrumentRecording><globalParameter><audioFileName>\\a.wav</audioFileName></globalParameter><transcription>
<event><pitch>47</pitch><onsetSec>0.499</onsetSec><offsetSec>1.2</offsetSec><fretNumber>2</fretNumber>
<stringNumber>2</stringNumber><excitationStyle>PK</excitationStyle><expressionStyle>HA</expressionStyle></event>
</transcription></instrumentRecording>"""
DOCTYPE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
LABELS = "0.5\t1.0\tharmonic\n\\\t100\t200\n1,5\t1,5\tdead note\n"


def encoded(form: str, subtype: str, channels: int = 1) -> bytes:
    """Return a fifth of a second of noise as a recording."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, channels))
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 22050, format=form, subtype=subtype)
    return buffer.getvalue()


def state() -> bytes:
    """Return a small file as resume.pt is."""
    buffer = io.BytesIO()
    torch.save(
        {"version": 1, "epoch": 1, "module": {"w": torch.zeros(3)}, "random": {"python": (3, (1, 2), None)}}, buffer
    )
    return buffer.getvalue()


def sounds() -> dict[str, bytes]:
    """Return recordings of every form that is read, and of one that is not."""
    return {
        "pcm.wav": encoded("WAV", "PCM_16"),
        "float.wav": encoded("WAV", "FLOAT", 2),
        "wide.wav": encoded("WAVEX", "PCM_24", 3),
        "alaw.wav": encoded("WAV", "ALAW"),
        "ima.wav": encoded("WAV", "IMA_ADPCM"),
        "a.flac": encoded("FLAC", "PCM_16"),
        "a.ogg": encoded("OGG", "VORBIS"),
        "a.mp3": encoded("MP3", "MPEG_LAYER_III"),
        "a.aiff": encoded("AIFF", "PCM_24"),
        "a.caf": encoded("CAF", "FLOAT", 2),
        "a.w64": encoded("W64", "PCM_16"),
        "a.rf64": encoded("RF64", "PCM_16"),
    }


def text_tables() -> dict[str, bytes]:
    """Return a table separated by commas, semicolons (with decimal commas) and tabs, and as spreadsheets save it."""
    return {
        "t.csv": TABLE.encode(),
        "s.csv": TABLE.replace(",", ";").replace(".", ",").encode(),
        "tab.csv": TABLE.replace(",", "\t").encode(),
        "excel.csv": TABLE.replace(",", ";").replace(".", ",").replace("\n", "\r\n").encode("utf-8-sig"),
    }


def parquet_tables() -> dict[str, bytes]:
    """Return the table in Parquet: by pandas, bare (its bytes are its values), all types, coded, and with sound."""
    frame = pd.read_csv(io.StringIO(TABLE))
    bare = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    mixed = frame.astype({"track": "category", "pitch_midi": "Int64"}).assign(
        at=pd.Timestamp("2020-01-01"), is_good=True, nothing=None, loud=np.float32(0.5)
    )
    inside = [{"bytes": encoded("WAV", "PCM_16"), "path": name} for name in frame["audio_path"]]
    plain = {"use_dictionary": False, "compression": "none", "data_page_version": "2.0"}
    written = {}
    for name, table, settings in (
        ("p.parquet", pa.Table.from_pandas(frame), {}),
        ("bare.parquet", bare, plain),
        ("mixed.pq", pa.Table.from_pandas(mixed), {"compression": "zstd", "row_group_size": 4}),
        ("coded.pq", bare, {"compression": "none", "write_page_checksum": True}),
        ("sound.parquet", bare.drop_columns("audio_path").append_column("audio", [inside]), {"row_group_size": 2}),
    ):
        buffer = io.BytesIO()
        parquet.write_table(table, buffer, **settings)
        written[name] = buffer.getvalue()
    return written


def configurations() -> dict[str, bytes]:
    """Return a small and a full configuration."""
    small = b"net: {lr: 1e-3, module: {pools: [[2, 2]], conv_channels: [8]}}\nseed: 7\n"
    return {"small.yaml": small, "full.yaml": default_yaml().encode()}


def bundle_files() -> dict[str, bytes]:
    """Return the files of a bundle."""
    return {name: (BUNDLE / name).read_bytes() for name in ("model.json", "config.yaml", "weights.safetensors")}


def graph() -> bytes:
    """Return a small ONNX file of operators that are allowed."""
    return model(node("Conv"), node("GRU", field(5, field(1, "hidden") + field(3, 8))), node("Softmax"), WEIGHTS)
