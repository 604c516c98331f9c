"""Strategies that look at the frames themselves: each is read once, as a small gray picture."""
