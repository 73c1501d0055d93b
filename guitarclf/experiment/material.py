"""What the folds of a cross-validation share, and one fit on all of it but a fold."""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from guitarclf.config import Config
from guitarclf.data.phrases import write_phrases
from guitarclf.evaluation.baselines import N_TIMBRE, duration_only, majority, svm_on_mfcc
from guitarclf.experiment.background import background_rows, background_windows
from guitarclf.experiment.fits import CLIP_COLUMNS, Fit, Outcome
from guitarclf.experiment.folds import fold_of_clips
from guitarclf.experiment.in_context import ask, hear_in_context, hear_phrases, uses_offsets
from guitarclf.experiment.synthetic_rows import draw_endless, draw_synthetic_rows
from guitarclf.experiment.train import seed_everything
from guitarclf.features.arrays import FeatureRows, Windows
from guitarclf.features.inputs import as_requests
from guitarclf.files.digest import file_digest
from guitarclf.pipeline import build_net, build_pipeline, features_to_train_on
from guitarclf.training.rows import TrainingSet
from guitarclf.training.statistics import validation_mask
from guitarclf.training.targets import encode_labels

logger = logging.getLogger(__name__)

PHRASES_TABLE = "metadata.csv"  # as write_phrases names it
N_LEARNING_STEPS = 2  # of svm_on_mfcc: what comes before is stateless, and is computed once


@dataclass(frozen=True)
class Material:
    """What the folds share: the table, its features, synthetic rows, and the user's sounds that are no note.

    ``features`` has those of the table's rows in each setting that is scored, ``training_features`` those that nets
    learn from.
    ``timbre`` and ``synthetic_timbre`` are the MFCC statistics of the table's rows and of the modelled notes.
    """

    events: pd.DataFrame
    features: dict[str, np.ndarray | FeatureRows]
    training_features: np.ndarray | FeatureRows
    synthetic: TrainingSet
    background: TrainingSet
    background_as_scored: ArrayLike
    timbre: np.ndarray
    synthetic_timbre: np.ndarray


@dataclass(frozen=True)
class Phrases:
    """The phrases that notes are scored in as well: the folder they are written into, and their seed.

    ``digest`` is that of their table once they are written, by which another process knows them.
    """

    folder: Path
    seed: int
    digest: str = ""

    def written(self, events: pd.DataFrame) -> "Phrases":
        """Return the phrases with their digest, having written them."""
        logger.info("joining %d notes into phrases in %s", len(events), self.folder)
        write_phrases(self.folder, events, seed=self.seed)
        return replace(self, digest=file_digest(self.folder / PHRASES_TABLE))

    def heard(self, pipeline: Pipeline, events: pd.DataFrame) -> dict[str, np.ndarray | FeatureRows]:
        """Return their features as `hear_in_context` does; where they are not in sight, of the same ones made anew."""
        table = self.folder / PHRASES_TABLE
        if table.is_file() and file_digest(table) == self.digest:
            return hear_phrases(pipeline, events, self.folder)
        with TemporaryDirectory(prefix="guitarclf-phrases-") as folder:
            return hear_in_context(pipeline, events, Path(folder), seed=self.seed)


def prepare(config: Config, events: pd.DataFrame, phrases: Phrases | None = None) -> Material:
    """Return what the folds share. Only some windows of the table are in memory at a time."""
    pipeline = build_pipeline(config)
    window, logmel = pipeline["window"], pipeline["logmel"]
    features = {"alone": logmel.transform(window.transform(events))}
    to_train_on = features["alone"]
    if uses_offsets(pipeline) and config.training.without_offsets:
        to_train_on = features_to_train_on(pipeline, events, draw_endless(config, len(events)))
    if phrases is not None:
        features |= phrases.heard(pipeline, events)
    synthetic, windows = draw_synthetic_rows(config, logmel)
    background = background_rows(config, logmel)
    as_scored = background.features
    if uses_offsets(pipeline):
        as_scored = background_rows(config, logmel, to_train_on=False).features
    measure = svm_on_mfcc(window)[:-N_LEARNING_STEPS].transform
    notes = windows[~synthetic.is_background]
    synthetic_timbre = measure(notes) if len(notes) else np.zeros((0, N_TIMBRE))
    timbres = measure(events), synthetic_timbre
    return Material(events, features, to_train_on, synthetic, background, as_scored, *timbres)


