"""Programs of others, which tests run for real: Redis, Prometheus, a browser."""

from __future__ import annotations

import os
import shutil

import pytest

EVERYTHING = "GATECAST_TEST_EVERYTHING"  # set where nothing may be left out, as by `make check`


def program(*names: str, package: str) -> str:
    """Where the first of these is; without one the test is skipped with what to install, or fails if all must run."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is not None:
        return found
    missing = f"{names[0]} is missing: install {package} (of Debian, or as it is called here)"
    if os.environ.get(EVERYTHING) or "PYTEST_CURRENT_TEST" not in os.environ:
        raise AssertionError(missing)
    pytest.skip(missing)  # a newcomer's `make test` names it at the end; `make check`, and so CI, has failed above
