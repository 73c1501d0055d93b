"""The folder of a search: where its artefacts lie, and the scores it keeps on the way."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guitarclf.errors import RunError
from guitarclf.runs.folder import RunFolder


@dataclass(frozen=True)
class SearchFolder(RunFolder):
    """Where each artefact of a search lies."""

    config = property(lambda self: self.root / "search_config.yaml")
    log = property(lambda self: self.root / "search.log")
    kept = property(lambda self: self.root / "scored.json")
    results = property(lambda self: self.root / "search_results.csv")
    best_config = property(lambda self: self.root / "best_config.yaml")
    best = property(lambda self: self.root / "best")

    @property
    def is_finished(self) -> bool:
        """Whether the best candidate is trained."""
        return RunFolder(self.best).is_finished

    @property
    def is_underway(self) -> bool:
        """Whether a candidate is scored."""
        return self.kept.is_file()

    def remove_artefacts(self) -> None:
        """Remove what a search writes; what else lies in the folder stays."""
        if self.best.is_dir():
            RunFolder(self.best).remove_artefacts()
            with suppress(OSError):  # somebody's own files are in it
                self.best.rmdir()
        for item in (
            self.results,
            self.best_config,
            self.kept,
            self.environment,
            self.bad_audio,
            self.log,
            self.config,
        ):
            item.unlink(missing_ok=True)


def read_scored(path: Path, n_candidates: int, n_splits: int) -> dict[int, dict]:
    """Return the scores that were kept, none if there are none."""
    if not path.is_file():
        return {}
    try:
        scored = {int(number): score for number, score in json.loads(path.read_text(encoding="utf-8")).items()}
        sound = all(number < n_candidates and len(score["folds"]) == n_splits for number, score in scored.items())
        if not sound:
            raise ValueError("its scores are of other candidates")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} must hold the scores of candidates. {error}. Begin again with --overwrite.") from error
    return scored