def windows_of(config: Config, events: pd.DataFrame) -> list[Windows]:
    """Return what is heard of a table and of what is no note; their features are what `prepare` asks for."""
    pipeline = build_pipeline(config)
    alone = Windows(pipeline["window"].reader, as_requests(events))
    if not uses_offsets(pipeline):
        return [alone, background_windows(config)]
    to_train_on = alone.without_ends(draw_endless(config, len(events)))
    return [alone, to_train_on, background_windows(config), background_windows(config, to_train_on=False)]


class FoldFits:
    """The fits of a cross-validation. Called with a Fit it returns its Outcome.

    A pickle of it holds no features: what the folds share is made once in each process, at its first fit.

    Parameters
    ----------
    config : Config
    events : DataFrame
    kinds : dict of str to ndarray of str
        Kind of split -> the fold of each event.
    phrases : Phrases, optional
        Written before.
    """

    def __init__(
        self, config: Config, events: pd.DataFrame, kinds: dict[str, np.ndarray], phrases: Phrases | None = None
    ):
        self.config = config
        self.events = events
        self.kinds = kinds
        self.phrases = phrases
        self._called: tuple[Any, dict[str, np.ndarray]] = (None, {})

    @cached_property
    def material(self) -> Material:
        """What the folds share."""
        return prepare(self.config, self.events, self.phrases)

    def __call__(self, fit: Fit) -> Outcome:
        folds = self.kinds[fit.split]
        rows = folds == fit.fold
        clips = fold_of_clips(self.material.background.events, self.events["track"], folds) == fit.fold
        if self._called[0] != (fit.split, fit.fold):  # which all repeats share
            self._called = (fit.split, fit.fold), predict_baselines(self.material, rows)
        outcome = fit_and_predict(self.config, self.material, rows, clips, self.config.seed + fit.repeat - 1)
        outcome.notes["alone"] = outcome.notes["alone"].assign(**self._called[1])
        return outcome

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "material"} | {"_called": (None, {})}


def fit_and_predict(
    config: Config, material: Material, held_out: np.ndarray, clips_left_out: np.ndarray, seed: int
) -> Outcome:
    """Return what a net that was trained on the other rows and sounds says of these.

    Sounds that the table itself labels as no note are trained on or left out, and not scored.
    """
    seed_everything(seed)
    training = material.events[~held_out]
    y, groups = training["label_category"].to_numpy(), training["track"].to_numpy()
    valid_size = config.training.valid_size if len(set(groups)) > 1 else 0
    net = build_net(replace(config, seed=seed))
    valid = validation_mask(encode_labels(y)[0], groups=groups, valid_size=valid_size, seed=seed)
    X, repeats = material.training_features[~held_out], config.training.repeat_table
    rows = TrainingSet.of(training, X, valid=valid, repeats=repeats).add(material.synthetic)
    clips, X_clips = material.background.events, np.asarray(material.background.features)
    X_scored = np.asarray(material.background_as_scored)
    rows.add(TrainingSet(clips[~clips_left_out], X_clips[~clips_left_out])).fit(net)
    is_scored = clips_left_out & ~clips["from_table"].to_numpy(dtype=bool)
    named = clips.loc[is_scored, CLIP_COLUMNS].reset_index(drop=True)
    return Outcome(
        notes={setting: ask(net, X[held_out]) for setting, X in material.features.items()},
        background=named.join(ask(net, X_scored[is_scored])),
        unknown_below=net.unknown_below,
    )


def predict_baselines(material: Material, held_out: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each baseline, trained on the other rows and the modelled notes, calls the held-out rows."""
    training = pd.concat([material.events[~held_out], material.synthetic.notes])
    timbre = np.concatenate([material.timbre[~held_out], material.synthetic_timbre])
    y = training["label_category"].to_numpy()
    testing = material.events[held_out]
    svm = svm_on_mfcc()[-N_LEARNING_STEPS:] if len(set(y)) > 1 else majority()
    return {
        "majority": majority().fit(training, y).predict(testing),
        "duration only": duration_only().fit(training, y).predict(testing),
        "SVM on MFCC": svm.fit(timbre, y).predict(material.timbre[held_out]),
    }
