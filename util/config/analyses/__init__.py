"""Sections of what judges: evaluation, the prompt study and the compression curve."""
