"""demo: modelled guitars, a short training, an evaluation on guitars not heard, predictions, a phrase as a page."""

import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from guitarclf.bundle.engines import load_model
from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.config import Config, DataConfig, LogMelConfig, NetConfig, TrainingConfig
from guitarclf.data.events import read_events
from guitarclf.data.synth import write_snippets
from guitarclf.data.synth.write import write_tracks
from guitarclf.errors import ParameterError, RunError
from guitarclf.experiment.annotate import Annotator, recordings_of, settings_of
from guitarclf.experiment.evaluate import Evaluation, evaluate_run
from guitarclf.experiment.predict import predict_events
from guitarclf.experiment.train import TrainedRun, check_buildable, train
from guitarclf.files.cells import DECIMALS
from guitarclf.files.lock import LOCK_NAME, locked
from guitarclf.files.progress import Progress
from guitarclf.files.whole import write_text
from guitarclf.parameters.sections import ModuleParameters
from guitarclf.runs.folder import RunFolder, discard, write_json
from guitarclf.timeline.formats import html
from guitarclf.timeline.stream import Listener

logger = logging.getLogger(__name__)

MARKER = "demo.json"  # tells a demo from other folders
MARK = {"made_by": "guitarclf demo"}
EVENTS_PER_GUITAR = 10
# Half the width of the default, which learns in two minutes what the default learns in five.
DEMO_MODULE = ModuleParameters(conv_channels=[16, 32, 64], rnn_hidden_size=64, dropout=0.1)
MIN_EVENTS = 60
SHOWN_PREDICTIONS = 6
NOTES_OF_PHRASE = 30


@dataclass(frozen=True)
class DemoResult:
    """The run, its scores on the test guitars, a few predictions with the truth beside them, the page of a phrase."""

    run: TrainedRun
    evaluation: Evaluation
    predictions: pd.DataFrame
    page: Path


def demo_config(output_dir="runs/demo", seed: int = 42) -> Config:
    """Return the configuration of the demo, which ``configs/demo.yaml`` has too."""
    data = Path(output_dir) / "data"
    return Config(
        data=DataConfig(metadata_path=str(data / "metadata.csv"), audio_root=str(data)),
        logmel=LogMelConfig(hop_length=512),
        net=NetConfig(batch_size=64, max_epochs=12, lr=4e-3, module=DEMO_MODULE),
        training=TrainingConfig(test_size=0.15, patience=0, lr_schedule="cosine", weight_average=0.99),
        output_dir=str(output_dir),
        seed=seed,
    )


def demo(output_dir="runs/demo", *, n_events: int = 4800, seed: int = 42) -> DemoResult:
    """Make modelled notes, train on them, score guitars left out, predict a few of their files, annotate a phrase.

    Parameters
    ----------
    output_dir : str or Path
        The run folder; a demo that is there is replaced, anything else is refused.
    n_events : int
        Notes to make, 10 a guitar.
    seed : int

    Raises
    ------
    ParameterError, RunError
        For too few notes; for a folder that holds something else.
    """
    if n_events < MIN_EVENTS:
        raise ParameterError(f"The demo must have at least {MIN_EVENTS} events to split by guitar. Got {n_events}.")
    config = demo_config(Path(output_dir).absolute(), seed)
    check_buildable(config)
    folder = Path(output_dir)
    _require_demo(folder)
    n_guitars = max(5, n_events // EVENTS_PER_GUITAR)
    with locked(folder):
        discard(RunFolder(folder), beside=(MARKER,))
        write_json(MARK, folder / MARKER)
        logger.info("making %d notes of %d modelled guitars in %s", n_events, n_guitars, folder / "data")
        with Progress(n_events, desc="modelling", unit="note") as bar:
            write_snippets(
                folder / "data",
                n_events,
                n_guitars=n_guitars,
                seed=seed,
                sample_rate=config.window.sample_rate,
                n_jobs=min(2, os.cpu_count() or 1),
                progress=lambda n_done: bar.update(n_done - bar.n),
            )
    run = train(config, beside=("data", MARKER))
    evaluation = evaluate_run(folder, split="test")
    return DemoResult(run, evaluation, _predict_a_few(folder), _annotate_a_phrase(folder, seed))


def _require_demo(folder: Path) -> None:
    """Refuse to touch a folder that holds anything but a demo."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"The demo's output must be a folder. {folder} is a file. Choose another --output-dir.")
    held = {item.name for item in folder.iterdir()} - {LOCK_NAME} if folder.is_dir() else set()
    is_demo = False
    with suppress(OSError, ValueError):
        is_demo = json.loads((folder / MARKER).read_text(encoding="utf-8")) == MARK
    if held and not is_demo:
        raise RunError(
            f"The demo replaces an earlier demo and nothing else. {folder} holds something else. "
            "Choose another --output-dir."
        )


def _predict_a_few(folder: Path) -> pd.DataFrame:
    """Return the predictions of two test files of each label, with the truth beside them."""
    events = read_events(folder / "splits.csv", audio_root=folder / "data")
    tests = events[events["split"] == "test"]
    few = tests.groupby("label_category", sort=True).head(SHOWN_PREDICTIONS // 3).sort_values("label_category")
    predictions = pd.concat(predict_events(load_pipeline(folder), few), ignore_index=True).round(DECIMALS)
    predictions.insert(3, "truth", few["label_category"].tolist())
    return predictions


def _annotate_a_phrase(folder: Path, seed: int) -> Path:
    """Let a guitar that is not among the others play a phrase, and return the page of what is heard in it.

    By the model that ships: the demo's own has learnt from notes that are alone, and calls most of a phrase harmonics.
    """
    phrase = folder / "data" / "phrase"
    write_tracks(phrase, NOTES_OF_PHRASE, n_guitars=1, events_per_recording=NOTES_OF_PHRASE, seed=seed + 1)
    model = load_model()
    annotator = Annotator(Listener(model, model.onsets))
    _, (recording,) = recordings_of([phrase])
    annotator = replace(annotator, settings=settings_of("pretrained", model, annotator))
    page = folder / "timeline.html"
    write_text(page, html(annotator.timeline(recording)))
    return page
