"""Paints aerial pictures of the open sea: water, birds and what is mistaken for birds."""
