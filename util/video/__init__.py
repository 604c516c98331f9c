"""Videos, decoded by PyAV, and frames of them as images."""
