"""`gatecast keys` as it is typed: a key is shown once, listed without its secret, and revoked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from service.keys import parts_of, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def typed(path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["keys", *words], env={"GATECAST_KEYS": str(path), "COLUMNS": "120"})


def test_a_key_is_shown_once_and_alone_on_standard_output(path: Path) -> None:
    result = typed(path, "create", "--tenant", "acme", "--scope", "read", "--scope", "admin", "--label", "the [desk]")
    assert result.exit_code == 0
    (text,) = result.stdout.splitlines()
    (key,) = read(path)
    assert parts_of(text)[0] == key.id
    assert (key.tenant, key.scopes, key.label, key.expires) == ("acme", ("read", "admin"), "the [desk]", None)
    assert "It is not shown again" in result.stderr
    assert parts_of(text)[1] not in result.stderr
    shown = typed(path, "list").stdout
    assert all(word in shown for word in (key.id, "acme", "read, admin", "the [desk]", "valid"))
    assert parts_of(text)[1] not in shown


def test_a_key_may_end_by_itself(path: Path) -> None:
    typed(path, "create", "--days", "30")
    (key,) = read(path)
    assert (key.tenant, key.scopes) == ("default", ("read", "write"))
    assert key.expires is not None
    assert (key.expires - key.created).days == 30
    assert f"until {key.expires:%Y-%m-%d}" in typed(path, "list").stdout


def test_a_key_is_one_line_of_the_list_on_a_narrow_terminal_too(path: Path) -> None:
    scopes = [word for scope in ("read", "write", "admin") for word in ("--scope", scope)]
    typed(path, "create", "--tenant", "north-grid", *scopes, "--days", "30")
    listed = CliRunner().invoke(app, ["keys", "list"], env={"GATECAST_KEYS": str(path), "COLUMNS": "80"}).stdout
    (line,) = listed.splitlines()[1:]
    assert all(word in line for word in ("north-grid", "read, write, admin", "until ", " UTC"))


def test_a_key_is_revoked_by_its_id_or_as_a_whole_without_being_printed(path: Path) -> None:
    texts = [typed(path, "create").stdout.strip() for _ in range(2)]
    by_id, whole = typed(path, "revoke", parts_of(texts[0])[0]), typed(path, "revoke", texts[1])
    assert "is revoked" in by_id.stdout
    assert "is revoked" in whole.stdout
    assert parts_of(texts[1])[1] not in whole.output
    assert all(key.revoked for key in read(path))
    assert typed(path, "list").stdout.count("revoked ") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--tenant", "A b"), "1 to 64 of a-z"),
        (("create", "--scope", "root"), "at least one scope of read, write, admin"),
        (("revoke", "00ff00ff"), "there is no file of keys"),
        (("list",), "there is no file of keys"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(path: Path, words: tuple[str, ...], said: str) -> None:
    result = typed(path, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not path.exists()


def test_an_unknown_id_is_named(path: Path) -> None:
    typed(path, "create")
    assert "there is no key '00ff00ff'" in typed(path, "revoke", "00ff00ff").stderr
