"""KeptDigests: the digests of files that are as they were when they were read, in a small database.

What is in it can be computed again. So a database that is damaged is removed, and one that cannot be used is gone
without.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from guitarclf.files.state import state_of

MOST = 2_000_000  # digests that are kept, of some 100 MB; above, the database begins anew
BUSY_SEC = 10.0  # how long a transaction waits for those of other processes
TABLE = "CREATE TABLE IF NOT EXISTS digests (state BLOB PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID"
LOOK_UP = """
WITH RECURSIVE wanted (row) AS (SELECT 0 UNION ALL SELECT row + 1 FROM wanted WHERE row + 1 < ?2)
SELECT row, digest FROM wanted CROSS JOIN digests ON state = substr(?1, 16 * row + 1, 16)
"""  # several times as fast as a query for each state

Answer = TypeVar("Answer")


class KeptDigests:
    """The digests that are kept of some files.

    Parameters
    ----------
    path : Path
        The database; it need not be there.
    files : mapping of str to str
        Name -> path of each file.

    Attributes
    ----------
    found : dict of str to str
        Name -> digest in hex of the files whose digest is kept.
    """

    def __init__(self, path: Path, files: Mapping[str, str]):
        self.path, self.files, self.here = path, files, os.getcwd()
        self.states = {name: self._state(name) for name in files}
        old = {name: state for name, state in self.states.items() if state is not None}
        names, wanted = list(old), b"".join(old.values())
        rows = self._ask(lambda database: database.execute(LOOK_UP, (wanted, len(names))).fetchall()) if names else None
        self.found = {names[row]: digest.hex() for row, digest in rows or ()}

    def add(self, digests: Mapping[str, str]) -> None:
        """Keep digests of files, name -> hex, but those of files that changed just now or meanwhile."""
        rows = sorted(
            (state, bytes.fromhex(digest))
            for name, digest in digests.items()
            if (state := self.states[name]) is not None and state == self._state(name)
        )
        if rows:
            with suppress(OSError):  # then there is no database either
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._ask(lambda database: _enter(database, rows[:MOST]))

    def _state(self, name: str) -> bytes | None:
        """Return a digest of what tells a file from its other versions, 16 bytes; None if that may not show."""
        state = state_of(self.files[name], self.here)
        return None if state is None else hashlib.blake2b(state, digest_size=16).digest()

    def _ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer | None:
        """Return what a question, one transaction, gets from the database; None if that cannot be used."""
        try:
            with closing(sqlite3.connect(self.path, timeout=BUSY_SEC)) as database, database:
                database.executescript(f"{TABLE}; BEGIN;")
                return question(database)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                for path in self.path.parent.glob(f"{self.path.name}*"):  # with its journal
                    with suppress(OSError):
                        path.unlink()
            return None


def _enter(database: sqlite3.Connection, rows: list[tuple[bytes, bytes]]) -> None:
    """Enter digests, and remove the others first if they are too many."""
    (n_kept,) = database.execute("SELECT count(*) FROM digests").fetchone()
    if n_kept + len(rows) > MOST:
        database.execute("DELETE FROM digests")
    database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", rows)
