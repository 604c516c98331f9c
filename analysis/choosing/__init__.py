"""How far the choice of frames matters: cameras, strategies, budgets and seeds that are crossed."""
