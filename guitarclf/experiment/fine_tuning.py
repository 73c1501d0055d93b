"""What training that starts from a model takes for granted, where neither its configuration nor its options say."""

from collections.abc import Mapping
from typing import Any

from guitarclf.bundle.folder import Bundle
from guitarclf.config import get_value, leaves
from guitarclf.config.files import load_config
from guitarclf.runs.folder import RunFolder

# How to teach a model a few notes so that it forgets nothing else: with modelled notes among them, in a short training
# of which the last epoch is kept. docs/correct.md has what it was chosen by.
RECIPE: Mapping[str, Any] = {
    "net.lr": 1e-3,
    "net.max_epochs": 8,
    "training.lr_schedule": "cosine",
    "training.patience": 0,
    "training.weight_average": 0.99,
    "training.repeat_table": 10,
    "training.add_modelled": 600,
    "training.modelled_in_phrases": 0.35,
    "training.modelled_valid_size": 0.0,
    "training.fewest_tracks": 5,
}
CLUTTER = {"training.add_clutter": 45}  # for a model that tells what is no note, lest it forgets that
OF_EACH_TRAINING = ("net.lr", "net.max_epochs", "net.batch_size", "net.device", "net.precision")


def own_keys() -> list[str]:
    """Return the keys that a model brings along: all of its window, features, net and onsets but how it is trained."""
    sections = ("window.", "logmel.", "net.", "onsets.")
    kept = [path for path, _ in leaves() if path.startswith(sections) and path not in OF_EACH_TRAINING]
    return [*kept, "training.without_offsets"]


def fine_tuning_defaults(init_from: Any, run: RunFolder | None = None) -> dict[str, Any]:
    """Return dotted path -> value for what is not said of a training that starts from a model.

    There is none without one: ``init_from`` is what was given, and is checked with the rest of the configuration.
    They are the model's own settings and the RECIPE. Those of a ``run`` that is gone on with are what it began with,
    whatever they are today.
    """
    if not isinstance(init_from, str):
        return {}
    recipe = {**RECIPE, **CLUTTER}
    if run is not None and run.is_begun:
        began = load_config(run.config)
        return {path: get_value(began, path) for path in (*own_keys(), *recipe)}
    model = Bundle.open(init_from).config
    if not model.net.module.note_head:
        recipe = dict(RECIPE)
    return {path: get_value(model, path) for path in own_keys()} | recipe
