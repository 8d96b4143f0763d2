"""`gatecast rollback`: the version that served before serves again."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.markup import escape

from commands.asking import Refused, services
from commands.deploy import Key, Url


def rollback(url: Url = "http://127.0.0.1:8000", key: Key = None) -> None:
    """Let the model before take over again, between two batches; its states have kept up.

    Of several services all are asked, also where one refuses.
    """
    told, refused = Console(stderr=True, soft_wrap=True), False
    for service in services(url, key):
        try:
            current = service.ask("POST", "/v1/models/rollback")["current"]
            Console().print(f"[green]✓[/] {escape(str(current['version'] or current['name']))} serves again")
        except Refused as refusal:
            refused = True
            told.print(f"[red]✗[/] {escape(service.url)}: {escape(str(refusal))}")
    if refused:
        raise typer.Exit(1)
