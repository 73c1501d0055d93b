"""Join tables of notes in several folders into one.

``python -m guitarclf.experiment.join OUTPUT.csv FOLDER...`` (part of ``make pretrained``); each folder has a
``metadata.csv`` and its audio.
"""

import sys
from pathlib import Path

import pandas as pd

from guitarclf.data.events import read_events, write_events

TABLE = "metadata.csv"


def join(output: str | Path, folders: list[str]) -> Path:
    """Write the tables of folders as one, with absolute paths and the folder's name before each ``note_id``."""
    tables = []
    for folder in folders:
        events = read_events(Path(folder) / TABLE, audio_root=Path(folder).absolute())
        tables.append(events.assign(note_id=f"{folder}/" + events["note_id"]))
    for table in tables:
        table.attrs = {}  # what was told of each table is not true of all
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    write_events(pd.concat(tables, ignore_index=True), output)
    return Path(output)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    join(sys.argv[1], sys.argv[2:])
