"""The configuration: one frozen dataclass per section of the YAML file."""

from guitarclf.config.schema import (
    Config,
    CriterionConfig,
    CrossvalConfig,
    DataConfig,
    LogMelConfig,
    ModuleConfig,
    NetConfig,
    OptimizerConfig,
    SearchConfig,
    TrainingConfig,
    WindowConfig,
    get_value,
    leaves,
    to_dict,
)

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
    "get_value",
    "leaves",
    "to_dict",
]
