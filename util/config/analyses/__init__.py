"""Sections of what judges: evaluation, studies, the compression curve, clusters of cameras."""
