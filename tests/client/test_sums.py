"""The client asks for sums wherever it asks for forecasts, and reads the same numbers from every form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gatecast_client import Acknowledgement, GatecastClient, GatecastError, History, Reading, Series, SyncGatecastClient

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService

START = "2014-07-01T00:00:00"


@pytest.mark.parametrize("form", ["json", "msgpack"])
async def test_sums_come_with_predictions_sessions_and_streams(tmp_path: Path, form: Any) -> None:
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    async with GatecastClient(service.url) as client:
        (predicted,) = await client.predict(Series([1.0, 2.0], start=START), sums=[2, 3], quantiles=[0.1, 0.9])
        assert predicted.sums is not None
        assert [each.steps for each in predicted.sums] == [2, 3]
        assert predicted.sums[1].quantile(0.1) < predicted.sums[1].median < predicted.sums[1].quantile(0.9)
        with pytest.raises(KeyError, match=r"level 0\.5 is not in this sum, only 0\.1, 0\.9"):
            predicted.sums[0].quantile(0.5)
        for name in ("items", "columns"):
            await client.open_session(name, history=History([1.0], start=START))
        async with client.stream(sums=[2, 3], quantiles=[0.1, 0.9], form=form) as stream:
            item = await stream.observe("items", 2.0, step=1)
            columns = await stream.observe_columns(["columns"], [2.0], [1])
            (again,) = await stream.observe_many([Reading("items", 2.0, 1)])
        assert isinstance(again, Acknowledgement)
        by_column = columns.forecast(0)
        current = await client.forecast("items", sums=True, horizon=3, quantiles=[0.1, 0.9])
        for forecast in (item.forecast, by_column, again.forecast):
            assert forecast is not None
            assert forecast.sums is not None
            assert current.forecast.sums is not None
            assert forecast.sums[1].quantiles == pytest.approx(current.forecast.sums[0].quantiles, rel=1e-6)
            assert forecast.sums[1].median == pytest.approx(current.forecast.sums[0].median, rel=1e-6)
            assert forecast.sums[1].quantiles == pytest.approx(predicted.sums[1].quantiles, rel=1e-5)
        without = await client.forecast("items")
        assert without.forecast.sums is None
        with pytest.raises(GatecastError) as refused:
            await client.forecast("items", sums=[4])
        assert refused.value.code == "horizon_too_long"
    await service.stop()


async def test_the_client_without_a_loop_asks_for_them_too(tmp_path: Path) -> None:
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    with SyncGatecastClient(service.url) as client:
        (predicted,) = client.predict(Series([1.0, 2.0], start=START), sums=True)
        client.open_session("s", history=History([1.0, 2.0], start=START))
        current = client.forecast("s", sums=[3])
        assert predicted.sums is not None
        assert current.forecast.sums is not None
        assert current.forecast.sums[0].quantiles == pytest.approx(predicted.sums[0].quantiles, rel=1e-5)
    await service.stop()
