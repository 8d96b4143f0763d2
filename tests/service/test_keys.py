"""The file of keys: what it keeps, what it never keeps, and what is said of one that cannot be read."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.access_errors import KeysError
from service.keys import changing, digest_of, made, parts_of, read, revoked

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys.json"


def add(path: Path, tenant: str = "acme", *scopes: str) -> str:
    key, text = made(tenant, scopes or ("read",), "", NOON)
    with changing(path) as kept:
        kept.append(key)
    return text


def test_a_key_is_kept_without_its_secret(path: Path) -> None:
    text = add(path, "acme", "write", "read")
    key_id, secret = parts_of(text)
    (key,) = read(path)
    assert (key.id, key.tenant, key.scopes, key.created) == (key_id, "acme", ("read", "write"), NOON)
    assert key.sha256 == digest_of(secret).hex()
    assert secret not in path.read_text()
    assert secret not in repr(key)


def test_a_secret_has_256_random_bits() -> None:
    secrets = {parts_of(made("a", ["read"], "", NOON)[1])[1] for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {43}  # of base64url


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    add(path)
    path.chmod(0o644)
    add(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_a_change_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    add(path)
    before = path.read_bytes()

    def fail() -> None:
        with changing(path) as kept:
            kept.clear()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == before


def test_keys_made_at_once_are_all_kept(path: Path) -> None:
    threads = [threading.Thread(target=add, args=(path, f"t{at}")) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.tenant for key in read(path)) == [f"t{at}" for at in range(8)]


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    key, _ = made("acme", ["read"], "", NOON, days=2)
    assert key.ended(NOON + timedelta(days=1, hours=23)) is None
    assert key.ended(NOON + timedelta(days=2)) == "this key has expired"
    (gone,) = revoked([key], key.id, NOON)
    assert gone.ended(NOON) == "this key was revoked"
    assert revoked([gone], key.id, NOON + timedelta(days=1)) == [gone]


@pytest.mark.parametrize("tenant", ["", "Acme", "a b", "a\x1fb", "a" * 65, "acme\n", "ä"])
def test_a_tenant_has_a_plain_name(tenant: str) -> None:
    with pytest.raises(KeysError, match="1 to 64 of a-z"):
        made(tenant, ["read"], "", NOON)


@pytest.mark.parametrize("scopes", [[], ["all"], ["read", "root"]])
def test_scopes_are_those_there_are(scopes: list[str]) -> None:
    with pytest.raises(KeysError, match="at least one scope of read, write, admin"):
        made("acme", scopes, "", NOON)


def test_an_expiry_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(KeysError, match="before the year 10000"):
        made("acme", ["read"], "", NOON, days=1e9)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("gc_00ff00ff_a_b-c", ("00ff00ff", "a_b-c")),
        ("gc_00FF00FF_a", ("", "gc_00FF00FF_a")),
        ("gx_00ff00ff_a", ("", "gx_00ff00ff_a")),
        ("gc_00ff00ff\n_a", ("", "gc_00ff00ff\n_a")),
        ("", ("", "")),
    ],
)
def test_what_is_no_key_has_no_id(text: str, parts: tuple[str, str]) -> None:
    assert parts_of(text) == parts


def test_a_file_that_is_not_there_says_how_it_comes_to_be(path: Path) -> None:
    with pytest.raises(KeysError, match="gatecast keys create"):
        read(path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-20], "are damaged"),
        (lambda text: text.replace('"sha256": "', '"sha256": "g'), "are damaged"),
        (lambda text: text.replace('"read"', '"root"'), "are damaged"),
        (lambda text: text.replace('"acme"', '"a/b"'), "are damaged"),
        (lambda text: text.replace('"tenant"', '"tenants"'), "are damaged"),
        (lambda text: text.replace("Z", ""), "are damaged"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "another version of Gatecast"),
        (lambda _: "[]", "are damaged"),
        (lambda _: "{}", "another version of Gatecast"),
        (lambda _: "\xff", "are damaged"),
        (lambda _: '{"version": ' + 100_000 * "[", "are damaged"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, damage: object, said: str) -> None:
    text = add(path)
    path.write_text(damage(path.read_text()), encoding="latin-1")  # type: ignore[operator]
    with pytest.raises(KeysError, match=said) as refused:
        read(path)
    assert parts_of(text)[1] not in str(refused.value)


def test_two_keys_of_one_id_are_damage(path: Path) -> None:
    add(path)
    with changing(path) as kept:
        kept.append(kept[0])
    with pytest.raises(KeysError, match="two have the same id"):
        read(path)
