"""Opens a trained student and puts images before it; `.onnx` needs no torch."""
