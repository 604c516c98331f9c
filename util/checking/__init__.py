"""What a config's data are, and what would go wrong with them at the next stages."""
