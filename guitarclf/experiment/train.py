"""train: a config to a run folder."""

import logging
import random
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline

from guitarclf.bundle.folder import Bundle, bundle_folder
from guitarclf.bundle.pipelines import load_pipeline, save_bundle, save_joblib
from guitarclf.config import Config, feature_shape
from guitarclf.data.events import write_events
from guitarclf.data.rules import SPLITS
from guitarclf.dataset import rows_of_split
from guitarclf.errors import ConfigError, SplitError
from guitarclf.evaluation.drawing import save_figure
from guitarclf.evaluation.figures import learning_curves
from guitarclf.evaluation.metrics import Report
from guitarclf.experiment.background import background_rows, background_windows
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.evaluate import score_rows, title_of
from guitarclf.experiment.feature_pass import OpeningCluster, compute_ahead
from guitarclf.experiment.initial_weights import (
    require_outside,
    suggest_initial_weights,
    tell_of_priors,
    with_model_sections,
)
from guitarclf.experiment.synthetic_rows import draw_endless, draw_synthetic_rows
from guitarclf.experiment.tables import split_events, with_absolute_paths
from guitarclf.features.arrays import Windows
from guitarclf.features.inputs import as_requests
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net, build_pipeline, build_window, features_to_train_on
from guitarclf.runs.environment import threads_of
from guitarclf.runs.folder import RunFolder, make_folder
from guitarclf.runs.history import read_history
from guitarclf.runs.session import open_run
from guitarclf.training.callbacks import StartFrom
from guitarclf.training.checkpoint import KeepState, read_state
from guitarclf.training.rows import TrainingSet
from guitarclf.training.run_callbacks import (
    EpochCheckpoint,
    EpochLog,
    EpochProgress,
    HistoryCsv,
    TensorBoardLog,
    with_recorders,
    without_recorders,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedRun:
    """A finished run: its folder, its pipeline with the best epoch's weights, its scores on the validation rows.

    ``report`` is None without validation rows, and where the run was finished before; ``has_test`` tells whether rows
    are left to test it on.
    """

    folder: RunFolder
    pipeline: Pipeline
    report: Report | None
    has_test: bool


def train(
    config: Config,
    *,
    beside=(),
    cluster: str | None = None,
    resume=False,
    overwrite=False,
    figure_format: str = "png",
) -> TrainedRun:
    """Train the pipeline of a config on its table and write the run folder.

    Parameters
    ----------
    config : Config
    beside : sequence of str
        Names that may already be in ``output_dir``.
    cluster : str, optional
        Where features are computed, as far as they are not in the feature cache: what
        :func:`guitarclf.cluster.open_cluster` takes. The training is here.
    resume : bool
        Go on with the run that is there, from its last finished epoch, to the same weights as if it had
        not stopped; a folder without a run is begun, a finished run is left as it is.
    overwrite : bool
        Replace the run that is there.
    figure_format : {"png", "svg", "pdf"}
        Of the figures; a finished run that is gone on with gets its learning curves in it.

    Raises
    ------
    GuitarclfError
        If anything is wrong with the table, the audio, the split, the net or the folder. What was
        written before the end of the first epoch is removed again.
    """
    config = with_model_sections(with_absolute_paths(config))
    check_buildable(config)
    folder = RunFolder(Path(config.output_dir))
    if overwrite and config.training.init_from is not None:
        require_outside(folder, bundle_folder(config.training.init_from))
    with ExitStack() as stack:
        read = OpeningCluster(cluster, config, partial(_trainable_events, config), stack)
        begun = {"beside": beside, "resume": resume, "overwrite": overwrite}
        run = stack.enter_context(open_run(folder, config, read, threads=threads_of(config), **begun))
        if folder.is_finished:
            folder.state.unlink(missing_ok=True)
            _draw_curves(folder, figure_format)
            logger.info("the run in %s is finished", folder.root)
            return TrainedRun(folder, load_pipeline(folder.root), None, _has_test(run.events))
        if read.cluster is not None:
            compute_ahead(config, partial(windows_to_train_on, config, run.events), cluster=read.cluster)
            read.close()
        return _train_into(folder, config, run.events, figure_format)


def _trainable_events(config: Config) -> pd.DataFrame:
    """Return the events of a config with their split; SplitError if they cannot be trained on."""
    events = split_events(config)
    labels = rows_of_split(events, "train")["label_category"]
    if labels.empty:
        raise SplitError("The split must leave rows to train on. All are in val and test. Correct the `split` column.")
    if labels.nunique() < 2 and not config.training.add_modelled:  # whatever the net heard, it would say that one
        raise SplitError(
            f"The rows to train on must have at least two of {', '.join(LABELS)}. All {len(labels)} are "
            f"{labels.iloc[0]}. Add notes of other classes, or correct the `split` column."
        )
    return events


def _train_into(run: RunFolder, config: Config, events: pd.DataFrame, figure_format: str) -> TrainedRun:
    """Fit the pipeline and write everything, the bundle last, since a run with a bundle is finished."""
    make_folder(run.figures)
    _describe(run, config, events)
    report_bad_audio(events, run.bad_audio)
    pipeline = fit(config, events, run)
    save_joblib(pipeline, run.joblib)
    _draw_curves(run, figure_format)
    report = None
    valid = rows_of_split(events, "val")
    if len(valid):
        report = score_rows(
            pipeline,
            valid,
            run,
            "val",
            train_rows=rows_of_split(events, "train"),
            title=title_of(run.root, config.data.metadata_path, "val"),
            figure_format=figure_format,
        ).report
        logger.info("best epoch on the validation rows:\n%s", report.to_text())
    save_bundle(pipeline, config, run.bundle)
    run.state.unlink(missing_ok=True)
    logger.info("run written to %s", run.root)
    return TrainedRun(run, pipeline, report, _has_test(events))


def _draw_curves(run: RunFolder, figure_format: str) -> None:
    """Draw the learning curves of a run's history, unless they are there."""
    path = run.figures / f"learning_curves.{figure_format}"
    history = [] if path.exists() else read_history(run.history)
    if history:
        make_folder(run.figures)
        save_figure(learning_curves(history), path)


def _has_test(events: pd.DataFrame) -> bool:
    return bool((events["split"] == "test").any())


def fit(config: Config, events: pd.DataFrame, run: RunFolder) -> Pipeline:
    """Return the pipeline fitted on the train and val rows of ``events``; each epoch is recorded in ``run``.

    Goes on from the state that an earlier process left in ``run``, if there is one.
    """
    seed_everything(config.seed)
    pipeline = build_pipeline(config)
    state = read_state(run.state) if run.state.exists() else None
    if state is not None:
        logger.info("going on after epoch %d of %d", state["epoch"], config.net.max_epochs)
    recorders = [
        ("history_csv", HistoryCsv(run.history)),
        ("checkpoint", EpochCheckpoint(run.checkpoints, run.best_model)),
        ("progress", EpochProgress()),
        ("epoch_log", EpochLog()),
        ("keep_state", KeepState(run.state, state)),
    ]
    if config.training.init_from is not None:
        weights = Bundle.open(config.training.init_from).weights()
        recorders.append(("start_from", StartFrom(weights, config.training.freeze_epochs)))
        logger.info("starting from the weights of %s", config.training.init_from)
    if config.training.tensorboard:
        recorders.append(("tensorboard", TensorBoardLog(run.tensorboard)))
    rows = _rows_to_train_on(config, pipeline, events)
    with_recorders(pipeline[-1], recorders)
    try:
        rows.fit(pipeline[-1])  # the steps before the net are stateless
    finally:
        without_recorders(pipeline[-1], recorders)
    return pipeline


def _rows_to_train_on(config: Config, pipeline: Pipeline, events: pd.DataFrame) -> TrainingSet:
    """Return the train and val rows of ``events``, synthetic rows, and the user's sounds that are no note."""
    left_out, has_background = _not_trained_on(events), bool(events.attrs.get("background_audio", True))
    events = events[events["split"] != "test"]
    X = features_to_train_on(pipeline, events, _draw_endless(config, events))
    # Read before the modelling, which is long; and not at all where there is none: that would read the table again.
    background = [background_rows(config, pipeline["logmel"], left_out=left_out)] if has_background else []
    rows = TrainingSet.of(events, X, valid=(events["split"] == "val").to_numpy(), repeats=config.training.repeat_table)
    for more in (draw_synthetic_rows(config, pipeline["logmel"])[0], *background):
        rows = rows.add(more)
    has_fresh_head = config.net.module.note_head and config.training.init_from is None
    if has_fresh_head and not config.net.broken_notes and not rows.is_background.any():
        logger.warning(
            "Nothing tells the note head what is no note. Set net.broken_notes, training.add_clutter or "
            "training.background_path, or confidence says little."
        )
    if not rows.has_validation:
        logger.warning("There are no validation rows: the last epoch is kept, and nothing stops early.")
    return rows


def windows_to_train_on(config: Config, events: pd.DataFrame) -> list[Windows]:
    """Return what `train` hears of ``events``, which have a ``split``, and of the user's sounds that are no note."""
    heard = events[events["split"] != "test"]
    windows = Windows(build_window(config).reader, as_requests(heard)).without_ends(_draw_endless(config, heard))
    return [windows, background_windows(config, left_out=_not_trained_on(events))]


def _draw_endless(config: Config, events: pd.DataFrame) -> np.ndarray:
    """Return which of the train and val rows are heard as if nothing told where they end, bool of shape (n_events,)."""
    return (events["split"] == "train").to_numpy() & draw_endless(config, len(events))


def _not_trained_on(events: pd.DataFrame) -> set[str]:
    return set(events.loc[events["split"] != "train", "track"])


def seed_everything(seed: int) -> None:
    """Seed random, numpy and torch (CUDA too), and ask torch for repeatable kernels."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def check_buildable(config: Config) -> None:
    """Raise an error if the net of a config cannot be built, or TensorBoard is asked for and not installed."""
    build_net(config).initialize_for(feature_shape(config))
    if not config.training.tensorboard:
        return
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "`training.tensorboard` must be false unless TensorBoard is installed. It is not. "
            "Install guitarclf[tensorboard]."
        ) from error


def _describe(run: RunFolder, config: Config, events: pd.DataFrame) -> None:
    """Write the table with its split, unless it is there, and perhaps corrected, and log the size of each side."""
    if not run.splits.exists():
        write_events(events, run.splits, audio_root=config.data.audio_folder)
    for split in SPLITS:
        side = rows_of_split(events, split)
        counts = side["label_category"].value_counts()
        classes = ", ".join(f"{counts.get(label, 0)} {label}" for label in LABELS)
        logger.info("%-5s %6d events, %4d tracks: %s", split, len(side), side["track"].nunique(), classes)
    suggest_initial_weights(config, len(events))
    tell_of_priors(config, rows_of_split(events, "train")["label_category"])
