"""Sections of teachers: what all have in common, and a file for each of them."""
