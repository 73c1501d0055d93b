"""Put a run's model into the package, as the one that ``predict`` uses when none is named.

``python -m guitarclf.experiment.ship RUN`` (the end of ``make pretrained``); the model card beside
it is written by hand.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from guitarclf.bundle.check import read_description, seal
from guitarclf.bundle.folder import BUNDLE_FILES, ONNX_FILE, PRETRAINED, bundle_folder
from guitarclf.bundle.pipelines import load_bundle_config, load_pipeline
from guitarclf.config import Config
from guitarclf.config.files import write_config
from guitarclf.onnx.write import write_net


def ship(run_dir, target=PRETRAINED) -> Path:
    """Copy a run's bundle to ``target`` without the paths of the machine it was made on, with its model.onnx."""
    source, target = bundle_folder(run_dir), Path(target)
    target.mkdir(parents=True, exist_ok=True)
    description = read_description(source)
    for name in BUNDLE_FILES:
        shutil.copyfile(source / name, target / name)
    config, default = load_bundle_config(run_dir), Config()
    training = replace(config.training, init_from=None)
    write_config(
        replace(config, data=default.data, output_dir=default.output_dir, training=training), target / "config.yaml"
    )
    seal(target, description)
    write_net(load_pipeline(target), target / ONNX_FILE)
    seal(target, description)
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ship(sys.argv[1])
