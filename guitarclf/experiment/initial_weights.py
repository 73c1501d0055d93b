"""Training that starts from a trained model's weights: what its config takes over, and where it is refused."""

import json
import logging
import shlex
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd

from guitarclf.bundle.folder import PRETRAINED, Bundle
from guitarclf.bundle.pipelines import pipeline_of
from guitarclf.config import Config, get_value, leaves
from guitarclf.errors import ConfigError, RunError
from guitarclf.experiment.fine_tuning import own_keys
from guitarclf.experiment.tables import FEW_EVENTS
from guitarclf.labels import LABELS
from guitarclf.parameters.sections import ArchitectureParameters
from guitarclf.priors import complete_priors
from guitarclf.runs.folder import RunFolder

logger = logging.getLogger(__name__)

# Keys of net.module that shape the weights; dropout and augmentation may change from training to training.
SHAPING_KEYS = [item.name for item in fields(ArchitectureParameters) if item.name != "dropout"]


def with_model_sections(config: Config) -> Config:
    """Return a config with the window, the features and the net's shape of the model in ``training.init_from``.

    Without one the config comes back as it is. ConfigError names a key that was set to something else. A model without
    a note head can be given one, which is then fresh.
    """
    if config.training.init_from is None:
        if config.training.freeze_epochs:
            logger.warning("`training.freeze_epochs` does nothing without `training.init_from`.")
        return config
    bundle = Bundle.open(config.training.init_from)
    pipeline_of(bundle)  # refuses weights that are not what the bundle's config says
    model = bundle.config
    start = bundle.name if bundle.path == PRETRAINED else str(Path(bundle.name).absolute())
    shaping = {name: getattr(model.net.module, name) for name in SHAPING_KEYS}
    adds_note_head = config.net.module.note_head and not model.net.module.note_head
    shaping["note_head"] |= adds_note_head
    taken = replace(
        config,
        window=model.window,
        logmel=model.logmel,
        net=replace(config.net, module=replace(config.net.module, **shaping)),
        training=replace(config.training, init_from=start),
    )
    for path, _ in leaves():
        ours, theirs = get_value(config, path), get_value(taken, path)
        if ours not in (theirs, get_value(Config(), path)) and path != "training.init_from":
            raise ConfigError(
                f"`{path}` must be as in the model that training starts from, {theirs}. Got {ours}. Leave it out."
            )
    logger.info("window, features and the shape of the net are those of %s", config.training.init_from)
    if adds_note_head:
        logger.info("its head for note or not is fresh: %s has none", config.training.init_from)
    _tell_what_is_taken(taken, model)
    return taken


def _tell_what_is_taken(config: Config, model: Config) -> None:
    """Log what the model's net was made and used with that this training is too, and what not, as options that keep it.

    `fine_tuning_defaults` took it; what is not taken was said to be so, or a run goes on that began so.
    """
    shaping = [f"net.module.{name}" for name in SHAPING_KEYS]
    paths = [path for path in own_keys() if not path.startswith(("window.", "logmel.")) and path not in shaping]
    theirs = {path: get_value(model, path) for path in paths if get_value(config, path) != get_value(model, path)}
    same = [path for path in paths if path not in theirs and get_value(model, path) != get_value(Config(), path)]
    if same:
        logger.info("as in that model, too: %s", ", ".join(same))
    if theirs:
        kept = shlex.join(part for path, value in theirs.items() for part in ("--set", f"{path}={json.dumps(value)}"))
        logger.info("not taken over, but as this configuration says: %s. To keep: %s", ", ".join(theirs), kept)


def tell_of_priors(config: Config, labels: pd.Series) -> None:
    """Log that a model started from keeps its shares of the classes, whatever they are among the rows to train on."""
    if config.training.init_from is None or config.net.priors is None:
        return
    priors = dict(zip(LABELS, complete_priors(config.net.priors), strict=True))
    expected = ", ".join(f"{label} {share:.2f}" for label, share in priors.items())
    shares = ", ".join(f"{(labels == label).mean():.2f}" for label in LABELS)
    logger.info("shares of the classes expected in use: %s (net.priors), not those of the table, %s", expected, shares)


def suggest_initial_weights(config: Config, n_events: int) -> None:
    """Log that a table this small is better trained on from a model, if it is and training starts afresh."""
    training = config.training
    if n_events < FEW_EVENTS and training.init_from is None and not training.add_modelled:
        logger.info("%d notes are few to train fresh weights on. --init-from pretrained is likely better.", n_events)


def require_fresh_weights(config: Config, command: str) -> None:
    """Raise ConfigError for ``training.init_from`` in a command whose folds need nets of their own."""
    if config.training.init_from is not None:
        raise ConfigError(
            f"`training.init_from` must be null in `{command}`: a model may have heard what a fold leaves out. "
            f"Got {config.training.init_from}."
        )


def require_outside(run: RunFolder, model: Path) -> None:
    """Raise RunError if the model that training starts from lies in the run that is to be replaced."""
    if model.resolve().is_relative_to(run.root.resolve()):
        raise RunError(
            f"`training.init_from` must lie outside the run that --overwrite replaces. Got {model}. "
            "Choose another --output-dir."
        )
