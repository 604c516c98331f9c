"""The student stage: a label set in, a trained network and its predictions out."""
