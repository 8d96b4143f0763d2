"""Access: who comes in with which key, and when no more."""

from __future__ import annotations

import hmac
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.access import ANONYMOUS, ANYONE, STRANGER, Access
from service.access_errors import AccessUnavailable, Forbidden, KeysError, Unauthenticated
from service.keys import changing, made, parts_of, revoked
from service.logs import open_log

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Gate:
    """An access over a file of its own, with clocks that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.json"
        self.log = io.StringIO()
        self.today = NOON
        self.seconds = 0.0

    def add(self, tenant: str = "acme", *scopes: str, days: float | None = None) -> str:
        key, text = made(tenant, scopes or ("read",), "", NOON, days)
        with changing(self.path) as kept:
            kept.append(key)
        return text

    def revoke(self, text: str) -> None:
        with changing(self.path) as kept:
            kept[:] = revoked(kept, parts_of(text)[0], self.today)

    def open(self, anonymous: bool = False) -> Access:
        log = open_log("debug", "json", self.log)
        return Access(self.path, log, anonymous, now=lambda: self.today, clock=lambda: self.seconds)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_a_key_opens_what_it_was_made_for(gate: Gate) -> None:
    text = gate.add("acme", "read", "admin")
    caller = gate.open().admit(text)
    assert (caller.tenant, caller.scopes) == ("acme", {"read", "admin"})
    caller.require("read")
    with pytest.raises(Forbidden, match="needs the scope 'write'") as refused:
        caller.require("write")
    assert refused.value.facts == {"scope": "write"}


def test_the_default_tenant_is_that_of_a_service_without_keys(gate: Gate) -> None:
    text = gate.add("default")
    assert gate.open().admit(text).tenant == ANYONE.tenant == ""


def test_no_key_is_refused_unless_anybody_may_come(gate: Gate) -> None:
    gate.add()
    with pytest.raises(Unauthenticated, match="a key was expected, got none"):
        gate.open().admit(None)
    caller = gate.open(anonymous=True).admit(None)
    assert caller is ANONYMOUS
    caller.require("write")
    with pytest.raises(Unauthenticated, match="needs a key with the scope 'admin'"):
        caller.require("admin")


def test_a_wrong_key_is_refused_even_where_anybody_may_come(gate: Gate) -> None:
    gate.add()
    with pytest.raises(Unauthenticated):
        gate.open(anonymous=True).admit("gc_00ff00ff_wrong")


def test_what_is_wrong_with_a_key_is_not_told_to_those_who_guess(gate: Gate) -> None:
    text, ended = gate.add(), gate.add(days=1)
    gate.today += timedelta(days=2)
    access = gate.open()
    guesses = [f"{text}x", text[:-1], f"gc_00ff00ff_{parts_of(text)[1]}", "", "x", "é\ud800", f"{ended}x"]
    said = set()
    for guess in guesses:
        with pytest.raises(Unauthenticated) as refused:
            access.admit(guess)
        said.add(refused.value.message)
    assert len(said) == 1
    with pytest.raises(Unauthenticated, match="this key has expired"):
        access.admit(ended)


def test_unknown_ids_take_the_way_of_known_ones(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    text = gate.add()
    access = gate.open()
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def counting(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    for guess in (text, f"{text}x", "gc_00ff00ff_x", "no key at all"):
        try:
            access.admit(guess)
        except Unauthenticated:
            assert guess != text
    assert compared == [(32, 32)] * 4


def test_the_key_that_nobody_has_admits_nobody(gate: Gate) -> None:
    gate.add()
    for guess in ("gc_00000000_", f"gc_00000000_{'0' * 43}"):
        with pytest.raises(Unauthenticated, match="none of this service's"):
            gate.open().admit(guess)


def test_a_revoked_key_ends_within_a_second_of_a_running_service(gate: Gate) -> None:
    text = gate.add()
    access = gate.open()
    caller = access.admit(text)
    gate.revoke(text)
    assert access.admit(text)
    assert access.ended(caller) is None
    gate.seconds = 1.0
    assert access.ended(caller) == "this key was revoked"
    with pytest.raises(Unauthenticated, match="this key was revoked"):
        access.admit(text)


def test_a_key_that_is_made_meanwhile_opens_within_a_second(gate: Gate) -> None:
    gate.add()
    access = gate.open()
    text = gate.add("beta")
    gate.seconds = 1.0
    assert access.admit(text).tenant == "beta"
    assert gate.lines[-1]["event"] == "keys read"


def test_a_key_expires_without_anybody_touching_the_file(gate: Gate) -> None:
    text = gate.add(days=1)
    access = gate.open()
    caller = access.admit(text)
    gate.today += timedelta(days=1)
    assert access.ended(caller) == "this key has expired"
    assert len(access) == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda _: "[]", "this key was removed"), (lambda keys: keys.replace("acme", "beta"), "this key was changed")],
)
def test_a_caller_whose_key_became_another_is_out(gate: Gate, change: Any, said: str) -> None:
    text = gate.add()
    access = gate.open()
    caller = access.admit(text)
    whole = gate.path.read_text()
    first, last = whole.index("["), whole.rindex("]") + 1
    gate.path.write_text(whole[:first] + change(whole[first:last]) + whole[last:])
    gate.seconds = 1.0
    assert access.ended(caller) == said


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
def test_a_file_that_breaks_lets_nobody_in_until_it_is_mended(gate: Gate, damage: Any) -> None:
    text = gate.add()
    access = gate.open()
    caller = access.admit(text)
    kept = gate.path.read_bytes()
    damage(gate.path)
    gate.seconds = 1.0
    for sent in (text, "gc_00ff00ff_x"):
        with pytest.raises(AccessUnavailable) as refused:
            access.admit(sent)
        assert str(gate.path) not in refused.value.message
    assert access.ended(caller) is None  # what is open stays open
    errors = [line for line in gate.lines if line["level"] == "error"]
    assert len(errors) == 1
    assert str(gate.path) in errors[0]["reason"]
    gate.path.write_bytes(kept)
    gate.seconds = 2.0
    assert access.admit(text) == caller


def test_a_service_does_not_start_on_keys_that_it_cannot_read(gate: Gate) -> None:
    with pytest.raises(KeysError, match="gatecast keys create"):
        gate.open()


def test_the_file_is_not_read_again_while_it_stays_as_it_is(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    text = gate.add()
    access = gate.open()
    looked: list[object] = []
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: (looked.append(path), real(path))[1])
    monkeypatch.setattr("service.access.read", lambda _: pytest.fail("it was read again"))
    for moment in (0.1, 0.5, 1.1, 1.2, 2.3):
        gate.seconds = moment
        access.admit(text)
    assert len(looked) == 2


def test_strangers_may_do_nothing() -> None:
    for scope in ("read", "write", "admin"):
        with pytest.raises(Unauthenticated):
            STRANGER.require(scope)
        ANYONE.require(scope)
