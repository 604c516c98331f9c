"""Weights of teachers: fetched, read, and what this machine lacks for them."""
