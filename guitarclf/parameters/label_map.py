"""LabelMap: what the labels and styles of other people stand for."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS, NO_NOTE_LABEL, TABLE_LABELS, UNKNOWN_LABEL, folded

STAR = "*"
NOT_TAKEN = ("", UNKNOWN_LABEL)  # texts that say that nothing is known


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", "", folded(text)).removesuffix("s")


OWN_NAMES = {_plain(name): label for label in LABELS for name in (label, label.split("_")[0])}
OWN_NAMES[_plain(NO_NOTE_LABEL)] = NO_NOTE_LABEL


class LabelMap:
    """Texts -> TABLE_LABELS, compared as `folded` has them, so that ``Ha`` is what ``HA`` is.

    TABLE_LABELS stand for themselves, also with space, hyphen or nothing for the underscore, as plurals or, but for
    no_note, by their first word ("Dead Notes", "general"). Else ``"*"`` would take a dead note for what it stands for.

    Parameters
    ----------
    labels : mapping, iterable of pairs, or None
        Their text -> one of TABLE_LABELS (the three classes and no_note); the key ``"*"`` stands for every other text
        but ``unknown``, which a model says.
    name : str
        What the mapping is called in messages.

    Raises
    ------
    ParameterError
        If a text is mapped to none of TABLE_LABELS, or two keys are one text and are mapped to different labels.
    """

    def __init__(
        self,
        labels: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        *,
        name: str = "labels",
    ):
        pairs = labels.items() if isinstance(labels, Mapping) else labels or ()
        keys: dict[str, str] = {}
        given: dict[str, str] = {}
        for text, label in pairs:
            if label not in TABLE_LABELS:
                raise ParameterError(f"`{name}` must map to one of {', '.join(TABLE_LABELS)}. Got {text!r}: {label!r}.")
            key = folded(text)
            if given.setdefault(key, label) != label:
                raise ParameterError(
                    f"`{name}` must map a text to one label, whatever its case and blanks. {keys[key]!r} is "
                    f"{given[key]} and {text!r} is {label}. Remove one."
                )
            keys.setdefault(key, text)
        self.others = given.pop(STAR, None)  # the label of every other text
        known = {folded(label): label for label in TABLE_LABELS} | given
        # A table has few distinct texts.
        self._find = cache(lambda text: known.get(folded(text)) or known.get(OWN_NAMES.get(_plain(text), "")))

    def label_of(self, text: str) -> str | None:
        """Return the label that a text stands for, None for none; ``"*"`` stands for no empty text and no unknown."""
        return self._find(text) or (self.others if folded(text) not in NOT_TAKEN else None)

    def taken_by_star(self, texts: Iterable[str]) -> Counter[str]:
        """Return text -> how often it is among the texts, for those that ``"*"`` stands for.

        Texts that are one when they are folded are counted as the first of them.
        """
        taken: Counter[str] = Counter()
        first: dict[str, str] = {}
        if self.others:
            for text, count in Counter(texts).items():
                key = folded(text)
                if key not in NOT_TAKEN and not self._find(text):
                    taken[first.setdefault(key, text.strip())] += count
        return taken

    def told(self, texts: Iterable[str], most: int = 20) -> list[str]:
        """Return what ``"*"`` stands for among the texts, in one line, or none: ``as general_note: NO 214, BE 12``."""
        taken = self.taken_by_star(texts).most_common()
        if not taken:
            return []
        shown = [f"{text if text.isprintable() else ascii(text)[1:-1]} {count}" for text, count in taken[:most]]
        if len(taken) > most:
            shown.append(f"{len(taken) - most} others {sum(count for _, count in taken[most:])}")
        return [f'taken by "{STAR}" as {self.others}: {", ".join(shown)}']
