"""What `gatecast serve` says at its start, and to whom it does not matter."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from commands.lasting import LastingConsole
from commands.serve import console
from service.bundle import Bundle
from service.errors import BundleError


def test_a_run_is_no_bundle_yet_and_the_line_that_makes_it_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BundleError, match=rf"gatecast export {tmp_path} --out {tmp_path}\.bundle$"):
        Bundle.open(tmp_path)


def test_a_service_goes_on_where_nobody_reads_what_it_says() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    assert isinstance(console, LastingConsole)
    gone = LastingConsole(file=Gone())
    gone.print("Gatecast is ready")
    gone.print("and no more is said")
