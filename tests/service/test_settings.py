"""Settings: where each comes from, and what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.app import _engine_settings
from service.errors import SettingsError
from service.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GATECAST_{name.upper()}", raising=False)


def test_what_is_given_goes_before_the_environment_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATECAST_PORT", "9001")
    monkeypatch.setenv("GATECAST_HOST", "0.0.0.0")
    settings = Settings.read(bundle=Path("b"), port=9002, host=None)
    assert (settings.port, settings.host) == (9002, "0.0.0.0")
    assert settings.runtime == "auto"
    assert settings.journal == "sqlite:var/journal.sqlite"
    assert settings.durable is None


def test_other_variables_of_the_family_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATECAST_DATA", "/somewhere")
    assert Settings.read(bundle="b").bundle == Path("b")


def test_a_missing_bundle_is_asked_for_by_its_variable() -> None:
    with pytest.raises(SettingsError, match="GATECAST_BUNDLE: name what is to be served: gatecast serve BUNDLE"):
        Settings.read()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 70_000}, "--port: input should be less than or equal to 65535, got 70000"),
        ({"durable": "maybe"}, "--durable: input should be 'disk' or 'process', got 'maybe'"),
        ({"threads": 0}, "--threads: input should be greater than or equal to 1, got 0"),
        ({"log_level": "loud"}, "--log-level: input should be 'debug', 'info', 'warning' or 'error', got 'loud'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read(bundle="b", **given)
    assert refused.value.message == said
    assert refused.value.__cause__ is None  # which would be printed below it


def test_a_variable_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATECAST_BODY_BYTES", "plenty")
    with pytest.raises(SettingsError, match="GATECAST_BODY_BYTES: "):
        Settings.read(bundle="b")


def test_settings_are_read_once_and_never_change() -> None:
    settings = Settings.read(bundle="b")
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_states_at_hand_are_as_many_as_their_memory_holds_unless_they_are_counted() -> None:
    def resident(**given: object) -> int:
        return _engine_settings(Settings.read(bundle="b", **given), state_bytes=1240).max_resident

    assert resident() == 256 * 2**20 // 1240
    assert resident(resident_bytes=12_400) == 10
    assert resident(resident_bytes=1) == 1
    assert resident(resident_bytes=12_400, resident_sessions=7) == 7
