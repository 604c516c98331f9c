"""The prompt study: its design, its cells, its statistics and its report."""
