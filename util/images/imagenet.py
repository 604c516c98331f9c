"""How the images of ImageNet are distributed, by which most pretrained networks normalise."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""Of RGB in [0, 1]."""
