"""CLIP (OpenAI, 2021) as a teacher, by CLIP-ES: from a text to where an image is as it says."""
