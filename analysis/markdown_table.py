"""Tables of texts in Markdown, for reports."""

import pandas as pd


def to_markdown(table: pd.DataFrame) -> str:
    """Write a table of texts as Markdown; a bar in a text is no end of a cell."""
    rows = [[*table.columns], ["---"] * table.shape[1], *table.to_numpy().tolist()]
    cells = [[" ".join(str(text).split()).replace("|", "\\|") for text in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
