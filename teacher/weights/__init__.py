"""Weights of teachers: which are known, fetched, read, and what this machine lacks for them."""
