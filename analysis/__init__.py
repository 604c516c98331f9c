"""Scripts that read label sets and runs; nothing imports them."""
