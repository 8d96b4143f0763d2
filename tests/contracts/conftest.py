"""Each journal in turn. Without a C compiler there is no kernel to test; test_auto.py tests what is done then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.journal import Journal
from tests.contracts.compiled import BUILT, COMPILER
from tests.contracts.journals import JOURNALS_TO_TEST

collect_ignore = [] if BUILT or COMPILER else ["test_native.py", "test_native_bundles.py"]


@pytest.fixture(params=JOURNALS_TO_TEST)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    opened = JOURNALS_TO_TEST[request.param](tmp_path / "journal")
    yield opened
    opened.close()
