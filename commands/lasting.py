"""A console whose reader may go."""

from __future__ import annotations

from rich.console import Console


class LastingConsole(Console):
    """What is said at the start is not what a service lives on: where nobody reads it any more, no more is said."""

    def on_broken_pipe(self) -> None:
        """Instead of ending the process, as others do."""
        self.quiet = True
