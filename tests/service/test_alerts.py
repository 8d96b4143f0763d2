"""Rules: what they say, when they are true, and that each time is told once."""

from __future__ import annotations

import numpy as np
import pytest

from service import alerts
from service.alert_rules import rules_of
from service.alerts import Alarms, Alert
from service.engine import Engine
from service.errors import SettingsError
from service.journal import Head
from service.quality import TOLD, Quality
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.scoring import Overall
from service.sessions import SessionTable
from service.settings import Settings
from tests.service.calibrating import noise
from tests.service.engines import START, column, memory, send, turn

METHOD = Quality.of(fake_bundle().manifest)


def told(**numbers: float) -> np.ndarray:
    """What is told of one session: nothing, but for these, coverage and skill at every number of steps ahead."""
    row = np.full(METHOD.told, np.nan)
    means = row[TOLD:].reshape(-1, 7)
    means[:] = [500, 500, 1.0, 0.3, numbers.get("coverage", 0.8), 1 - numbers.get("skill", 0.5), 1.0]
    row[4] = numbers.get("drift", 0.0)
    return row


class Watched:
    """Sessions 0, 1, … in a table, and what is told of them."""

    def __init__(self, rules: str, sessions: int = 2) -> None:
        self.table, self.alerts = SessionTable(1), []
        for at in range(sessions):
            self.table.put(Head(at + 1, f"s{at}", 0, 1, -1, np.zeros(1), ""), False)
        self.alarms = Alarms(rules_of(rules), 0.001, "digest", self.table, self.alerts.append)

    def come(self, step: int, *rows: np.ndarray, p: float = 0.5) -> list[tuple[str, str, int]]:
        every = np.arange(len(rows))
        self.table.last_step[every] = step
        rarity = np.full(len(rows), -np.log(p))
        self.alerts.clear()
        self.alarms.judge(METHOD, every, every + 100, np.stack(rows), rarity)
        return [(each.rule, each.session, each.step) for each in self.alerts]


@pytest.mark.parametrize(
    ("rule", "true", "false"),
    [
        ("coverage<0.7", {"coverage": 0.69}, {"coverage": 0.71}),
        ("coverage>0.9@3", {"coverage": 0.91}, {"coverage": 0.9}),
        ("skill<0", {"skill": -0.01}, {"skill": 0.01}),
        ("skill<-0.5@2", {"skill": -0.6}, {"skill": -0.4}),
        ("drift", {"drift": 1.5}, {"drift": 0.5}),
        ("drift>3", {"drift": 3.5}, {"drift": 2.5}),
    ],
)
def test_a_rule_is_told_of_the_session_that_it_is_true_of(rule: str, true: dict, false: dict) -> None:
    watched = Watched(rule)
    assert watched.come(0, told(**false), told(**true)) == [(rule, "s1", 0)]
    assert watched.alerts[0] == Alert(rule, "s1", 0, 101, pytest.approx(next(iter(true.values()))), "digest")


def test_anomalies_are_those_of_the_rate_that_is_set_or_that_the_rule_says() -> None:
    for rule, p, found in (
        ("anomaly", 9e-4, 1),
        ("anomaly", 2e-3, 0),
        ("anomaly<1e-5", 2e-5, 0),
        ("anomaly<0.1", 0.05, 1),
    ):
        assert len(Watched(rule).come(0, told(), p=p)) == found


def test_what_goes_on_is_told_once_and_again_after_quiet() -> None:
    watched = Watched("coverage<0.7")
    assert watched.come(0, told(coverage=0.6), told())
    assert not watched.come(1, told(coverage=0.6), told())
    assert not watched.come(2, told(coverage=0.8), told())
    assert not watched.come(3, told(coverage=0.6), told())  # to and fro around the limit is one
    assert not watched.come(3 + alerts.LONGER, told(coverage=0.6), told())
    assert watched.come(4 + 2 * alerts.LONGER, told(coverage=0.6), told())


def test_a_session_that_went_back_or_took_anothers_place_is_told_of_anew() -> None:
    watched = Watched("coverage<0.7", 1)
    assert watched.come(9, told(coverage=0.6))
    assert watched.come(5, told(coverage=0.6))  # rewound
    watched.table.remove(0)
    watched.table.put(Head(99, "other", 0, 1, -1, np.zeros(1), ""), False)
    assert watched.come(6, told(coverage=0.6)) == [("coverage<0.7", "other", 6)]


def test_too_few_forecasts_say_nothing_of_coverage_or_skill() -> None:
    row = told(coverage=0.1, skill=-3)
    row[TOLD:].reshape(-1, 7)[:, :2] = 50
    assert not Watched("coverage<0.7, skill<0").come(0, row)


@pytest.mark.parametrize(
    "rules",
    ["nonsense", "coverage", "skill", "anomaly>0.1", "drift<1", "anomaly@3", "coverage<", "coverage<0.7,,drift"],
)
def test_what_is_no_rule_is_refused_with_those_that_there_are(rules: str) -> None:
    with pytest.raises(SettingsError, match="rules with commas between them were expected"):
        Settings.read(bundle="unused", alerts=rules, alerts_to="https://example.org")


@pytest.mark.parametrize(
    "address",
    ["ftp://example.org", "example.org", "https://user:word@example.org", "https://", "http://a b", "file:///x"],
)
def test_alerts_go_to_web_addresses_alone(address: str) -> None:
    with pytest.raises(SettingsError, match="addresses such as"):
        Settings.read(bundle="unused", alerts="drift", alerts_to=address)


def test_rules_and_addresses_want_each_other() -> None:
    for given in ({"alerts": "drift"}, {"alerts_to": "https://example.org"}):
        with pytest.raises(SettingsError, match="want an address"):
            Settings.read(bundle="unused", **given)


async def test_an_engine_tells_of_live_readings_and_not_of_histories() -> None:
    found: list[Alert] = []
    overall = Overall(0.4, rules_of("anomaly"), found.append)
    engine = Engine(FakeRuntime(fake_bundle()), memory(), overall=overall)
    engine.start()
    values = noise(150, 2)
    await engine.create("a", START, column(*values[:140]), quality=True)
    await engine.create("b", START, column(*values[:140]))
    await turn(engine)
    assert not found
    await send(engine, ("a", 1e5), ("b", 1e5))
    assert [(each.session, each.step, each.time) for each in found] == [("a", 140, START + 140 * 3600)]
    await engine.drain()
