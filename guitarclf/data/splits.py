"""Who may be in which split: no track is ever on two sides."""

import logging
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from guitarclf.data.events import each_note_is_its_own_track
from guitarclf.data.rules import SPLITS
from guitarclf.errors import SplitError
from guitarclf.labels import LABEL_TO_INDEX, LABELS, NO_NOTE_LABEL, TABLE_LABELS

logger = logging.getLogger(__name__)

MAX_DRAWS = 1000
# A draw takes time with the number of tracks, and the more there are the more alike are all draws.
MANY_TRACKS = 20_000  # above which a table is split by FEW_DRAWS
FEW_DRAWS = 50
# GroupShuffleSplit counts tracks, and tracks differ in size: sides of up to this many times
# the asked share of tracks are drawn too, so that a side of small tracks can reach its rows.
WIDEST_SIDE = 3


def assign_splits(
    events: pd.DataFrame, *, valid_size: float = 0.1, test_size: float = 0.1, fewest_tracks: int = 2, seed: int = 42
) -> pd.Series:
    """Return the split of each event: ``train``, ``val`` or ``test``; what is labelled no_note is in ``train``.

    A ``split`` column that is there is honoured. Otherwise tracks are shuffled and dealt out:
    of 1,000 seeded draws the one that gives most classes to train, then to val, then to test,
    and then comes closest to the row shares asked for. For more than 20,000 tracks there are
    50 draws: each takes longer, and few of so many tracks come close to the shares already.

    Parameters
    ----------
    events : DataFrame
        With ``track`` and ``label_category``, optionally ``split``.
    valid_size, test_size : float
        Shares asked for; 0 leaves a side empty.
    fewest_tracks : int
        Tracks that must be there for any to be held out.
    seed : int

    Returns
    -------
    splits : Series of str, on the index of ``events``

    Raises
    ------
    SplitError
        If a given ``split`` column is incomplete or puts a track on two sides.
    """
    if "track" not in events or not events["label_category"].isin(TABLE_LABELS).all():
        raise SplitError(
            "A split must know the `track` and the `label_category` of every event. One is missing. "
            "Read the table with read_events, which fills in `track` and checks the labels."
        )
    is_note = events["label_category"] != NO_NOTE_LABEL
    if not is_note.all():
        splits = pd.Series("train", index=events.index, dtype=str)
        splits[is_note] = assign_splits(
            events[is_note], valid_size=valid_size, test_size=test_size, fewest_tracks=fewest_tracks, seed=seed
        )
        return splits
    if has_split(events):
        splits = given_splits(events)
    else:
        if each_note_is_its_own_track(events):
            logger.warning(
                "The table has no `track` column and one event a file: every note is its own group, so notes of "
                "one guitar can be on both sides of a split and scores can be too good. Add a `track` column."
            )
        sizes = _possible_sizes(events["track"].nunique(), valid_size, test_size, fewest_tracks)
        labels = events["label_category"].map(LABEL_TO_INDEX).to_numpy()
        side = draw_sides(events["track"].to_numpy(), labels, sizes, seed=seed)
        splits = pd.Series(np.array(SPLITS, dtype=object)[side], index=events.index, dtype=str)
    _warn_of_missing_classes(events, splits)
    return splits


def draw_sides(groups: np.ndarray, labels: np.ndarray, sizes: Sequence[float], *, seed: int) -> np.ndarray:
    """Return the side of each row: 0 for what is left (train), ``i + 1`` for ``sizes[i]``.

    Parameters
    ----------
    groups : ndarray of shape (n_events,)
        What must not straddle two sides.
    labels : ndarray of int, shape (n_events,)
    sizes : sequence of float
        Share of each side after the first; their order is the order in which sides get classes.
    seed : int
    """
    tracks, track_of_row = np.unique(groups.astype(str), return_inverse=True)
    if not any(sizes):
        return np.zeros(len(groups), dtype=int)
    cells = np.bincount(track_of_row * len(LABELS) + labels, minlength=len(tracks) * len(LABELS))
    counts = cells.reshape(len(tracks), len(LABELS))
    sizes = (*sizes, 0.0)[:2]
    best = max(_draws(len(tracks), sizes, seed), key=lambda draw: _score(draw, counts, sizes))
    side_of_track = np.zeros(len(tracks), dtype=int)
    for side, held_out in enumerate(best):
        side_of_track[held_out] = 1 + side
    return side_of_track[track_of_row]


