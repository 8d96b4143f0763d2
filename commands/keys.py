"""`gatecast keys`: makes, lists and revokes the keys that a service admits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from datetime import datetime

_File = Annotated[
    Path,
    typer.Option("--keys", envvar="GATECAST_KEYS", help="The file of keys, as of `gatecast serve --keys`."),
]
_Tenant = Annotated[
    str, typer.Option(help="Whose sessions it opens; `default` are those of a service without keys (a-z, 0-9, -).")
]
_Scope = Annotated[
    list[str], typer.Option(help="read (forecasts, GET), write (sessions, streams), admin; may be given several times.")
]
_Label = Annotated[str, typer.Option(help="A word for yourself: who has this key.")]
_Days = Annotated[
    float | None, typer.Option(min=0, help="When it ends by itself; never if left out.", show_default=False)
]
_Id = Annotated[str, typer.Argument(help="As `gatecast keys list` shows it; no secret.", show_default=False)]
_DEFAULT = Path("var/keys.json")
_WIDTH = 120

keys = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    help="Make, list and revoke the keys that a service admits.",
)


@keys.command()
def create(
    tenant: _Tenant = "default",
    scope: _Scope = ["read", "write"],  # noqa: B006 (typer reads it)
    label: _Label = "",
    days: _Days = None,
    file: _File = _DEFAULT,
) -> None:
    """Make a key and print it, this once: the file keeps only what it takes to know it again."""
    from service.keys import changing, made, now

    said = Console(stderr=True, soft_wrap=True, highlight=False)
    with _told():
        key, text = made(tenant, scope, label, now(), days)
        with changing(file) as kept:
            kept.append(key)
    typer.echo(text)  # alone on standard output, so that it can be sent on without being shown
    lasts = f"until {_day(key.expires)}" if key.expires else "until it is revoked"
    said.print(
        f"[green]✓[/] key [bold]{key.id}[/] of tenant {escape(key.tenant)}, {', '.join(key.scopes)}, {lasts}, "
        f"in {escape(str(file))}\n  It is not shown again. Clients send it as `Authorization: Bearer <key>`."
    )


@keys.command("list")
def list_keys(file: _File = _DEFAULT) -> None:
    """Show the keys there are; none of their secrets is kept anywhere."""
    from service.keys import now, read

    console = Console()
    console.width = max(console.width, _WIDTH)  # a key is one line
    with _told():
        kept = read(file)
    table = Table(box=None, pad_edge=False)
    for name in ("id", "tenant", "scopes", "label", "created", "state"):
        table.add_column(name, no_wrap=name != "label")
    for key in kept:
        ended = key.ended(now())
        opens = f"until {_day(key.expires)}" if key.expires else "valid"
        if ended is not None:
            opens = f"revoked {_day(key.revoked)}" if key.revoked else f"expired {_day(key.expires)}"
        words = key.id, key.tenant, ", ".join(key.scopes), escape(key.label), f"{key.created:%Y-%m-%d}", opens
        table.add_row(*words, style="dim" if ended else "")
    console.print(table if kept else "There are no keys yet: `gatecast keys create` makes one.")


@keys.command()
def revoke(key: _Id, file: _File = _DEFAULT) -> None:
    """End a key: within seconds running services refuse it and close its streams."""
    from service.keys import changing, now, parts_of, read, revoked

    key_id = parts_of(key)[0] or key  # the whole key does too, and is not printed
    with _told():
        read(file)
        with changing(file) as kept:
            kept[:] = revoked(kept, key_id, now())
    Console(soft_wrap=True, highlight=False).print(f"[green]✓[/] key [bold]{escape(key_id)}[/] is revoked")


@contextmanager
def _told() -> Iterator[None]:
    """A fault ends the command in one line."""
    from service.errors import GatecastError

    try:
        yield
    except GatecastError as error:
        Console(stderr=True, soft_wrap=True).print(f"[red]✗[/] {escape(error.message)}", highlight=False)
        raise typer.Exit(1) from None


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
