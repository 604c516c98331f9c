"""Painted views from a car along a street, and things on it that are of no class.

World coordinates are metres: x to the right of the car, y up from the ground, z ahead of the
camera. Colours of things are RGB as a display has them, 0 to 255; light is linear.
"""
