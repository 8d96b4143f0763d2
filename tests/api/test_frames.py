"""Frames: what is read from them, in either form, and what is refused of them, alone or as a whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import columns as by_columns
from service.api import schemas
from service.api.columns import ColumnFrame
from service.api.frames import Codec, Frame, HandlesFrame, codecs
from service.errors import BadRequest, GatecastError, TooManyReadings

JSON, MSGPACK = codecs(8)
BOTH = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])


def write(codec: Codec, sent: object) -> bytes:
    return msgspec.json.encode(sent) if codec is JSON else msgspec.msgpack.encode(sent)


@BOTH
def test_a_reading_is_read_with_all_its_fields(codec: Codec) -> None:
    sent = {
        "session": "a", "step": 3, "ds": "2015-01-10", "y": None, "covariates": {"t": 1}, "future": {"t": [1, None]},
    }  # fmt: skip
    frame = codec.decode(write(codec, sent))
    assert not frame.many
    (reading,) = frame.readings
    assert msgspec.to_builtins(reading) == sent


@BOTH
def test_a_list_and_the_form_with_options_are_read(codec: Codec) -> None:
    readings = [{"session": "a", "y": 1}, {"session": "b", "y": 2.5}]
    plain = codec.decode(write(codec, readings))
    optional = codec.decode(write(codec, {"observations": readings, "horizon": 2, "quantiles": [0.1]}))
    assert plain.many
    assert optional.many
    assert list(plain.readings) == list(optional.readings)
    assert optional.asked is not None
    assert (optional.asked.horizon, optional.asked.quantiles) == (2, [0.1])
    assert codec.decode(write(codec, [])).count == 0


@BOTH
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_wrong_reading_is_refused_alone(codec: Codec, wrapped: bool) -> None:
    readings: list[Any] = [
        {"session": "a", "y": 1},
        {"session": "b", "step": 4, "y": True},
        7,
        {"session": "c", "y": 2},
    ]
    frame = codec.decode(write(codec, {"observations": readings, "horizon": 2} if wrapped else readings))
    assert [reading.session for reading in frame.readings] == ["a", "c"]
    assert list(frame.places) == [0, 3]
    assert frame.refusals[1]["session"] == "b"
    assert frame.refusals[1]["step"] == 4
    assert [frame.refusals[at]["error"]["code"] for at in (1, 2)] == ["wrong_type", "wrong_type"]  # type: ignore[index]
    assert frame.count == 4
    assert (frame.asked and frame.asked.horizon) == (2 if wrapped else None)


@BOTH
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, "wrong_type"),
        (3, "wrong_type"),
        ("text", "wrong_type"),
        ({"observations": 3}, "wrong_type"),
        ({"observations": [], "horizon": 1.5}, "wrong_type"),
        ({"observations": [], "horizonn": 1}, "wrong_type"),
        ({"observations": [{"session": "a", "y": "x"}], "quantiles": "0.1"}, "wrong_type"),
        ([{"session": "a", "y": 1}] * 9, "too_many_readings"),
        ([7] * 9, "too_many_readings"),
        ({"observations": [{"session": "a", "y": 1}] * 9}, "too_many_readings"),
    ],
)
def test_a_frame_that_is_wrong_as_a_whole_is_refused_as_a_whole(codec: Codec, sent: object, code: str) -> None:
    with pytest.raises(GatecastError) as refused:
        codec.decode(write(codec, sent))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "data", [b"", b" ", b"nul", b"{", b"[1,", b'{"session":"\\ud800","y":1}', b'[{"session":"a","y":NaN}]', b"[1e400,"]
)
def test_json_that_is_none_is_malformed(data: bytes) -> None:
    with pytest.raises(GatecastError) as refused:
        JSON.decode(data)
    assert refused.value.code == "malformed_json"


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x81\xa7sess", b"\x82\xa7session\xa1\xff\xa1y\x01"]
)
def test_messagepack_that_is_none_is_malformed(data: bytes) -> None:
    with pytest.raises(GatecastError) as refused:
        MSGPACK.decode(data)
    assert refused.value.code == "malformed_msgpack"


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    for codec, data in [
        (JSON, b'{"session":"a","y":1,"z":' + b"[" * depth + b"]" * depth + b"}"),
        (JSON, b'[{"session":"a","y":' + b"[" * depth + b"]" * depth + b"}]"),
        (MSGPACK, b"\x91" * depth + b"\xc0"),
        (MSGPACK, b"\x81\xa1z" * depth + b"\xc0"),
    ]:
        with pytest.raises(GatecastError):
            codec.decode(data)


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 400, b"-" + b"9" * 5000])
def test_a_number_beyond_all_bounds_spoils_no_other_reading(number: bytes) -> None:
    frame = JSON.decode(b'[{"session":"a","y":%s},{"session":"b","y":1,"step":7}]' % number)
    fine = frame.readings[-1]
    assert (fine.session, fine.y, fine.step) == ("b", 1.0, 7)
    if frame.refusals:
        assert frame.refusals[0]["error"]["code"] == "invalid_value"  # type: ignore[index]
    else:
        assert abs(frame.readings[0].y or 0) > 1e15  # which the check of values refuses


def test_a_column_that_is_too_long_is_refused_before_its_elements_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(by_columns, "misfit", lambda _, where: looked_at.append(where) or TooManyReadings(where))
    for name in ("sessions", "y", "steps", "ds"):
        sent = {"sessions": ["a"], "y": [1.0]} | {name: [[]] * 9}
        with pytest.raises(TooManyReadings, match=name):
            JSON.decode(msgspec.json.encode(sent))
    assert looked_at == []
    frame = JSON.decode(msgspec.json.encode({"sessions": ["a"], "y": [[]], "covariates": {"c": [[]], "d": [[]]}}))
    assert isinstance(frame, ColumnFrame)
    assert looked_at == ["y[0]"]  # and one fault of a reading is enough


def test_the_fast_form_has_the_fields_of_the_schema() -> None:
    assert JSON.decode(b'{"session":"a","y":1}').readings[0].__struct_fields__ == tuple(  # type: ignore[attr-defined]
        schemas.StreamObservation.model_fields
    )


texts = st.sampled_from(["a", "b", "", "\x00", "2015-01-10T00:00:00"])
FIELDS = [
    name for schema in (schemas.StreamObservation, schemas.StreamFrame, schemas.StreamColumns, schemas.StreamHandles)
    for name in schema.model_fields
]  # fmt: skip
names = texts | st.sampled_from(FIELDS)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)


@BOTH
@given(sent=anything | st.lists(st.fixed_dictionaries({"session": texts, "y": anything}), max_size=9))
def test_whatever_is_sent_is_read_or_refused(codec: Codec, sent: object) -> None:
    frame = read_or_refused(codec, write(codec, sent))
    if isinstance(frame, Frame):
        assert sorted([*frame.places, *frame.refusals]) == list(range(frame.count))


@BOTH
@given(data=st.binary(max_size=60))
def test_whatever_bytes_are_sent_are_read_or_refused(codec: Codec, data: bytes) -> None:
    read_or_refused(codec, data)


lists = st.lists(anything, max_size=4) | anything | st.binary(max_size=32)
optional = [name for name in schemas.StreamColumns.model_fields if name not in ("sessions", "y")]
columns = st.fixed_dictionaries({"sessions": lists, "y": lists}, optional=dict.fromkeys(optional, lists))


@BOTH
@given(sent=columns)
def test_whatever_columns_are_sent_are_of_one_length_or_refused(codec: Codec, sent: Any) -> None:
    frame = read_or_refused(codec, write(codec, sent))
    if frame is None:
        return
    assert isinstance(frame, ColumnFrame)
    assert len(frame.sessions) == frame.count
    assert all(len(column) == frame.count for column in (frame.steps, frame.ds) if column is not None)
    assert all(len(column) == frame.count for column in frame.covariates.values())
    assert all(0 <= at < frame.count for at in frame.faults)


def read_or_refused(codec: Codec, data: bytes) -> Frame | ColumnFrame | HandlesFrame | None:
    """The frame, or None where it was refused as the client's fault; nothing else may be raised."""
    try:
        return codec.decode(data)
    except BadRequest:
        return None
    except TooManyReadings:
        return None
