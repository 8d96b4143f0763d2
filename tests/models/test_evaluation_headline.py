"""The words at the top of an evaluation's page: true of every outcome."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from models.evaluation.page.account import Account
from models.evaluation.page.calibration import reliability
from models.evaluation.page.headline import sentences, title
from tests.models.accounts import account_in


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account_in(tmp_path_factory.mktemp("evaluation") / "run")


def test_what_is_not_better_is_called_so(account: Account) -> None:
    def saying(own: float, mean: float = 3.0, naive: float = 1.0) -> tuple[str, str]:
        metrics = json.loads(json.dumps(account.metrics))
        overall = metrics["overall"]
        overall["gatecast"]["mase"] = own
        for row in (*overall["seasonal_naive"].values(), *overall["baselines"].values()):
            row["mase"] = naive
        overall["baselines"]["mean"]["mase"] = mean
        told = replace(account, metrics=metrics)
        return title(told).replace("\u00a0", " "), " ".join(sentences(told))

    assert saying(0.8)[0] == "waves.csv: 20.0 % less error than the seasonal naive"
    assert saying(1.2)[0] == "waves.csv: 20.0 % more error than the seasonal naive"
    assert "It does not beat what costs nothing" in saying(1.2)[1]
    assert saying(1.001)[0] == "waves.csv: as good as the seasonal naive, and no better"
    assert saying(0.8, 0.5)[0].endswith("less error than the seasonal naive, but more than the mean (a day)")
    assert "the mean (a day), which costs nothing either, comes to 0.500 and beats it" in saying(0.8, 0.5)[1]
    assert saying(0.3, naive=0.0)[0] == "waves.csv: the seasonal naive made no error, and ours did"
    assert "It does not beat what costs nothing" in saying(0.3, naive=0.0)[1]
    assert "as good as" in saying(0.0, naive=0.0)[0]
    assert "ours is 0.0\u00a0% below" in saying(0.0, 0.0)[1]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.8, 0.95), "as they should"),
        ((0.7, 0.95), "too narrow"),
        ((0.9, 0.96), "wider than they need be"),
        ((0.9, 0.9), "too narrow"),
    ],
)
def test_the_headline_says_whether_bands_keep_their_promise(
    account: Account, shares: tuple[float, float], said: str
) -> None:
    metrics = json.loads(json.dumps(account.metrics))
    metrics["overall"]["gatecast"] |= {"coverage_80": shares[0], "coverage_95": shares[1], "targets": 5_000}
    assert said in " ".join(sentences(replace(account, metrics=metrics)))
    metrics["overall"]["gatecast"] |= {"targets": 50}
    assert "of so few, may be chance" in " ".join(sentences(replace(account, metrics=metrics)))


def test_whole_numbers_and_what_is_always_right_are_not_held_against_bands_and_quantiles(account: Account) -> None:
    metrics = json.loads(json.dumps(account.metrics))
    metrics["overall"]["gatecast"] |= {"coverage_80": 0.95, "coverage_95": 0.99, "targets": 5_000}
    for point in metrics["calibration"]:
        point["observed"] = min(1.0, point["level"] + 0.3)
    counts = replace(account, metrics=metrics, config=replace(account.config, integer=True))
    assert "as bands of whole numbers must" in " ".join(sentences(counts))
    assert "Forecasts lie too high" in reliability(replace(account, metrics=metrics))
    assert "Forecasts lie too high" not in reliability(counts)
    metrics["overall"]["gatecast"]["smape"] = 0.0
    assert "since every forecast was right" in " ".join(sentences(replace(account, metrics=metrics)))
