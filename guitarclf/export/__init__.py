"""A trained model as an ONNX file: the net for `predict`, or all from waveform to probabilities for other programs."""
