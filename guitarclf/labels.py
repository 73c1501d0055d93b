"""The three classes and their order: here and nowhere else.

Inside the program (module outputs, dataset indices, ONNX, CLI columns, reports)
class ``i`` is ``LABELS[i]``. Only the estimator's boundary uses scikit-learn's
order, ``sorted(LABELS)``.
"""

LABELS = ("harmonic", "dead_note", "general_note")
LABEL_TO_INDEX = {label: index for index, label in enumerate(LABELS)}
