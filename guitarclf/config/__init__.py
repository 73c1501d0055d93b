"""The configuration: one frozen dataclass per section of the YAML file."""

from guitarclf.config.schema import (
    Config,
    CrossvalConfig,
    DataConfig,
    LogMelConfig,
    NetConfig,
    SearchConfig,
    TrainingConfig,
    WindowConfig,
    feature_shape,
    get_value,
    leaves,
    to_dict,
)
from guitarclf.parameters.sections import CriterionParameters as CriterionConfig
from guitarclf.parameters.sections import ModuleParameters as ModuleConfig
from guitarclf.parameters.sections import OptimizerParameters as OptimizerConfig

__all__ = [
    "Config",
    "CriterionConfig",
    "CrossvalConfig",
    "DataConfig",
    "LogMelConfig",
    "ModuleConfig",
    "NetConfig",
    "OptimizerConfig",
    "SearchConfig",
    "TrainingConfig",
    "WindowConfig",
    "feature_shape",
    "get_value",
    "leaves",
    "to_dict",
]
