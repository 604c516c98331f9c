"""Networks that learn from labels of whole images which of them show what is looked for."""
