"""Tables of a page: cells that are text, the best of a column marked, and numbers as a reader wants them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

ABSENT = "–"


class Best(str):
    """A cell that is the best of its column."""

    __slots__ = ()


class Ours(str):
    """The name at the head of the row that the page is about."""

    __slots__ = ()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "figures") -> str:
    """A table that scrolls where the screen is narrower; all cells are text."""
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in headings)
    body = "".join(_row(row) for row in rows)
    return f"<div class='wide'><table class='{kind}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def folded(summary: str, content: str) -> str:
    """Content that is shown when its summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def number(value: float | None, digits: int = 4) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def whole(value: int | None) -> str:
    return ABSENT if value is None else f"{value:,}"


def _row(row: Sequence[str]) -> str:
    cells = "".join(_cell(cell) for cell in row)
    return f"<tr class='ours'>{cells}</tr>" if row and isinstance(row[0], Ours) else f"<tr>{cells}</tr>"


def _cell(cell: str) -> str:
    return f"<td class='best'>{escape(cell)}</td>" if isinstance(cell, Best) else f"<td>{escape(cell)}</td>"
