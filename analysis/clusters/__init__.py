"""Cameras that can share a student: how far apart they are, and which belong together."""
