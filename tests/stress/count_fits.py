"""What a worker of Dask preloads (``dask worker --preload``) to note each fit that it begins in $FITS_LOG."""

import os

from guitarclf.experiment.candidate_fits import CandidateFits

fit = CandidateFits.__call__


def noted(fits, job):
    """Note a fit, and do it."""
    number, fold = job
    with open(os.environ["FITS_LOG"], "a") as log:
        log.write(f"{number} {fold}\n")
    return fit(fits, job)


CandidateFits.__call__ = noted
