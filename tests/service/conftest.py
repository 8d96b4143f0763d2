"""What tests of this folder open, again and again, and that it is closed when they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.journal import Journal, open_journal
from tests.redis_shared import close_all
from tests.service.engines import memory


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Journal]:
    """The same journal, as often as it is asked for: of the process, and of a file."""
    if request.param == "memory":
        kept = memory()
        return lambda: kept
    return lambda: open_journal(f"sqlite:{tmp_path / 'journal.sqlite'}", 1, "1h", "process")
