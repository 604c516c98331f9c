"""Tables as people and programs write them: CSV of which every bad row can be named."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from util.errors import UserError

_SEPARATORS = {";": "';'", ",": "','", "\t": "tabs", "|": "'|'"}


def read_text_table(
    path: Path, content: str, columns: Sequence[str], separator: str = ";"
) -> pd.DataFrame:
    """Read a CSV as text, so that bad rows can be named.

    Quotes round cells do not matter; row numbers in front, blank lines and empty columns at the end
    are passed over.

    Args:
        path: Of the file.
        content: What its rows are, for errors, such as `boxes`.
        columns: That its first line should name, for errors; whether it does is not looked at.
        separator: Of its cells.

    Returns:
        The columns that the file has, as text, and first of all the number of each `line`. A cell
        that a line lacks is empty.

    Raises:
        UserError: The file is missing or no text, has another separator or lines of more cells, or
            a quote is not closed, or its first line leaves doubt what a column is.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"the {content} {path} cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"the {content} {path} are no text in UTF-8 (byte {error.start + 1}: {error.reason}); "
            "save them as CSV in UTF-8"
        ) from None
    stripped = text.lstrip()
    first_line = text[: len(text) - len(stripped)].count("\n") + 1
    cells = _parse_cells(path, stripped, first_line, separator)
    header = [str(cell).strip() for cell in cells.iloc[0]]
    table = cells[1:]
    _check_header(path, content, separator.join(columns), header, table, separator)
    table.columns = pd.Index(header)
    table = table.drop(columns=["", "line"], errors="ignore")  # of the name, too, that is ours
    table.insert(0, "line", np.arange(first_line + 1, first_line + 1 + len(table)))
    nameless = table[_is_blank(table.iloc[:, 1])]
    return table.drop(nameless.index[nameless.iloc[:, 1:].apply(_is_blank).all(axis=1)])


def _parse_cells(path: Path, text: str, first_line: int, separator: str) -> pd.DataFrame:
    """Split text into cells; `first_line` is its number in the file, for errors."""
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame([[""]])
    except pd.errors.ParserError as error:
        if quote := re.search(r"EOF inside string starting at row (\d+)", str(error)):
            raise UserError(
                f"{path}: a quote that is opened in line {int(quote[1]) + first_line} is not "
                "closed; close it, or take it out"
            ) from None
        odd = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if odd is None:
            raise UserError(f"{path}: {error}") from None
        raise UserError(
            f"{path}: expected {odd[1]} values in each line, but line "
            f"{int(odd[2]) + first_line - 1} has {odd[3]}"
        ) from None


def _is_blank(cells: pd.Series) -> pd.Series:
    """Tell which cells have nothing in them but blanks; of many alike one is looked at."""
    return cells.isin([cell for cell in cells.unique() if not cell.strip()])


def _check_header(
    path: Path,
    content: str,
    expected: str,
    header: Sequence[str],
    table: pd.DataFrame,
    separator: str,
) -> None:
    """Refuse a header that leaves doubt what a column is; row numbers in front need no name."""
    named = [name for name in header if name]
    if len(named) < 2:
        found = next((name for sign, name in _SEPARATORS.items() if sign in header[0]), None)
        wanted = _SEPARATORS[separator]
        other = f"its values are separated by {found}, expected {wanted}: " if found else ""
        raise UserError(f"{path} is no CSV of {content}; {other}its first line must be {expected}")
    if len(set(named)) < len(named):
        raise UserError(
            f"{path} is no CSV of {content}; it names a column twice: its first line must be "
            f"{expected}"
        )
    for number, name in enumerate(header):
        if number and not name and not _is_blank(table[number]).all():
            raise UserError(
                f"{path}: column {number + 1} has values, but no name in the first line"
            )
