"""How work runs: scripts, progress, stops, locks, threads, shares of several processes."""
