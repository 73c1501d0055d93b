"""Fixtures: the committed bundle, and a file that tells whether the code in a pickle has run."""

import shutil
import sys
from pathlib import Path

import pytest

from guitarclf.bundle.check import FORMAT_VERSION

BUNDLES = Path(__file__).parent.parent / "fixtures" / "bundles"
sys.path.append(str(BUNDLES))


@pytest.fixture
def bundle(tmp_path):
    """A copy of the committed bundle of the newest format."""
    shutil.copytree(BUNDLES / f"v{FORMAT_VERSION}" / "model", tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "code has run"
