"""NoteEventClassifier: the CRNN as a scikit-learn classifier, with a grouped validation split."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.utils import Tags
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochTimer, PassthroughScoring, PrintLog
from torch import Tensor

from guitarclf.errors import ParameterError
from guitarclf.models.auxiliary import encoding_size
from guitarclf.models.crnn import CRNN
from guitarclf.models.loss import NO_NOTE
from guitarclf.parameters.retired import require_off
from guitarclf.parameters.sections import (
    SEED,
    THREADS,
    NetParameters,
    Precision,
    SplitParameters,
    check_broken_notes,
)
from guitarclf.priors import complete_priors, with_priors
from guitarclf.training.answers import answers_of, has_note_head, require_statistics
from guitarclf.training.batches import FeatureDataset, check_features
from guitarclf.training.callbacks import EpochMetrics, FiniteLoss, StopTraining, watching_callbacks
from guitarclf.training.device import (
    AnyDevice,
    compute,
    computes_in_bf16,
    fused_settings,
    resolve_device,
    torch_threads,
)
from guitarclf.training.randomness import own_stream
from guitarclf.training.skorch_settings import SKORCH_SETTINGS, has_stopped, require_effect, require_scores
from guitarclf.training.statistics import repeated, set_buffers, validation_mask, with_background, with_origin
from guitarclf.training.steps import loss_of_step
from guitarclf.training.targets import SORTED_LABELS, TO_SORTED, class_weights, encode_labels

Features = Any  # a float32 array-like of shape (n_events, n_channels, n_mels, n_frames), possibly on disk
IntegerLabels = Literal["refuse", "alphabetical"]


class NoteEventClassifier(AnyDevice, NeuralNetClassifier):
    """A CRNN behind scikit-learn's contract.

    ``y`` are label names and ``predict`` returns them. ``classes_`` is sorted and holds all three
    labels whatever ``fit`` saw, and ``predict_proba`` follows it. Inside, in the module and the
    loss, classes are in the order of LABELS.

    ``fit(X, y, groups=...)`` holds out whole groups for validation; ``fit(X, y, valid=mask)`` takes
    the rows where ``mask`` is true; with neither, ``valid_size`` must be 0.

    Parameters
    ----------
    module : torch.nn.Module class
        Takes n_channels, n_mels and n_frames, which come from X.
    class_weight : {"balanced", "none"} or three floats
        From the training rows of the fit, in the order of LABELS.
    valid_size : float
        Share of the rows held out by ``groups``.
    random_state : int or None
        Seeds torch before the weights are drawn; None leaves torch's generator alone.
    device : {"auto", "cpu", "cuda", "mps"}
        "auto" is CUDA, then MPS, then the CPU, decided wherever the net is used or loaded.
    priors : dict of label -> share, or None
        Shares of the classes expected where the net is used; classes not named divide the rest. None:
        as in the loss, which is equal shares if ``class_weight`` is balanced. Acts in prediction only.
    precision : {"auto", "fp32", "bf16"}
        Of the arithmetic of training steps; "auto" is bf16 where the machine computes in it, fp32
        elsewhere. Weights, validation and prediction are always float32.
    mixup : float
        Training notes are mixed in pairs, in shares drawn from Beta(mixup, mixup), and so are their losses
        (Zhang et al. 2018); 0 is off.
    broken_notes : float
        Notes broken into what is no note that are added to each step, as a share of the batch; for a module with a
        note head.
    unknown_share : float
        Share of the validation notes that may fall below the module's ``unknown_below``, which is fitted at the end of
        training; 0 leaves it at 0. ``predict`` names a class whatever the confidence.
    threads : int
        Threads of torch in fit and in prediction; 0 is torch's own number. Another number gives other roundings, and
        so other weights.
    integer_labels : {"refuse", "alphabetical"}
        Whether ``y`` may be 0, 1, 2 for the sorted labels, as scikit-learn's voting, stacking and
        ``cross_val_predict(method="predict_proba")`` put them in the place of names. ``classes_`` are then codes.
    **kwargs
        As for ``skorch.NeuralNetClassifier``: ``module__...``, ``optimizer__...``, ``callbacks``. A pair of
        ``callbacks`` that is named as one of :func:`watching_callbacks` takes its place.

    Attributes
    ----------
    input_shape_ : tuple of int
        (n_channels, n_mels, n_frames) of the X of fit.
    """

    device: str

    def __init__(
        self,
        module: type[torch.nn.Module] = CRNN,
        *,
        lr: float = NetParameters.lr,
        max_epochs: int = NetParameters.max_epochs,
        batch_size: int = NetParameters.batch_size,
        class_weight: str | Sequence[float] = NetParameters.class_weight,
        valid_size: float = SplitParameters.valid_size,
        random_state: int | None = SEED,
        device: str = NetParameters.device,
        precision: Precision = NetParameters.precision,
        mixup: float = NetParameters.mixup,
        broken_notes: float = NetParameters.broken_notes,
        unknown_share: float = NetParameters.unknown_share,
        priors: dict[str, float] | None = NetParameters.priors,
        threads: int = THREADS,
        integer_labels: IntegerLabels = "refuse",
        **kwargs: Any,
    ):
        settings = {"lr": lr, "max_epochs": max_epochs, "batch_size": batch_size, "device": device}
        super().__init__(module, **settings, **(SKORCH_SETTINGS | kwargs))
        self.class_weight = class_weight
        self.valid_size = valid_size
        self.random_state = random_state
        self.precision = precision
        self.mixup = mixup
        self.broken_notes = broken_notes
        self.unknown_share = unknown_share
        self.priors = priors
        self.threads = threads
        self.integer_labels = integer_labels

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        """Those of skorch that are used here, and those of ours whose names are not taken by ``callbacks``."""
        taken = [item[0] for item in self.callbacks or () if isinstance(item, tuple)]
        return [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
            ("valid_loss", PassthroughScoring(name="valid_loss")),
            ("epoch_metrics", EpochMetrics()),
            ("finite_loss", FiniteLoss()),
            ("print_log", PrintLog()),
            *(pair for pair in watching_callbacks() if pair[0] not in taken),
        ]

    def _get_params_callbacks(self, deep: bool = True) -> dict[str, Any]:
        """As skorch's, without the defaults of what was set, which it would show in the place of the value."""
        params = super()._get_params_callbacks(deep)
        return {name: value for name, value in params.items() if name not in vars(self)}

    # -- fitting ---------------------------------------------------------------------------

    def fit(
        self,
        X: Features,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        valid: ArrayLike | None = None,
        repeats: ArrayLike | None = None,
        no_note: ArrayLike | None = None,
        modelled: ArrayLike | None = None,
    ) -> "NoteEventClassifier":
        """Train from fresh weights.

        Parameters
        ----------
        X : float32 array-like of shape (n_events, n_channels, n_mels, n_frames)
        y : array-like of str, shape (n_events,)
        groups : array-like of shape (n_events,), optional
            What must not straddle the validation split.
        valid : array-like of bool, shape (n_events,), optional
            The validation rows.
        repeats : array-like of int, shape (n_events,), optional
            Times each training row is seen an epoch, possibly none; 1 where not given.
        no_note : array-like of bool, shape (n_events,), optional
            Rows that are no note. Whatever ``y`` says of them, the net learns to give every class the same
            probability or, with a note head, that they are none; they are never for validation.
        modelled : array-like of bool, shape (n_events,), optional
            Rows that are modelled notes, which count less in "note or not" than those of a table.
        """
        self._take_input_shape(X)
        with own_stream(self.random_state), torch_threads(self.threads):
            given = {"groups": groups, "valid": valid, "repeats": repeats, "no_note": no_note, "modelled": modelled}
            return super().fit(X, y, **given)

    def partial_fit(
        self, X: Features, y: ArrayLike | None = None, classes: Any = None, **fit_params: Any
    ) -> "NoteEventClassifier":
        """Go on training and drawing; a Ctrl-C passes through, where skorch would return as if the fit were done."""
        if fit_params.pop("_routing_method", None) == "fit":
            return self._train(X, y, fit_params)
        if not self.initialized_:
            self._take_input_shape(X)
        self._require_input_shape(X)
        with own_stream(getattr(self, "random_stream_", self.random_state)), torch_threads(self.threads):
            if not self.initialized_:
                self.initialize()
            return self._train(X, y, fit_params)

    def _train(self, X: Features, y: ArrayLike | None, fit_params: dict[str, Any]) -> "NoteEventClassifier":
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        except KeyboardInterrupt:
            if not has_stopped(self):
                raise
        self.notify("on_train_end", X=X, y=y)
        self.random_stream_ = None if self.random_state is None else torch.get_rng_state()
        return self

    def fit_loop(
        self, X: Features, y: ArrayLike | None = None, epochs: int | None = None, **fit_params: Any
    ) -> "NoteEventClassifier":
        """As skorch's; a fit that goes on where another was killed runs the epochs that are left."""
        left = self.__dict__.pop("epochs_left_", None)
        # What fit was given is for the split alone, whoever has routed it here: skorch would keep it back.
        with config_context(enable_metadata_routing=False):
            return super().fit_loop(X, y, epochs=epochs if left is None else left, **fit_params)

    def check_data(self, X: Features, y: ArrayLike | None) -> None:
        """Refuse what skorch would let through; targets are checked where they are encoded."""
        check_features(X)
        if not len(X):
            raise ParameterError("X must be features of at least one event. It has none.")

    def get_split_datasets(
        self,
        X: Features,
        y: ArrayLike | None = None,
        *,
        repeats: Any = None,
        no_note: Any = None,
        modelled: Any = None,
        **by: Any,
    ) -> tuple[FeatureDataset, FeatureDataset | None]:
        """Return (training, validation) datasets; what is learnt from the training rows is set here."""
        codes, self.y_was_encoded_ = encode_labels(y, self.integer_labels)
        if len(codes) != len(X):
            raise ParameterError(f"X and y must have the same number of events. Got {len(X)} and {len(codes)}.")
        codes = with_background(codes, no_note)
        mask = validation_mask(codes, **by, valid_size=self.valid_size, seed=self.random_state or 0)
        train_rows = repeated(np.flatnonzero(~mask), repeats, len(codes))
        valid_rows = np.flatnonzero(mask & (codes != NO_NOTE))
        notes = train_rows[codes[train_rows] != NO_NOTE]
        weights = class_weights(self.class_weight, codes[notes])
        self.criterion_.weight = torch.from_numpy(weights).to(resolve_device(self.device))
        set_buffers(self.module_, X, notes, weights * np.bincount(codes[notes], minlength=len(weights)))
        targets = with_origin(codes, modelled)
        training = FeatureDataset(X, targets if self.has_note_head else codes, train_rows)
        return training, FeatureDataset(X, codes, valid_rows) if len(valid_rows) else None

    def infer(self, x: Tensor, part: Callable[[Tensor], Tensor] | None = None, **fit_params: Any) -> Tensor:
        """`[B, C, F, T]` -> logits, or what a part of the module makes of x; what fit was given is for the split."""
        precision = self.precision if self.module_.training else "fp32"
        return compute(part or self.module_, x, device=resolve_device(self.device), precision=precision)

    def train_step_single(self, batch: tuple[Tensor, Tensor], **fit_params: Any) -> dict[str, Tensor]:
        """As skorch's; with ``mixup``, on notes mixed in pairs; with an auxiliary head, on what it is to tell too."""
        self._set_training(True)
        y_pred, loss = loss_of_step(self, *batch)
        loss.backward()
        return {"loss": loss, "y_pred": y_pred}

    def get_loss(self, y_pred: Tensor, y_true: Tensor, X: Any = None, training: bool = False) -> Tensor:
        """Return the weighted cross-entropy of a batch."""
        return self.criterion_(y_pred, y_true.to(y_pred.device))

    def _take_input_shape(self, X: Features) -> None:
        self.check_data(X, None)
        self.input_shape_ = tuple(int(size) for size in np.shape(X)[1:])

    def _require_input_shape(self, X: Features) -> None:
        check_features(X)
        if np.shape(X)[1:] != self.input_shape_:
            shape = ", ".join(map(str, self.input_shape_))
            raise ParameterError(f"X must have the shape the net was made for, (n_events, {shape}). Got {np.shape(X)}.")

    def _validate_params(self) -> None:
        super()._validate_params()
        require_effect(dict(vars(self)))
        require_scores(self.callbacks_)

    def initialize(self) -> "NoteEventClassifier":
        """Build the module, the loss and the optimizer; their parameters are checked first."""
        computes_in_bf16(self.precision, resolve_device(self.device))  # refuses a bad name of either
        if self.priors is not None:
            complete_priors(self.priors)
        super().initialize()
        check_broken_notes(self.broken_notes, self.has_note_head)
        return self

    def initialize_for(self, input_shape: Sequence[int]) -> "NoteEventClassifier":
        """Build the module for inputs of shape (n_channels, n_mels, n_frames), untrained."""
        self.input_shape_ = tuple(input_shape)
        return self.initialize()

    def get_params_for(self, prefix: str) -> dict[str, Any]:
        """As skorch's, with the module's input shape taken from X instead of from a parameter."""
        params = super().get_params_for(prefix)
        if prefix == "module" and hasattr(self, "input_shape_"):
            names = ("n_channels", "n_mels", "n_frames")
            params = dict(zip(names, self.input_shape_, strict=True)) | params
        if prefix == "criterion":
            require_off("net.criterion.aux_pitch", params.pop("aux_pitch", 0))  # pickles of 0.1.0 have it
            if params.get("aux_harmonic"):
                params = {"n_features": encoding_size(self.module_)} | params
        return params

    def get_params_for_optimizer(self, prefix: str, named_parameters: Any) -> tuple[Any, dict[str, Any]]:
        """As skorch's; fused where the optimizer can be, unless ``optimizer__fused`` says otherwise."""
        args, params = super().get_params_for_optimizer(prefix, named_parameters)
        return args, fused_settings(self.optimizer, resolve_device(self.device)) | params

    # -- predicting ------------------------------------------------------------------------

    @property
    def classes_(self) -> np.ndarray:
        """All three labels, sorted; their codes if scikit-learn encoded y for this fit."""
        return np.arange(len(SORTED_LABELS)) if getattr(self, "y_was_encoded_", False) else SORTED_LABELS

    def predict_proba(self, X: Features) -> np.ndarray:
        """Return probabilities of shape (n_events, 3), columns as ``classes_``."""
        return self.predict_proba_by_label(X)[:, TO_SORTED]

    def predict_proba_by_label(self, X: Features) -> np.ndarray:
        """Return probabilities of shape (n_events, 3), columns in the order of LABELS."""
        return self.under_priors(self.predict_proba_as_learnt(X))

    def under_priors(self, proba: np.ndarray) -> np.ndarray:
        """Return what :meth:`predict_proba_as_learnt` gave under the shares expected, ``priors``."""
        return proba if self.priors is None else with_priors(proba, self.train_priors_, self.priors_)

    def predict_proba_as_learnt(self, X: Features) -> np.ndarray:
        """Return probabilities under the shares of the loss, shape (n_events, 3), in the order of LABELS."""
        return self.answer(X)[0]

    def predict_confidence(self, X: Features) -> np.ndarray:
        """Return how sure the answer to each event is, from 0 to 1, shape (n_events,).

        See :func:`guitarclf.priors.confidence_of`.
        """
        return self.answer(X)[1]

    def answer(self, X: Features) -> tuple[np.ndarray, np.ndarray]:
        """Return :meth:`predict_proba_as_learnt` and :meth:`predict_confidence`, from one pass through the net."""
        self.check_is_fitted()
        require_statistics(self.module_)
        self._require_input_shape(X)
        with torch_threads(self.threads):
            return answers_of(self, X)

    @property
    def has_note_head(self) -> bool:
        """Whether the module has an output for note or not."""
        return has_note_head(self.module_)

    @property
    def unknown_below(self) -> float:
        """The confidence below which an answer is better not believed; 0 is none."""
        return float(getattr(self.module_, "unknown_below", 0.0))

    @property
    def train_priors_(self) -> np.ndarray:
        """The shares of the classes in the loss, in the order of LABELS."""
        return self.module_.calibrate.train_priors.cpu().numpy().astype(np.float64)

    @property
    def priors_(self) -> np.ndarray:
        """The shares of the classes that probabilities are under, in the order of LABELS."""
        return self.train_priors_ if self.priors is None else complete_priors(self.priors)

    def predict(self, X: Features) -> np.ndarray:
        """Return the most probable label of each event."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.no_validation, tags.input_tags.two_d_array = True, False
        return tags

    def __setstate__(self, state: dict[str, Any]) -> None:
        lacking = {"integer_labels": "refuse", "threads": THREADS, "broken_notes": 0.0, "unknown_share": 0.0}
        super().__setstate__(lacking | state)  # pickles of 0.1.0 lack them
