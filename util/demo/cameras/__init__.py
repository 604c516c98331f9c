"""Paints a harbour that fixed cameras film for weeks: boats, people and birds through the day.

Places are metres as the road's `View` has them: x to the right of the camera, y up from where
people walk, z away from the camera. Times are hours since the midnight before the first frame.
"""
