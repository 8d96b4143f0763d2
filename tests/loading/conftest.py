"""A real service on a port, with the fake runtime, for all tests of a file."""

from __future__ import annotations

from tests.api.conftest import live, open_behind

__all__ = ["live", "open_behind"]
