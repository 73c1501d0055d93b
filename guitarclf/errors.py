"""What can go wrong for a user, as one tree.

::

    GuitarclfError
    |- ConfigError         (ValueError)  a configuration key or value
    |- ParameterError      (ValueError)  an argument of a function or estimator
    |- LabelError          (ValueError)  y that is not label names
    |- EventTableError     (ValueError)  a table of note events
    |- SplitError          (ValueError)  a train/val/test assignment
    |- TrainingError       (ArithmeticError)  a training that goes wrong
    |- AudioReadError      (OSError)     a recording that cannot be read
    |- RunError            (OSError)     a run folder or model bundle
    `- ClusterError        (RuntimeError)  processes or machines that share the work

Each message says what must hold, what came, and what to do. The command line
prints it in one line and exits with code 1.
"""


class GuitarclfError(Exception):
    """Any error this package raises on purpose."""


class ConfigError(GuitarclfError, ValueError):
    """A configuration key that does not exist or a value that breaks its rule."""


class ParameterError(GuitarclfError, ValueError):
    """An argument of a function or an estimator that breaks its rule."""


class LabelError(GuitarclfError, ValueError):
    """Targets that are not the three label names."""


class EventTableError(GuitarclfError, ValueError):
    """A table of note events that breaks a rule; names file, line, column and value."""


class SplitError(GuitarclfError, ValueError):
    """A split that cannot be made, or that would put a track on two sides."""


class TrainingError(GuitarclfError, ArithmeticError):
    """A training whose loss is no number any more, or explodes."""


class AudioReadError(GuitarclfError, OSError):
    """A recording that is missing, unreadable, or does not reach the asked stretch."""


class RunError(GuitarclfError, OSError):
    """A run folder or a model bundle that is missing, incomplete or already taken."""


class ClusterError(GuitarclfError, RuntimeError):
    """Processes or machines that share the work, and cannot go on with it or cannot be used."""
