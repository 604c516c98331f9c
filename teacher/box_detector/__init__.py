"""Detectors of things that have names of their own: images in, boxes with classes out."""
