"""Masks of objects as other programs write them: runs of pixels (COCO's RLE), and polygons."""
