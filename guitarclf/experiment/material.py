"""What the folds of a cross-validation share, and one fit on all of it but a fold."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guitarclf.config import Config
from guitarclf.evaluation.baselines import N_TIMBRE, duration_only, majority, svm_on_mfcc
from guitarclf.experiment.background import background_rows
from guitarclf.experiment.fits import CLIP_COLUMNS, Outcome
from guitarclf.experiment.in_context import ask, hear_in_context, uses_offsets
from guitarclf.experiment.synthetic_rows import draw_endless, draw_synthetic_rows
from guitarclf.experiment.train import seed_everything
from guitarclf.features.arrays import FeatureRows
from guitarclf.pipeline import build_net, build_pipeline, features_to_train_on
from guitarclf.training.rows import TrainingSet
from guitarclf.training.statistics import validation_mask
from guitarclf.training.targets import encode_labels

logger = logging.getLogger(__name__)

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
    """The phrases that notes are scored in as well: the folder they are written into, and their seed."""

    folder: Path
    seed: int


def prepare(config: Config, events: pd.DataFrame, phrases: Phrases | None = None) -> Material:
    """Return what the folds share. Only some windows of the table are in memory at a time."""
    pipeline = build_pipeline(config)
    window, logmel = pipeline["window"], pipeline["logmel"]
    features = {"alone": logmel.transform(window.transform(events))}
    to_train_on = features["alone"]
    if uses_offsets(pipeline) and config.training.without_offsets:
        to_train_on = features_to_train_on(pipeline, events, draw_endless(config, len(events)))
    if phrases is not None:
        logger.info("joining %d notes into phrases in %s", len(events), phrases.folder)
        features |= hear_in_context(pipeline, events, phrases.folder, seed=phrases.seed)
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
