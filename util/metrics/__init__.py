"""How good boxes and maps are, and how sure that is."""
