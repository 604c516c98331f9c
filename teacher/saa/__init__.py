"""Segment-Any-Anomaly (arXiv 2305.10724): detectors, segmenters, saliency, and its algorithm."""
