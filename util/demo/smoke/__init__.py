"""Paints industrial skylines filmed by fixed cameras: smoke, and what is mistaken for smoke.

Places in a site are heights of the picture: x to the right of its left edge, y up from the horizon.
Places in a picture are pixels, x to the right and y down. Light is linear.
"""
