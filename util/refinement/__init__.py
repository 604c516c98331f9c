"""Refinement: what maps lack in detail, the images have.

Each step is a module with a pure function that makes a map of a map and its image; the script
applies them to a label set, one after another.
"""
