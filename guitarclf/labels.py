"""The three classes and their order: here and nowhere else.

Inside the program (module outputs, dataset indices, ONNX, CLI columns, reports)
class ``i`` is ``LABELS[i]``. Only the estimator's boundary uses scikit-learn's
order, ``sorted(LABELS)``.
"""

import unicodedata

LABELS = ("harmonic", "dead_note", "general_note")
NO_NOTE_LABEL = "no_note"  # in a table: sound that is none of them, to train on and not to score
TABLE_LABELS = (*LABELS, NO_NOTE_LABEL)
UNKNOWN_LABEL = "unknown"  # what a model says below the asked confidence; no row is trained on or scored as it
LABEL_TO_INDEX = {label: index for index, label in enumerate(LABELS)}


def folded(text: str) -> str:
    """Return a label or a style as it is compared: ``Ha``, ``ha``, and ``HA`` with a blank or U+FEFF are one.

    In NFKC and casefolded, without characters that are not seen, each run of blanks as one space, none at the ends.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(char for char in plain if unicodedata.category(char) != "Cf").split())
