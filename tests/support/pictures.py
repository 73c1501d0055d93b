"""How pictures are compared with those in the repository."""

import matplotlib
import pytest

DRAWN_WITH = "3.11"  # of matplotlib; other versions bring another FreeType, whose letters take another room
IS_SAME = matplotlib.__version__.startswith(f"{DRAWN_WITH}.")


def looks_the_same(test):
    """Mark a test that returns a figure: it must look as the PNG of its name in ``baseline/``, beside its module."""
    is_compared = pytest.mark.mpl_image_compare(tolerance=2, savefig_kwargs={"dpi": 80})  # RMS of 255
    return pytest.mark.skipif(not IS_SAME, reason=f"drawn with matplotlib {DRAWN_WITH}")(is_compared(test))
