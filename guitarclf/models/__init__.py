"""torch modules: tensors in, logits out; they know no file, no config, no scikit-learn."""
