"""Cells: pieces of work that are made once, whatever they are for, and how they are run."""
