"""Streams: which frames of fixed cameras are worth learning from.

A label set says what a teacher, or a student, has seen in the frames; a strategy chooses some of
them, which are split lists for a training. The strategies are those of stream-based active
distillation (Manjah et al., CVPR Workshops 2023; arXiv 2404.10411, 2509.20484), and one of ours.
"""
