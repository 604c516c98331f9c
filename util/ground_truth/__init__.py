"""True boxes, from any of the usual formats into one table."""
