"""What reading a note costs by where it is: a file here, S3 (fetched, and warm), inside Parquet; and memory of bytes.

python benchmarks/remote.py [--notes 300] [--repeats 3]

The store is moto's on this machine, in a process of its own, so that the network costs nothing: what is printed is what
the way to the sound costs in CPU and in waiting for a server of Python. Needs the extras remote and test.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import soundfile
from pyarrow import parquet

from guitarclf.audio.windows import WindowReader
from guitarclf.data.events import read_events
from guitarclf.features.inputs import as_requests
from guitarclf.files import fetched, remote

SERVER = "import sys; from moto.server import ThreadedMotoServer as S; S('127.0.0.1', int(sys.argv[1])).start()"
SERVER += "; print('up', flush=True); sys.stdin.read()"
PORT = 5791
AWS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}",
}
BUCKET = "notes"
MEMORY = """
import sys, threading
from guitarclf.data.events import read_events
from guitarclf.errors import EventTableError
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
before, most, done = anonymous(), [0.0], threading.Event()
def watch():
    while not done.wait(0.005):
        most[0] = max(most[0], anonymous())
thread = threading.Thread(target=watch)
thread.start()
try:
    said = f"{len(read_events(sys.argv[1], require_labels=False))} rows"
except EventTableError as error:
    said = "refused"
done.set()
thread.join()
print(f"{said}, {max(0, most[0] - before):.0f} MB more")
"""


def write_notes(folder: Path, n_notes: int) -> None:
    """Write notes of a second as WAV files, their table, and the same with the sound inside."""
    rng, sounds = np.random.default_rng(0), []
    for number in range(n_notes):
        buffer = io.BytesIO()
        soundfile.write(buffer, rng.uniform(-0.5, 0.5, 44100), 44100, format="WAV", subtype="PCM_16")
        (folder / f"{number:05d}.wav").write_bytes(buffer.getvalue())
        sounds.append({"bytes": buffer.getvalue(), "path": f"{number:05d}.wav"})
    names = [sound["path"] for sound in sounds]
    events = pd.DataFrame({"note_id": names, "audio_path": names, "onset_sec": 0.0, "label_category": "general_note"})
    events.to_csv(folder / "metadata.csv", index=False)
    table = pa.Table.from_pandas(events.drop(columns="audio_path")).append_column("audio", [sounds])
    parquet.write_table(table, folder / "notes.parquet", row_group_size=100)


def upload(folder: Path) -> None:
    """Put the files of a folder into the bucket."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for path in folder.iterdir():
        client.upload_file(str(path), BUCKET, path.name)


def per_note(table: str, root: str, *, cold: bool) -> tuple[float, float]:
    """Return (ms, CPU ms) a note of reading all windows of a table with one thread; ``cold`` removes copies first."""
    if cold:
        fetched.clear()
        remote._known.clear()
    requests = as_requests(read_events(table, audio_root=root))
    start, cpu = time.perf_counter(), time.process_time()
    _, errors = WindowReader().read(requests)
    if errors:
        raise next(iter(errors.values()))
    return 1000 * (time.perf_counter() - start) / len(requests), 1000 * (time.process_time() - cpu) / len(requests)


def memory_of(column: pa.Array, name: str, folder: Path) -> str:
    """Return what reading a table with 75 MB in one column takes, in a process of its own."""
    n_rows = len(column)
    columns = {"note_id": [str(row) for row in range(n_rows)], "onset_sec": [0.0] * n_rows, name: column}
    columns |= {} if name == "audio" else {"audio_path": ["a.wav"] * n_rows}
    parquet.write_table(pa.table(columns), folder / "large.parquet", row_group_size=100)
    arguments = [sys.executable, "-c", MEMORY, str(folder / "large.parquet")]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Print a line for each place, and for the memory that bytes take."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    os.environ.update(AWS)
    with tempfile.TemporaryDirectory() as place:
        os.environ["GUITARCLF_CACHE"] = f"{place}/cache"
        folder = Path(place, "notes")
        folder.mkdir()
        write_notes(folder, asked.notes)
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, str(PORT)], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL
        ) as server:
            server.stdout.readline()
            upload(folder)
            url, table = f"s3://{BUCKET}", f"{folder}/notes.parquet"
            ways = {
                "a file here": (f"{folder}/metadata.csv", str(folder), False),
                "s3://, fetched": (f"{url}/metadata.csv", url, True),
                "s3://, warm": (f"{url}/metadata.csv", url, False),
                "in Parquet here, copied": (table, str(folder), True),
                "in Parquet here, warm": (table, str(folder), False),
                "in Parquet at s3://, fetched": (f"{url}/notes.parquet", url, True),
            }
            times = {way: [] for way in ways}
            for _ in range(asked.repeats):
                for way, (events, root, cold) in ways.items():
                    times[way].append(per_note(events, root, cold=cold))
            server.stdin.close()
            server.kill()
        print(f"{'a note of a second, one thread':32} {'ms':>8} {'CPU ms':>8}")
        for way, pairs in times.items():
            print(
                f"{way:32} {statistics.median(p[0] for p in pairs):8.2f} {statistics.median(p[1] for p in pairs):8.2f}"
            )
        blobs = pa.array([os.urandom(75_000) for _ in range(1000)], pa.binary())
        sound = pa.StructArray.from_arrays([blobs, pa.array(["a.wav"] * 1000)], ["bytes", "path"])
        print(f"75 MB in a column of bytes: {memory_of(blobs, 'x', folder)}")
        print(f"75 MB as audio feature: {memory_of(sound, 'audio', folder)}")


if __name__ == "__main__":
    main()
