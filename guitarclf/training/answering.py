"""Answering: what a fitted net says of notes: probabilities as it learnt, or under the shares expected."""

import numpy as np
import torch
from sklearn.exceptions import NotFittedError

from guitarclf.priors import complete_priors, with_priors
from guitarclf.training.targets import SORTED_LABELS, TO_SORTED


class Answering:
    """The part of NoteEventClassifier that predicts; mixed into a skorch net before skorch's own class."""

    @property
    def classes_(self):
        """All three labels, sorted; their codes if scikit-learn encoded y for this fit."""
        return np.arange(len(SORTED_LABELS)) if getattr(self, "y_was_encoded_", False) else SORTED_LABELS

    def predict_proba(self, X) -> np.ndarray:
        """Return probabilities of shape (n_events, 3), columns as ``classes_``."""
        return self.predict_proba_by_label(X)[:, TO_SORTED]

    def predict_proba_by_label(self, X) -> np.ndarray:
        """Return probabilities of shape (n_events, 3), columns in the order of LABELS."""
        return self.under_priors(self.predict_proba_as_learnt(X))

    def under_priors(self, proba: np.ndarray) -> np.ndarray:
        """Return what :meth:`predict_proba_as_learnt` gave under the shares expected, ``priors``."""
        return proba if self.priors is None else with_priors(proba, self.train_priors_, self.priors_)

    def predict_proba_as_learnt(self, X) -> np.ndarray:
        """Return probabilities under the shares of the loss, shape (n_events, 3), in the order of LABELS."""
        self.check_is_fitted()
        standardize = getattr(self.module_, "standardize", None)
        if standardize is not None and not standardize.is_set:
            # Weights are drawn anew by initialize(), and by set_params(module__...) on a fitted net.
            raise NotFittedError("This net has fresh weights since its module was set up anew. Call fit first.")
        self._require_input_shape(X)
        if not len(X):
            return np.zeros((0, len(SORTED_LABELS)))
        logits = torch.cat([batch.cpu() for batch in self.forward_iter(X)])
        # In float32 a row sums to 1 only to 1e-7, and scikit-learn's log_loss wants better.
        return logits.softmax(dim=1, dtype=torch.float64).numpy()

    @property
    def train_priors_(self) -> np.ndarray:
        """The shares of the classes in the loss, in the order of LABELS."""
        return self.module_.calibrate.train_priors.cpu().numpy().astype(np.float64)

    @property
    def priors_(self) -> np.ndarray:
        """The shares of the classes that probabilities are under, in the order of LABELS."""
        return self.train_priors_ if self.priors is None else complete_priors(self.priors)

    def predict(self, X) -> np.ndarray:
        """Return the most probable label of each event."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
