"""The log of a run, and what is left of a run that ends too soon."""

import logging
from contextlib import contextmanager, suppress

from guitarclf.errors import TrainingError
from guitarclf.runs.folder import RunFolder

logger = logging.getLogger(__name__)


@contextmanager
def discarding_unstarted(run: RunFolder):
    """Remove what a run wrote if it ends before its first epoch did; say how to go on if it was interrupted."""
    try:
        yield
    except BaseException as error:
        if not run.is_underway:
            run.remove_artefacts()
        elif isinstance(error, TrainingError) and run.checkpoints.is_dir():
            last = max(run.checkpoints.glob("epoch_*.pt"), key=lambda path: int(path.stem.removeprefix("epoch_")))
            raise TrainingError(f"{error} The last good checkpoint is {last}.") from error
        elif isinstance(error, KeyboardInterrupt):
            logger.warning("Interrupted. The same command with --resume goes on; the run is in %s", run.root)
        raise


class RunLog(logging.FileHandler):
    """A log that loses a line on a full disk without a traceback: what matters more will stop the run."""

    def handleError(self, record):  # logging's name
        return

    def close(self):
        with suppress(OSError):
            super().close()


@contextmanager
def log_to(path):
    """Also write what the package logs to a file."""
    package_logger = logging.getLogger("guitarclf")
    handler = RunLog(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = package_logger.level
    package_logger.addHandler(handler)
    package_logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        package_logger.removeHandler(handler)
        package_logger.setLevel(level)
        handler.close()
