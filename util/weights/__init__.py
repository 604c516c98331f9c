"""Weights that others have trained: which are known, where they lie, what tells them apart."""
