"""import: write the table of what an importer read, and check it as validate does."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from guitarclf.data.events import write_events
from guitarclf.errors import EventTableError, RunError
from guitarclf.experiment.validate import Findings, validate


@dataclass
class ImportFindings(Findings):
    """What ``validate`` found in an imported table, how many events it has, and what is not in it."""

    n_events: int = 0
    not_imported: list[str] = field(default_factory=list)


def import_table(events: pd.DataFrame, problems: list[str], output, audio_root, *, overwrite=False) -> ImportFindings:
    """Write imported events as a table and return what ``validate`` finds in it.

    Parameters
    ----------
    events, problems : DataFrame, list of str
        What `read_idmt`, `read_folders` or `read_audacity` return; ``events.attrs["warnings"]`` are
        put before those of ``validate``.
    output : str or Path
        The CSV. It appears whole or not at all, and not if there are no events.
    audio_root : str or Path
        Folder that ``audio_path`` is relative to.
    overwrite : bool
        Whether an ``output`` that exists is replaced.

    Raises
    ------
    EventTableError
        If ``output`` exists or cannot be written.
    """
    check_output(output, overwrite=overwrite)
    if events.empty:
        return ImportFindings(not_imported=list(problems))
    _write_whole(events, Path(output))
    found = validate(output, audio_root)
    return ImportFindings(
        problems=found.problems,
        warnings=[*events.attrs.get("warnings", ()), *found.warnings],
        summary=found.summary,
        n_events=len(events),
        not_imported=list(problems),
    )


def check_output(output, *, overwrite=False) -> None:
    """Raise EventTableError if a table cannot or must not be written there."""
    path = Path(output)
    what = None
    if path.suffix.lower() != ".csv":
        what = "Give a name that ends in .csv"
    elif not path.parent.is_dir():
        what = f"There is no folder {path.parent}"
    elif path.exists() and (path.is_dir() or not overwrite):
        what = "It is a folder" if path.is_dir() else "It exists; replace it with --overwrite, or give another name"
    if what:
        raise EventTableError(f"--output must be a new CSV file in a folder that exists. Got {output}. {what}.")


def _write_whole(events: pd.DataFrame, path: Path) -> None:
    try:
        write_events(events, path)
    except RunError as error:
        raise EventTableError(f"--output must be a file that can be written. {error}") from error
