"""How guitarclf is packaged; tool settings live in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "guitarclf" / "__init__.py").read_text(encoding="utf-8"))[1]

setup(
    name="guitarclf",
    version=VERSION,
    description="Tell how a single guitar note was played: harmonic, dead note or general note",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    # The folder cli/ is installed as guitarclf.cli, so no top-level package called `cli` is claimed.
    packages=[*find_packages(include=["guitarclf", "guitarclf.*"]), "guitarclf.cli"],
    package_dir={"guitarclf": "guitarclf", "guitarclf.cli": "cli"},
    package_data={"guitarclf": ["pretrained/*"]},
    install_requires=[
        "click>=8.1",
        "filelock>=4.0",  # before, asking for a lock emptied the file of whoever holds it
        "joblib>=1.4",
        "librosa>=0.11",
        "matplotlib>=3.8",
        "numpy>=2.0",
        "onnxruntime>=1.19",
        "pandas>=2.2",
        "pyarrow>=15",
        "PyYAML>=6.0",
        "safetensors>=0.4.3",
        "scikit-learn>=1.6",
        "scipy>=1.12",
        "skorch>=1.4",
        "soundfile>=0.12",
        "soxr>=0.4",
        "torch>=2.6",
        "tqdm>=4.60",
    ],
    extras_require={
        "tensorboard": ["tensorboard>=2.14"],
        "dev": [
            "build>=1.0",
            "hypothesis>=6.100",
            "onnx>=1.16",
            "pytest>=8.0",
            "ruff>=0.6",
            "setuptools>=77",
            "wheel",
            "tensorboard>=2.14",
        ],
    },
    entry_points={"console_scripts": ["guitarclf=guitarclf.cli:main"]},
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Sound/Audio :: Analysis",
    ],
)
