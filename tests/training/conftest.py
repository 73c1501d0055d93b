"""Features that the nets of these tests learn from."""

import pytest
from small import small_config

from guitarclf.pipeline import build_pipeline


@pytest.fixture(scope="module")
def features(small_table):
    """(X, y, groups): log-mels of the 30 notes."""
    events = small_table.events
    X = build_pipeline(small_config())[:-1].transform(events)
    return X, events["label_category"].to_numpy(), events["track"].to_numpy()
