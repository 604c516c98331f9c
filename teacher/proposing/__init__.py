"""Masks of things, without what they are: boxes of a label set outlined, or a grid of points.

`teacher/mask_proposals.py` writes them, and the step sepl of a refinement merges maps with them.
"""
