"""From a checkpoint and images to label sets; .onnx needs no torch."""
