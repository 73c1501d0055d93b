"""import: write the table of what an importer read, and check it as validate does."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from guitarclf.data.events import write_events
from guitarclf.errors import EventTableError, RunError
from guitarclf.experiment.tables import FEW_EVENTS
from guitarclf.experiment.validate import Findings, validate


@dataclass
class ImportFindings(Findings):
    """The findings in an imported table, how many events it has, and what could not be imported."""

    n_events: int = 0
    not_imported: list[str] = field(default_factory=list)

    @property
    def is_small(self) -> bool:
        """Whether a trained model is a better start than fresh weights."""
        return self.n_events < FEW_EVENTS


def import_table(events: pd.DataFrame, problems: list[str], output, audio_root, *, overwrite=False) -> ImportFindings:
    """Write imported events as a CSV, and return what ``validate`` finds in it.

    Parameters
    ----------
    events, problems : DataFrame, list of str
        What `read_idmt`, `read_folders` or `read_audacity` return; ``events.attrs["warnings"]`` are
        put before those of ``validate``, ``events.attrs["told"]`` after its summary. Without events
        nothing is written, and that is the summary.
    output, audio_root : str or Path
        The CSV, and the folder that its ``audio_path`` is relative to.
    overwrite : bool
        Whether an ``output`` that exists is replaced.

    Raises
    ------
    EventTableError
        If ``output`` exists or cannot be written.
    """
    check_output(output, overwrite=overwrite)
    if events.empty:
        return ImportFindings(not_imported=list(problems), summary=list(events.attrs.get("told", ())))
    try:
        write_events(events, output)
    except RunError as error:
        raise EventTableError(f"--output must be a file that can be written. {error}") from error
    found = validate(output, audio_root)
    found.warnings[:0] = events.attrs.get("warnings", ())
    found.summary += events.attrs.get("told", ())
    return ImportFindings(**vars(found), n_events=len(events), not_imported=list(problems))


def check_output(output, *, overwrite=False) -> None:
    """Raise EventTableError if ``output`` is no place for a new table."""
    path = Path(output)
    if path.suffix.lower() != ".csv":
        what = "Give a name that ends in .csv"
    elif not path.parent.is_dir():
        what = f"There is no folder {path.parent}"
    elif path.is_dir():
        what = "It is a folder"
    elif path.exists() and not overwrite:
        what = "It exists; replace it with --overwrite, or give another name"
    else:
        return
    raise EventTableError(f"--output must be a new CSV file in a folder that exists. Got {output}. {what}.")
