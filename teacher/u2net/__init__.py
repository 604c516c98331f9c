"""U²-Net as a teacher: what stands out in an image, of whatever class, for no prompt."""
