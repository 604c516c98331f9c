"""From a checkpoint to an ONNX file, and what its int8 version loses."""
