"""The client against the real service: requests, streams, restarts, and a line that breaks anywhere."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from gatecast_client import (
    Acknowledgement,
    ConnectionLost,
    GatecastClient,
    GatecastError,
    History,
    Reading,
    Retry,
    Series,
    Stream,
)

from datasets.frequency import Frequency, format_time
from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.proxy import FlakyProxy
from tests.conftest import HOUR, START

BUNDLE = fake_bundle(covariates=["rain"])
HASTY = Retry(first_seconds=0.002, most_seconds=0.05)
BEGINNING = History([5.0, None, 7.0], start="2014-07-01T00:00:00", covariates={"rain": [0.0, 0.0, 1.0]})


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[LiveService]:
    running = LiveService(BUNDLE, tmp_path / "journal.sqlite")
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def client(service: LiveService) -> AsyncIterator[GatecastClient]:
    async with GatecastClient(service.url, retry=HASTY) as opened:
        yield opened


def time(step: int) -> str | int:
    return format_time(START + HOUR * step, Frequency.parse("1h"))


async def test_predictions_come_in_the_order_sent(client: GatecastClient) -> None:
    rain = {"rain": [0.0, 0.0, 0.0]}
    first, second = await client.predict(
        Series(np.array([1.0, np.nan, 3.0]), start=time(0), covariates=rain, unique_id="b"),
        Series([1.0, 2.0, 3.0], ds=[time(0), time(1), time(2)], covariates=rain),
        horizon=2,
        quantiles=[0.1, 0.9],
    )
    assert (first.unique_id, second.unique_id) == ("b", "1")
    assert (first.start, first.ds) == (time(3), [time(3), time(4)])
    assert len(first.median) == len(first.quantile(0.9)) == 2
    with pytest.raises(KeyError, match=r"0\.1, 0\.9"):
        first.quantile(0.5)


async def test_the_model_tells_what_it_forecasts(client: GatecastClient) -> None:
    model = await client.model()
    assert (model.frequency, model.horizon, model.covariates, model.streams) == ("1h", 3, ["rain"], True)


async def test_opening_a_session_again_says_where_it_stands(client: GatecastClient) -> None:
    opened = await client.open_session("a/b ü?", history=BEGINNING)
    assert (opened.created, opened.last_step, opened.next_step, opened.start) == (True, 2, 3, time(0))
    async with client.stream() as stream:
        await stream.observe(opened, 8.0, step=3, covariates={"rain": 0.0})
    again = await client.open_session("a/b ü?", history=BEGINNING)
    assert (again.created, again.next_step) == (False, 4)
    with pytest.raises(GatecastError) as told:
        await client.open_session("a/b ü?", start=time(1))
    assert (told.value.code, told.value.status) == ("session_exists", 409)
    assert (await client.open_session("a/b ü?", start=time(1), replace=True)).next_step == 0


@pytest.mark.parametrize("name", ["..", ".", "a%2Fb", "x" * 200])
async def test_a_session_may_be_called_anything(client: GatecastClient, name: str) -> None:
    await client.open_session(name, start=time(0))
    assert (await client.session(name)).name == name
    await client.delete_session(name)
    with pytest.raises(GatecastError) as told:
        await client.session(name)
    assert told.value.code == "unknown_session"


async def test_errors_carry_code_message_and_facts(client: GatecastClient) -> None:
    session = await client.open_session("a", history=BEGINNING)
    async with client.stream() as stream:
        with pytest.raises(GatecastError) as told:
            await stream.observe(session, 1.0, step=9, covariates={"rain": 0.0})
        assert (told.value.code, told.value.facts["expected_step"]) == ("gap", 3)
        assert told.value.message in str(told.value)
        lacking, sound = await stream.observe_many(
            [Reading("a", 1.0, 3), Reading("a", 1.0, ds=time(3), covariates={"rain": 0.0})]
        )
    assert isinstance(lacking, GatecastError)
    assert lacking.code == "missing_covariates"
    assert isinstance(sound, Acknowledgement)
    assert sound.ds == time(3)


async def test_the_forecast_of_a_stream_is_that_of_a_request(client: GatecastClient) -> None:
    session = await client.open_session("a", history=BEGINNING)
    async with client.stream(quantiles=[0.9], form="json") as stream:
        answer = await stream.observe(session, 9.0, ds=time(3), covariates={"rain": 2.0})
    current = await client.forecast(session, quantiles=[0.9])
    assert answer.forecast is not None
    assert (current.step, current.ds) == (answer.step, answer.ds) == (3, time(3))
    assert current.forecast.quantiles == answer.forecast.quantiles
    assert current.forecast.start == answer.forecast.start == time(4)


async def test_nobody_at_an_address_is_a_lost_connection(service: LiveService, client: GatecastClient) -> None:
    await service.stop()
    with pytest.raises(ConnectionLost, match=service.url):
        await client.model()


async def test_another_service_is_told_by_its_answer(service: LiveService) -> None:
    async with GatecastClient(f"{service.url}/elsewhere") as client:
        with pytest.raises(GatecastError) as told:
            await client.model()
    assert told.value.status == 404


async def test_what_the_readme_shows_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = LiveService(fake_bundle(frequency="30min"), tmp_path / "readme.sqlite")
    await plain.start()
    readme = (Path(__file__).parents[2] / "client" / "README.md").read_text()
    programs = re.findall(r"^```python\n(.*?)^```$", readme, flags=re.DOTALL | re.MULTILINE)
    whole = [program for program in programs if re.match("import|from", program)]
    for program in whole:
        await asyncio.to_thread(exec, program.replace("http://127.0.0.1:8000", plain.url), {"__name__": "readme"})
    await plain.stop()
    assert len(whole) == 3
    assert plain.recorded("taxi")[4:, 0].tolist() == [8011.0, 7500.0, 7210.0]
    assert plain.recorded("meter-2")[4:, 0].tolist() == [10530.0, 9106.0]
    assert len(plain.recorded("meter-3")) == 3
    shown = capsys.readouterr().out
    assert "Acknowledgement(session='taxi', step=6" in shown
    assert "gap 3\n" in shown


async def send(stream: Stream, session: str, values: list[float], luck: random.Random) -> None:
    """All of them, several on their way at once, by step or by time, singly or together."""
    calls: list[asyncio.Task[object]] = []
    step = 0
    while step < len(values):
        many = luck.choice([0, 0, 2, 5])
        if many:
            readings = [
                Reading(session, values[at], step=at, covariates={"rain": 0.0})
                for at in range(step, min(step + many, len(values)))
            ]
            calls.append(asyncio.create_task(stream.observe_many(readings)))
            step += len(readings)
        else:
            key = {"step": step} if luck.random() < 0.5 else {"ds": time(step)}
            calls.append(asyncio.create_task(stream.observe(session, values[step], covariates={"rain": 0.0}, **key)))  # type: ignore[arg-type]
            step += 1
        await asyncio.sleep(0.0)
    for answer in await asyncio.gather(*calls):
        answers = answer if isinstance(answer, list) else [answer]
        assert all(isinstance(each, Acknowledgement) for each in answers), answers


async def test_a_service_that_restarts_in_mid_stream_has_every_reading_once(
    service: LiveService, client: GatecastClient
) -> None:
    restarted = asyncio.Event()
    sent: dict[str, list[float]] = {"a": [], "b": []}
    for name in sent:
        await client.open_session(name, start=time(0))

    async def restart() -> None:
        for _ in range(2):
            await asyncio.sleep(0.02)
            await service.stop()
            await service.start()
        restarted.set()

    async def keep_sending(stream: Stream, name: str) -> None:
        on_their_way: list[asyncio.Task[Acknowledgement]] = []
        while not restarted.is_set() or on_their_way:
            if not restarted.is_set() and len(on_their_way) < 6:
                step = len(sent[name])
                sent[name].append(float(step))
                call = stream.observe(name, float(step), step=step, covariates={"rain": 0.0})
                on_their_way.append(asyncio.create_task(call))
                await asyncio.sleep(0)
            else:
                await on_their_way.pop(0)

    async with client.stream() as stream:
        await asyncio.gather(restart(), *(keep_sending(stream, name) for name in sent))
    await service.stop()
    for name, values in sent.items():
        assert len(values) > 20
        assert service.recorded(name)[:, 0].tolist() == values


@pytest.mark.parametrize("seed", range(4))
async def test_over_a_line_that_breaks_anywhere_every_reading_is_recorded_once(
    service: LiveService, client: GatecastClient, seed: int
) -> None:
    luck = random.Random(seed)
    values = {name: [luck.gauss(50, 10) for _ in range(150)] for name in ("a", "b", "c")}
    for name in values:
        await client.open_session(name, start=time(0))
    proxy = FlakyProxy(service.port, luck, longest=4000)
    proxy.calm = True
    await proxy.start()
    form = "json" if seed % 2 else "msgpack"
    far = GatecastClient(f"http://127.0.0.1:{proxy.port}", retry=HASTY)
    async with far, far.stream(form=form, frames_at_once=12) as stream:  # type: ignore[arg-type]
        proxy.calm = False
        await asyncio.gather(*(send(stream, name, each, luck) for name, each in values.items()))
    await proxy.stop()
    assert proxy.cuts >= 5
    undisturbed = {}
    for name, each in values.items():
        history = History(each, start=time(0), covariates={"rain": [0.0] * len(each)})
        await client.open_session(f"{name}, undisturbed", history=history)
        undisturbed[name] = (await client.forecast(f"{name}, undisturbed")).forecast
        assert (await client.forecast(name)).forecast == undisturbed[name]
    await service.stop()
    for name, each in values.items():
        assert service.recorded(name)[:, 0].tolist() == each


async def test_gates_come_with_answers_where_a_stream_asks_and_of_the_last_reading_by_request(
    client: GatecastClient,
) -> None:
    await client.open_session("meter", history=BEGINNING)
    async with client.stream(gates="units") as stream:
        answer = await stream.observe("meter", 9.0, step=3, covariates={"rain": 0.0})
    assert answer.gates is not None
    assert list(answer.gates) == list((await client.model()).gates) == ["1.r", "1.z"]
    there = await client.gates("meter", units=True)
    assert (there.session, there.step, there.gates) == ("meter", 3, answer.gates)
    assert (await client.gates("meter")).gates["1.r"].units is None
    async with client.stream() as stream:
        assert (await stream.observe("meter", 9.0, step=4, covariates={"rain": 0.0})).gates is None


async def test_a_session_opened_with_regime_is_told_of_it(client: GatecastClient) -> None:
    opened = await client.open_session("meter", history=BEGINNING, regime=True)
    assert opened.regime
    async with client.stream() as stream:
        answer = await stream.observe(opened, 9.0, step=3, covariates={"rain": 0.0})
    told = await client.regime(opened)
    assert (told.session, told.step, told.regime) == ("meter", 3, answer.regime)
    assert (told.regime.flag, told.regime.score, told.regime.since) == (False, None, None)
    assert not (await client.open_session("other", history=BEGINNING)).regime


async def test_a_session_opened_with_calibrate_is_answered_with_calibrated_bands(client: GatecastClient) -> None:
    opened = await client.open_session("meter", history=BEGINNING, calibrate=True)
    assert opened.calibrate
    assert (await client.session(opened)).calibrate
    plain = await client.open_session("other", history=BEGINNING)
    assert not plain.calibrate
    async with client.stream() as stream:
        answers = [await stream.observe(each, 90.0, step=3, covariates={"rain": 0.0}) for each in (opened, plain)]
    own, others = (answer.forecast for answer in answers)
    assert own is not None
    assert others is not None
    assert own.median == others.median
    assert own.quantiles["0.9"][0] > others.quantiles["0.9"][0]


async def test_a_session_opened_with_quality_says_how_good_its_forecasts_are(client: GatecastClient) -> None:
    opened = await client.open_session("meter", history=BEGINNING, quality=True)
    assert opened.quality
    assert (await client.session(opened)).quality
    told = await client.quality(opened)
    assert (told.step, told.quality.ahead[0].scored, told.anomaly.flag) == (2, 1, False)  # one reading is missing
    for form in ("msgpack", "json"):
        async with client.stream(quality=True, anomaly=0.4, form=form) as stream:
            step = (await client.session(opened)).next_step
            answer = await stream.observe("meter", 900.0, step=step, covariates={"rain": 0.0})
            assert answer.quality is not None
            assert answer.anomaly is not None
            assert (answer.quality.ahead[0].scored, answer.anomaly.side) == (step - 1, "high")
            observed = await stream.observe_columns(["meter"], [80.0], steps=[step + 1], covariates={"rain": [0.0]})
            assert observed.qualities[0].ahead[0].scored == step
            assert set(observed.anomalies) == {0}
