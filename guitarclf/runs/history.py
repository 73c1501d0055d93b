"""read_history: the epochs of a run, from its history.csv."""

from pathlib import Path

import pandas as pd

from guitarclf.errors import RunError
from guitarclf.files.wording import reason, shown


def read_history(path: Path) -> list[dict]:
    """Return the epochs of a history.csv, none if there is no such file or no row in it; RunError if it is broken."""
    if not path.is_file() or not path.stat().st_size:
        return []
    try:
        table = pd.read_csv(path)
        pd.to_numeric(table["epoch"])
    except (ValueError, KeyError) as error:
        raise RunError(
            f"{shown(path)} must hold the epochs of a training. {reason(error)}. Remove it, or restore it."
        ) from error
    return table.to_dict("records")
