"""How many notes of each class every guitar plays."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS

DEFAULT_SHARES = {"harmonic": 0.28, "dead_note": 0.22, "general_note": 0.50}


@dataclass(frozen=True, eq=False)
class GuitarPlan:
    """What one guitar plays, and the seed of all that is drawn for it."""

    track: str
    labels: tuple[str, ...]
    seed: np.random.SeedSequence


def plan_guitars(n_events: int, n_guitars: int, shares: Mapping[str, float] | None, seed: int) -> list[GuitarPlan]:
    """Return what every guitar plays; ParameterError if a count, a share or the seed breaks its rule.

    Guitars get equally many notes, to within one. A guitar with enough notes has one of each class; beyond that, class
    counts match the shares to within a note (None for `DEFAULT_SHARES`; a class left out gets no notes).
    """
    check_count("n_events", n_events, "Ask for at least one note.")
    check_count("n_guitars", n_guitars, "Ask for at least one guitar.")
    if n_guitars > n_events:
        raise ParameterError(
            f"`n_guitars` must not exceed `n_events`. Got {n_guitars} guitars for {n_events} notes. "
            "Ask for more notes or fewer guitars."
        )
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ParameterError(f"`seed` must be a whole number, 0 or more. Got {seed!r}. Use seed=0.")
    sizes = [n_events // n_guitars + (index < n_events % n_guitars) for index in range(n_guitars)]
    hands = _deal(sizes, _check_shares(DEFAULT_SHARES if shares is None else shares))
    seeds = np.random.SeedSequence(int(seed)).spawn(n_guitars)
    return [
        GuitarPlan(f"guitar_{number:03d}", tuple(hand), child)
        for number, (hand, child) in enumerate(zip(hands, seeds, strict=True), start=1)
    ]


def check_count(name: str, value: object, advice: str) -> None:
    """Raise ParameterError unless the value is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ParameterError(f"`{name}` must be a whole number, 1 or more. Got {value!r}. {advice}")


def _check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(shares, Mapping):
        raise ParameterError(
            f"`shares` must map labels to shares. Got {shares!r}. Use a mapping like {DEFAULT_SHARES}."
        )
    unknown = [label for label in shares if label not in LABELS]
    if unknown:
        raise ParameterError(f"`shares` must have labels among {LABELS}. Got {unknown[0]!r}. Use one of these names.")
    given = {label: float(shares.get(label, 0.0)) for label in LABELS}
    if not all(np.isfinite(share) and share >= 0 for share in given.values()) or sum(given.values()) <= 0:
        raise ParameterError(
            f"`shares` must be 0 or more, and not all 0. Got {dict(shares)!r}. Use a mapping like {DEFAULT_SHARES}."
        )
    return {label: share / sum(given.values()) for label, share in given.items() if share > 0}


def _deal(sizes: list[int], shares: dict[str, float]) -> list[list[str]]:
    """Return one list of labels per guitar: one of each class if all fit, then the rest dealt in turn."""
    n_served = sum(size >= len(shares) for size in sizes)
    totals = _whole_counts(sum(sizes), shares, at_least=n_served)
    hands = [list(shares) if size >= len(shares) else [] for size in sizes]
    rest = [label for label, total in totals.items() for _ in range(total - n_served)]
    players = cycle(range(len(sizes)))
    for label in rest:
        player = next(player for player in players if len(hands[player]) < sizes[player])
        hands[player].append(label)
    return hands


def _whole_counts(n_events: int, shares: dict[str, float], *, at_least: int) -> dict[str, int]:
    """Return the count of each class by largest remainders; a class below `at_least` takes from the largest."""
    exact = {label: share * n_events for label, share in shares.items()}
    counts = {label: int(value) for label, value in exact.items()}
    by_remainder = sorted(shares, key=lambda label: exact[label] - counts[label], reverse=True)
    for label in by_remainder[: n_events - sum(counts.values())]:
        counts[label] += 1
    for label in counts:
        while counts[label] < at_least:
            counts[max(counts, key=counts.__getitem__)] -= 1
            counts[label] += 1
    return counts
