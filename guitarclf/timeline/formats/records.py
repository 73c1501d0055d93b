"""A timeline as JSON: a line an event, or JAMS. Both in ASCII, so that nothing in a name can break a line."""

import json
import math

from guitarclf import __version__
from guitarclf.files.cells import DECIMALS, as_cell
from guitarclf.labels import LABELS
from guitarclf.timeline.events import Timeline, rows
from guitarclf.timeline.formats.tables import end_of

SCHEMA_VERSION = 1  # of JSON lines: raised when a key changes its meaning or goes
JAMS_VERSION = "0.3.4"  # of the schema, not of a package


def jsonl(timeline: Timeline) -> str:
    """Return a timeline as JSON lines: one of the recording and its settings, then each row of the CSV as an object."""
    recording = {
        "audio_path": timeline.audio_path,
        "duration_sec": as_cell(timeline.duration),
        "sample_rate": timeline.sample_rate,
        "error": timeline.error,
    }
    header = {"schema_version": SCHEMA_VERSION, "recording": recording, "settings": dict(timeline.settings)}
    events = ({name: as_cell(value) for name, value in row.items()} for row in rows(timeline))
    return "".join(json.dumps(line, allow_nan=False) + "\n" for line in (header, *events))


def jams(timeline: Timeline) -> str:
    """Return a timeline as JAMS with one annotation of the namespace ``tag_open`` (Humphrey et al. 2014).

    Events that could not be heard are left out. A recording that could not be opened has a length of 0, as JAMS must
    have one, and the reason in the sandbox.
    """
    heard = [event for event in timeline.events if event.label]
    data = []
    for event in heard:
        time, end = round(event.onset, DECIMALS), round(end_of(event), DECIMALS)
        duration = round(end - time, DECIMALS)
        data.append({"time": time, "duration": duration, "value": event.label, "confidence": as_cell(event.confidence)})
    probabilities = {label: [as_cell(event.proba[i]) for event in heard] for i, label in enumerate(LABELS)}
    duration = 0.0 if math.isnan(timeline.duration) else round(timeline.duration, DECIMALS)
    annotation = {
        "namespace": "tag_open",
        "annotation_metadata": {
            "annotation_tools": f"guitarclf {__version__}",
            "annotator": dict(timeline.settings),
            "data_source": "program",
        },
        "data": data,
        "sandbox": {"probabilities": probabilities},
        "time": 0.0,
        "duration": duration,
    }
    file_metadata = {
        "title": timeline.audio_path.rpartition("/")[2],
        "duration": duration,
        "identifiers": {"audio_path": timeline.audio_path},
        "jams_version": JAMS_VERSION,
    }
    content = {"file_metadata": file_metadata, "annotations": [annotation], "sandbox": {"error": timeline.error}}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
