"""What a worker of Dask preloads (``dask worker --preload``) to note each fit that it begins in $FITS_LOG."""

import os

from guitarclf.experiment.candidate_fits import CandidateFits


def noting(fit):
    """Return a fit that is noted before it is made."""

    def noted(fits, job):
        number, fold = job
        with open(os.environ["FITS_LOG"], "a") as log:
            log.write(f"{number} {fold}\n")
        return fit(fits, job)

    noted.notes = True
    return noted


if not hasattr(CandidateFits.__call__, "notes"):  # Dask runs this file twice
    CandidateFits.__call__ = noting(CandidateFits.__call__)
