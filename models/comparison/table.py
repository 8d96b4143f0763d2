"""What a comparison says in the terminal at its end."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from models.comparison.claims import sized
from models.comparison.page import summary_rows, verdict


def figures_table(report: dict[str, Any]) -> Table:
    """A row for each kind of figure, a column for each model; below it what the test says of their errors."""
    said = [
        f"{found['one']} beside {found['other']}: error {sized(found['share'])}, {verdict(found)}"
        + ("" if found["p_adjusted"] is None else f" (p = {found['p_adjusted']:.2g})")
        for found in report["differences"]
    ]
    held = report["held_out"]
    table = Table(
        title=f"Held-out end: {held['units']:,} {held['kind']}, {report['budget']['seeds']} seeds",
        title_justify="left",
        caption=escape("; ".join(said)),
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for name in report["models"]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in summary_rows(report):
        table.add_row(*(escape(cell) for cell in row))
    return table


def claims_table(report: dict[str, Any]) -> Table:
    table = Table(title="What is often said", title_justify="left")
    for heading in ("claim", "found here"):
        table.add_column(heading, overflow="fold")
    for claim in report["claims"]:
        table.add_row(escape(claim["claim"]), f"[bold]{escape(claim['verdict'])}[/]\n{escape(claim['found'])}")
    return table
