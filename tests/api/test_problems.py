"""Problems as clients read them: what they need, and nothing of where and how the service keeps things."""

from __future__ import annotations

import pytest

from service.api import problems
from service.errors import GatecastError, JournalDamaged, JournalError, JournalLocked, UnknownSession


@pytest.mark.parametrize("kind", [JournalError, JournalDamaged, JournalLocked])
def test_the_journals_place_and_content_are_not_told(kind: type[GatecastError]) -> None:
    error = kind(
        "the journal /var/secret.sqlite is damaged: the name 'a' leads to 'acme\x1fb'", path="/var/secret.sqlite"
    )
    for shown in (problems.document(error), problems.fault(error)):
        assert shown["code"] == kind.code
        assert "secret" not in str(shown)
        assert "acme" not in str(shown)
        assert "log say more" in str(shown)


def test_other_errors_are_told_as_they_are() -> None:
    error = UnknownSession("there is no session 'a'; create it first", last_step=3)
    assert problems.fault(error) == {"code": "unknown_session", "message": error.message, "last_step": 3}
