"""Which prompt or combination to use, told without labels."""
