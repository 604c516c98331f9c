"""Scripts that read label sets and runs, and what they share; no other stage imports them."""
