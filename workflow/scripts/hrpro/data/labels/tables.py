"""Tables as text: cells between commas, semicolons or tabs, with or without a header."""

import io
import re

import pandas as pd

from ...utils.errors import InputError
from .label import text_of

SEPARATORS = ",;\t"
MOST = 1000  # cells of a line; a table of many more takes minutes, and memory


def read_cells(path, text: str) -> pd.DataFrame:
    """The cells of a CSV file's text as text, its header among them; the index holds the lines.

    Blank lines are left out. Between cells stand commas, semicolons or tabs, whichever the first line has
    most of. A cell that a row lacks is NaN; there are as many columns as the longest row can have cells.
    """
    lines = lines_of(text)
    first = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    width = max(line.count(separator) for line in lines) + 1
    if width > MOST:
        raise InputError(f"{path}: a line of {width} cells; expected at most {MOST}, correct it")
    file = io.StringIO(text)
    try:
        table = pd.read_csv(
            file,
            engine="python",  # the other one tells no missing cell from an empty one
            sep=separator,
            header=None,
            names=range(width),
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except pd.errors.ParserError as error:
        line = len(lines_of(text[: file.tell()].rstrip("\r\n")))
        raise InputError(f"{path}: line {line}: {error}; correct the quotes") from None
    line_breaks = table.apply(lambda cells: cells.str.count("\n")).sum(axis="columns")  # in quotes
    table = table.set_axis(table.index + 1 + line_breaks.cumsum().astype(int))
    blank = table.fillna("").apply(lambda cells: cells.str.strip() == "").all(axis="columns")
    return table[~blank]


def lines_of(text: str) -> list[str]:
    """The lines of a table; a form feed, at which Python ends a line too, is a part of one."""
    return re.split("\r\n|\r|\n", text)


def rows_of(path, *columns: str) -> list[tuple[int, dict[str, str]]]:
    """The rows below a table's header as (line, {column: cell without blanks at its ends}).

    The header is the first line that has all of `columns`. A cell that a row lacks is empty. Raises
    InputError where there is none, one of `columns` stands in it twice, in any case, or a row has more cells.
    """
    cells = read_cells(path, text_of(path)).fillna("").apply(lambda column: column.str.strip())
    lines = list(zip(cells.index, cells.itertuples(index=False, name=None), strict=True))
    for row, (_, header) in enumerate(lines):
        if set(columns) <= set(header):
            spelt = [cell.casefold() for cell in header]
            for column in columns:
                if spelt.count(column.casefold()) > 1:
                    raise InputError(f"{path}: column {column!r} stands twice; remove one")
            width = max(place for place, cell in enumerate(header, 1) if cell)
            for line, values in lines[row + 1 :]:
                if any(values[width:]):
                    raise InputError(
                        f"{path}: line {line}: more cells than the header's {width}; put a cell with a "
                        "separator in it into quotes"
                    )
            return [(line, dict(zip(header, values, strict=True))) for line, values in lines[row + 1 :]]
    raise InputError(f"{path}: line 1: no header with the columns {', '.join(columns)}; export it anew")


def header_of(head: str) -> set[str]:
    """The cells of the first line of a text that is not blank, in lower case."""
    line = next((line for line in head.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=line.count)
    return {cell.strip().strip('"').strip().lower() for cell in line.split(separator)}
