"""A trained model as an ONNX file: written node by node, checked, compared with torch, run."""
