"""Exposure: a service that others can reach and that asks for no key was meant to be so, or does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import SettingsError
from service.exposure import concerns, refuse_strangers
from service.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_on_this_machine_alone_no_key_is_needed(host: str) -> None:
    refuse_strangers(Settings.read(bundle="b", host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "::ffff:192.0.2.7"])
def test_where_others_come_keys_are_asked_for_or_it_is_said_that_they_are_not(host: str) -> None:
    with pytest.raises(SettingsError, match=r"gatecast keys create.*--allow-anonymous.*GATECAST_ALLOW_ANONYMOUS"):
        refuse_strangers(Settings.read(bundle="b", host=host))
    refuse_strangers(Settings.read(bundle="b", host=host, allow_anonymous=True))
    refuse_strangers(Settings.read(bundle="b", host=host, keys=Path("keys.json")))


def test_it_is_said_by_a_variable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATECAST_ALLOW_ANONYMOUS", "true")
    refuse_strangers(Settings.read(bundle="b", host="0.0.0.0"))


def test_what_an_operator_should_know_of_keys_is_told(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("{}")
    keys.chmod(0o644)
    assert concerns(Settings.read(bundle="b", host="0.0.0.0"), False) == []
    assert concerns(Settings.read(bundle="b", keys=keys), False) == []
    assert concerns(Settings.read(bundle="b", host="0.0.0.0", keys=keys), True) == []
    (unencrypted,) = concerns(Settings.read(bundle="b", host="0.0.0.0", keys=keys), False)
    assert "--tls-certificate" in unencrypted
    for mode in (0o620, 0o602):
        keys.chmod(mode)
        (others,) = concerns(Settings.read(bundle="b", keys=keys), False)
        assert f"chmod go-w {keys}" in others
    assert concerns(Settings.read(bundle="b", keys=tmp_path / "none.json"), False) == []


@pytest.mark.parametrize(
    "origins", ["example.org", "https://a.example,", "https://a.example/path", "ftp://a", "https://"]
)
def test_sites_are_written_as_browsers_write_them(origins: str) -> None:
    with pytest.raises(SettingsError, match="--origins: expected sites such as"):
        Settings.read(bundle="b", origins=origins)


def test_a_variable_that_is_there_and_empty_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATECAST_KEYS", "")
    assert Settings.read(bundle="b").keys is None
