"""What tests of this folder opened is closed when they end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redis_shared import close_all


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    yield
    close_all()
