"""A service in this process, as the tests of the edge have it."""

from tests.api.conftest import open_inside

__all__ = ["open_inside"]
