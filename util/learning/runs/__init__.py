"""A training in its folder: what is kept there, logged and tracked."""
