from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.ev_fleet.acn import ReadResult, SessionFileError, parse_sessions, read_sessions

GOOD: dict[str, object] = {
    "_id": "60a3",
    "clusterID": "0039",
    "connectionTime": "Sat, 01 May 2021 20:42:47 GMT",
    "disconnectTime": "Sat, 01 May 2021 21:32:12 GMT",
    "doneChargingTime": None,
    "kWhDelivered": 30.936,
    "sessionID": "2_39_81_4550_2021-05-01",
    "siteID": "0002",
    "spaceID": "11900388",
    "stationID": "2-39-81-4550",
    "timezone": "America/Los_Angeles",
    "userID": "000000915",
    "userInputs": [
        {
            "kWhRequested": 71.5,
            "modifiedAt": "Sat, 01 May 2021 20:42:46 GMT",
            "requestedDeparture": "Sun, 02 May 2021 08:43:47 GMT",
            "userID": 915,
        }
    ],
}


def read(*items: object, wrapped: bool = False) -> ReadResult:
    document: object = {"_items": list(items)} if wrapped else list(items)
    return parse_sessions(json.dumps(document))


def changed(**fields: object) -> dict[str, object]:
    item: dict[str, object] = copy.deepcopy(GOOD)
    for key, value in fields.items():
        if value is ...:
            del item[key]
        else:
            item[key] = value
    return item


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_session_is_read_from_a_list_or_from_items(wrapped: bool):
    (session,) = read(GOOD, wrapped=wrapped).sessions
    assert session.connected == datetime(2021, 5, 1, 20, 42, 47, tzinfo=UTC)
    assert session.energy_wh == pytest.approx(30_936.0)
    assert session.declared_departure == datetime(2021, 5, 2, 8, 43, 47, tzinfo=UTC)
    assert session.requested_energy_wh == pytest.approx(71_500.0)
    assert session.user_id == "000000915"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"connectionTime": ...}, "connectionTime is missing"),
        ({"disconnectTime": None}, "disconnectTime is missing"),
        ({"disconnectTime": "Sat, 01 May 2021 20:42:47 GMT"}, "not after"),
        ({"disconnectTime": "Fri, 30 Apr 2021 20:42:47 GMT"}, "not after"),
        ({"disconnectTime": "Sat, 01 May 2031 20:42:47 GMT"}, "longer than a month"),
        ({"connectionTime": "yesterday"}, "not a date"),
        ({"connectionTime": 5}, "not a date"),
        ({"connectionTime": "Sat, 01 May 1921 20:42:47 GMT"}, "out of range"),
        ({"kWhDelivered": ...}, "kWhDelivered is missing"),
        ({"kWhDelivered": -1.0}, "negative"),
        ({"kWhDelivered": 1e6}, "beyond any battery"),
        ({"kWhDelivered": float("nan")}, "not a finite number"),
        ({"kWhDelivered": "30"}, "not a number"),
        ({"kWhDelivered": True}, "not a number"),
        ({"timezone": "Mars/Olympus"}, "unknown"),
        ({"timezone": "../../etc/passwd"}, "unknown"),
        ({"userInputs": "none"}, "not a list"),
        ({"userInputs": [{"kWhRequested": -3}]}, "negative"),
        ({"stationID": {"a": 1}}, "not text"),
    ],
)
def test_a_bad_row_is_named_with_its_reason_and_the_others_are_read(
    fields: dict[str, object], reason: str
):
    result = read(GOOD, changed(sessionID="bad", **fields))
    assert [session.session_id for session in result.sessions] == [GOOD["sessionID"]]
    (row,) = result.bad_rows
    assert (row.index, row.session_id) == (1, "bad")
    assert reason in row.reason
    assert str(row).startswith("row 1 (bad):")


def test_a_session_given_twice_counts_once():
    result = read(GOOD, GOOD)
    assert len(result.sessions) == 1
    assert "duplicate of row 0" in result.bad_rows[0].reason


def test_what_is_no_object_is_a_bad_row():
    assert [row.index for row in read(None, 3, "x", [], GOOD).bad_rows] == [0, 1, 2, 3]


def test_a_session_without_input_user_or_station_is_still_a_session():
    (session,) = read(changed(userInputs=None, userID=None, stationID=None)).sessions
    assert session.declared_departure is None
    assert session.user_id is None
    assert session.station_id == "11900388"


def test_the_input_known_at_plug_in_counts_not_a_later_one():
    later = {
        "modifiedAt": "Sat, 01 May 2021 21:30:00 GMT",
        "requestedDeparture": "Sat, 01 May 2021 21:32:00 GMT",
    }
    (session,) = read(changed(userInputs=[*GOOD["userInputs"], later])).sessions  # type: ignore[misc]
    assert session.declared_departure == datetime(2021, 5, 2, 8, 43, 47, tzinfo=UTC)


def test_a_declaration_before_the_plug_in_is_no_declaration():
    past = {"requestedDeparture": "Sat, 01 May 2021 20:00:00 GMT"}
    assert read(changed(userInputs=[past])).sessions[0].declared_departure is None


def test_sessions_come_in_order_of_connection():
    early = changed(sessionID="early", connectionTime="Sat, 01 May 2021 10:00:00 GMT")
    assert [s.session_id for s in read(GOOD, early).sessions] == ["early", GOOD["sessionID"]]


@pytest.mark.parametrize("text", ["", "{", "3", "{}", '{"_items": 3}', "[" * 100_000])
def test_a_file_without_sessions_is_refused(text: str):
    with pytest.raises(SessionFileError):
        parse_sessions(text)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "sessions.json"
    path.write_bytes(b"\xff\xfe\x00[]")
    with pytest.raises(SessionFileError, match="UTF-8"):
        read_sessions(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(GOOD)), json_values, max_size=3) | json_values,
        max_size=4,
    )
)
def test_no_garbage_crashes_the_reader_and_every_row_is_accounted_for(rows: list[object]):
    rows = [{**GOOD, **row} if isinstance(row, dict) else row for row in rows]
    result = parse_sessions(json.dumps(rows))
    assert len(result.sessions) + len(result.bad_rows) == len(rows)
    for session in result.sessions:
        assert session.disconnected > session.connected
        assert session.energy_wh >= 0.0
