"""The one thing that pyproject.toml cannot say: the folder cli/ is installed as guitarclf.cli.

So no top-level package called `cli` is claimed. Everything else is in pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["guitarclf", "guitarclf.*"]), "guitarclf.cli"],
    package_dir={"guitarclf": "guitarclf", "guitarclf.cli": "cli"},
)