def _draws(n_tracks: int, sizes: Sequence[float], seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the tracks of the second and of the third side for each draw, MAX_DRAWS or FEW_DRAWS in all."""
    factors = np.linspace(1, WIDEST_SIDE, 5)
    widths = [{max(1, round(size * n_tracks * factor)) for factor in factors} if size else {0} for size in sizes]
    plans = sorted(product(*widths))
    plans = [plan for plan in plans if sum(plan) < n_tracks] or [_squeeze(plans[0], n_tracks)]
    from sklearn.model_selection import ShuffleSplit  # slow to load, and `validate` reads given splits only

    n_draws = max(1, (MAX_DRAWS if n_tracks <= MANY_TRACKS else FEW_DRAWS) // len(plans))
    tracks = np.arange(n_tracks)
    for number, plan in enumerate(plans):
        splitter = ShuffleSplit(n_draws, test_size=sum(plan), random_state=seed + number)
        order = np.random.default_rng([seed, number])
        for _, held_out in splitter.split(tracks):
            held_out = order.permutation(np.sort(held_out))  # sorted, as GroupShuffleSplit gave them once
            yield held_out[: plan[0]], held_out[plan[0] :]


def _squeeze(plan: tuple[int, int], n_tracks: int) -> tuple[int, int]:
    """Return a plan made smaller, the larger side first, until one track is left for training."""
    first, second = plan
    while first + second >= n_tracks:
        first, second = (first - 1, second) if first >= second else (first, second - 1)
    return first, second


def _score(draw: tuple[np.ndarray, np.ndarray], counts: np.ndarray, sizes: Sequence[float]) -> tuple:
    """Return how many classes each side has, train first, then minus the distance from the row shares asked for.

    ``counts`` are the rows of each class in each track, of shape (n_tracks, n_classes).
    """
    held_out = [counts[tracks].sum(axis=0) for tracks in draw]
    rows = np.stack([counts.sum(axis=0) - sum(held_out), *held_out])
    shares = rows.sum(axis=1) / rows.sum()
    wanted = np.array([1 - sum(sizes), *sizes])
    return (*(rows > 0).sum(axis=1), -np.abs(shares - wanted).sum())


def _possible_sizes(n_tracks: int, valid_size: float, test_size: float, fewest: int) -> tuple[float, float]:
    """Return (valid_size, test_size), 0 where there are too few tracks for a side; a warning says so."""
    if n_tracks == 1 and (valid_size or test_size):
        logger.warning("There is one track: all of it is for training, and no score can be honest. Add tracks.")
        return 0.0, 0.0
    if n_tracks < fewest and (valid_size or test_size):
        logger.warning(
            "There are %d tracks: all of them are for training, as %d must be there for any to be held out "
            "(training.fewest_tracks). Score the model on other recordings.",
            n_tracks,
            fewest,
        )
        return 0.0, 0.0
    if n_tracks == 2 and valid_size and test_size:
        logger.warning("There are two tracks: one for training, one for validation, none for testing. Add tracks.")
        return valid_size, 0.0
    return valid_size, test_size


def has_split(events: pd.DataFrame) -> bool:
    """Return whether a table brings its own split."""
    return "split" in events and bool((events["split"] != "").any())


def given_splits(events: pd.DataFrame) -> pd.Series:
    """Return a table's own split; SplitError if it is incomplete or puts a track on two sides."""
    splits = events["split"]
    wrong = events[~splits.isin(SPLITS)]
    if len(wrong):
        raise SplitError(
            f"`split` must be one of {', '.join(SPLITS)} in every row, or empty in all. "
            f"Got {wrong['split'].iloc[0]!r} for {wrong['note_id'].iloc[0]!r} ({len(wrong)} such rows)."
        )
    pairs = pd.DataFrame({"track": events["track"], "split": splits}).drop_duplicates()
    torn = sorted(set(pairs.loc[pairs["track"].duplicated(), "track"]))
    if torn:
        sides = sorted(pairs.loc[pairs["track"] == torn[0], "split"])
        raise SplitError(
            f"A track must be on one side of the split. Track {torn[0]!r} is in "
            f"{' and '.join(sides)} ({len(torn)} such tracks). Correct `split` or `track`."
        )
    return splits


def _warn_of_missing_classes(events: pd.DataFrame, splits: pd.Series) -> None:
    for split in SPLITS:
        present = events.loc[splits == split, "label_category"].unique()
        missing = [label for label in LABELS if label not in present]
        if len(present) and missing:
            logger.warning("The %s side has no %s: too few tracks hold it.", split, " and no ".join(missing))
