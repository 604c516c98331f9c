"""The teacher stage: images and prompts in, label sets out."""
