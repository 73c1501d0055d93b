"""Put a run's model into the package, as the one that ``predict`` uses when none is named.

``python -m guitarclf.experiment.ship RUN`` (the end of ``make pretrained``); the model card beside
it is written by hand.
"""

import sys
from dataclasses import replace
from pathlib import Path

from guitarclf.bundle.folder import CONFIG, ONNX_FILE, PRETRAINED, PRETRAINED_LICENSE, WEIGHTS, Bundle, seal
from guitarclf.bundle.pipelines import pipeline_of
from guitarclf.config import Config
from guitarclf.config.files import write_config
from guitarclf.files.whole import write_bytes
from guitarclf.onnx.write import write_net


def ship(run_dir: str | Path, target: str | Path = PRETRAINED) -> Path:
    """Write a run's bundle to ``target`` without the paths of the machine it was made on, with its model.onnx."""
    bundle, target = Bundle.open(run_dir), Path(target)
    pipeline, config, default = pipeline_of(bundle), bundle.config, Config()
    training = replace(config.training, init_from=None, background_path=None, threads=default.training.threads)
    target.mkdir(parents=True, exist_ok=True)
    write_bytes(target / WEIGHTS, bundle.read(WEIGHTS))
    write_config(replace(config, data=default.data, output_dir=default.output_dir, training=training), target / CONFIG)
    write_net(pipeline, target / ONNX_FILE, license=PRETRAINED_LICENSE)
    seal(target, bundle.description)
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ship(sys.argv[1])
