"""The candidates of a search: which there are, the config of each, and which share their features."""

from collections.abc import Sequence

from sklearn.model_selection import ParameterGrid, ParameterSampler

from guitarclf.config import Config, leaves
from guitarclf.config.files import with_values
from guitarclf.errors import ConfigError
from guitarclf.experiment.train import check_buildable
from guitarclf.pipeline import SECTIONS


def list_candidates(config: Config) -> list[dict]:
    """Return the candidates of ``search.params``, each as config path -> value; ConfigError if one cannot be built."""
    if not config.search.params:
        raise ConfigError(
            "`search.params` must name at least one key and its values, such as {net.lr: [1e-3, 3e-4]}. It is empty."
        )
    searchable = [path for path, _ in leaves() if path.split(".")[0] in SECTIONS]
    for path, values in config.search.params.items():
        if path not in searchable:
            raise ConfigError(
                f"`search.params` must hold keys under {', '.join(SECTIONS)}. Got `{path}`. "
                f"They are: {', '.join(searchable)}."
            )
        if not values:
            raise ConfigError(f"`search.params` must give `{path}` at least one value. It has none.")
    candidates = list(ParameterGrid(config.search.params))
    if config.search.method == "random" and config.search.n_iter < len(candidates):
        candidates = list(ParameterSampler(config.search.params, n_iter=config.search.n_iter, random_state=config.seed))
    for candidate in candidates:
        check_buildable(apply_candidate(config, candidate))
    return candidates


def apply_candidate(config: Config, candidate: dict) -> Config:
    """Return the config with a candidate's values in it."""
    return with_values(config, candidate, source=f"search candidate {describe(candidate)}")


def describe(candidate: dict) -> str:
    """Return a candidate in one line."""
    return ", ".join(f"{path}={value}" for path, value in candidate.items())


def by_setting(config: Config, candidates: Sequence[dict]) -> dict[str, list[int]]:
    """Return setting -> numbers of the candidates that share its features, in the order in which they first come."""
    numbers: dict[str, list[int]] = {}
    for number, candidate in enumerate(candidates):
        numbers.setdefault(features_setting(apply_candidate(config, candidate)), []).append(number)
    return numbers


def features_setting(config: Config) -> str:
    """Return the text that tells settings of window and logmel apart."""
    return repr((config.window, config.logmel))
