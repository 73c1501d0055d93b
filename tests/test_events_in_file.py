"""How many events a file has: counted, told by the table, kept where rows are left out."""

import pandas as pd
import pytest
from test_events import rows

from guitarclf.data.events import read_events, write_events
from guitarclf.errors import EventTableError


def test_a_file_that_lost_an_event_is_no_snippet_when_the_table_is_read_back(write_csv, tmp_path):
    events = read_events(write_csv(rows({}, {"onset_sec": "1"}, {"audio_path": "b.wav"})))
    write_events(events.drop(index=1), tmp_path / "kept.csv")
    assert read_events(tmp_path / "kept.csv")["events_in_file"].tolist() == [2, 1]
    write_events(events, tmp_path / "whole.csv")
    assert "events_in_file" not in (tmp_path / "whole.csv").read_text()


def test_an_empty_events_in_file_is_counted(write_csv):
    events = read_events(write_csv(rows({"events_in_file": ""}, {"events_in_file": "3"})))
    assert events["events_in_file"].tolist() == [2, 3]
    assert pd.api.types.is_integer_dtype(events["events_in_file"])


@pytest.mark.parametrize("told", ["1", "0", "-2", "2.5", "nan", "inf", "1e12", "two"])
def test_an_events_in_file_that_cannot_be_right_is_refused(write_csv, told):
    rule = r"line 2: `events_in_file` must be empty or a whole number from 2, the rows of this file, up\. Got "
    with pytest.raises(EventTableError, match=rule):
        read_events(write_csv(rows({"events_in_file": told}, {"events_in_file": "2"})))


def test_events_in_file_counts_the_whole_table(write_csv):
    events = read_events(write_csv(rows({}, {}, {"audio_path": "other.wav"})))
    assert events["events_in_file"].tolist() == [2, 2, 1]
