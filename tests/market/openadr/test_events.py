from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.openadr import Calendar, Directory, EventCall, OpenAdrError, Version
from market.openadr import read_event as read
from market.openadr import write_event as write
from tests.market.openadr.examples import (
    ALICE,
    BOB,
    DAY_20_500,
    DIRECTORY,
    QUARTERS,
    event,
    interval,
)


def refusal_of(documents, calendar=QUARTERS):
    with pytest.raises(OpenAdrError) as caught:
        read(documents, DIRECTORY, calendar)
    return str(caught.value)


def test_a_document_calls_an_event_for_the_accounts_it_targets():
    assert read(event(), DIRECTORY, QUARTERS) == EventCall(3, DAY_20_500, 68, 3, {ALICE: 5_500})


def test_a_local_time_calls_the_same_event_as_the_utc_time():
    local = {"start": "2026-02-16T18:00:00+01:00", "duration": "PT15M"}
    assert read(event(intervalPeriod=local), DIRECTORY, QUARTERS) == read(
        event(), DIRECTORY, QUARTERS
    )


def test_one_interval_may_span_many_slots():
    whole = event(
        intervalPeriod={"start": "2026-02-16T17:00:00Z", "duration": "PT45M"},
        intervals=[interval(0)],
    )
    assert read(whole, DIRECTORY, QUARTERS) == read(event(), DIRECTORY, QUARTERS)


def test_intervals_may_say_their_own_periods():
    intervals = [
        interval(9, intervalPeriod={"start": "2026-02-16T17:00:00Z", "duration": "PT15M"}),
        interval(4, intervalPeriod={"duration": "PT30M"}),
    ]
    own = event(intervalPeriod=None, intervals=intervals)
    assert read(own, DIRECTORY, QUARTERS) == read(event(), DIRECTORY, QUARTERS)


def test_targets_of_the_older_version_name_the_same_accounts():
    targets = [
        {"type": "VEN_NAME", "values": ["VEN-mall"]},
        {"type": "RESOURCE_NAME", "values": ["VEN-chp"]},
    ]
    call = read(event(targets=targets), DIRECTORY, QUARTERS)
    assert call.targets_w == {ALICE: 5_500, BOB: 5_500}


@pytest.mark.parametrize("targets", [None, []])
def test_an_event_without_targets_is_for_everybody_enrolled(targets):
    assert set(read(event(targets=targets), DIRECTORY, QUARTERS).targets_w) == {ALICE, BOB}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"programID": None}, "$.programID: is missing"),
        ({"programID": "other"}, "$.programID: no programme is known as 'other'"),
        ({"programID": "a b"}, "$.programID: 'a b' is no object id"),
        ({"objectType": "PROGRAM"}, "$.objectType: 'PROGRAM' is not one of EVENT"),
        ({"colour": "red"}, "$.colour: no such field is known here"),
        ({"priority": -1}, "$.priority: -1 is not between"),
        ({"intervals": []}, "$.intervals: holds no interval"),
        ({"intervals": {}}, "$.intervals: a list is needed, not an object"),
        ({"targets": ["nobody"]}, "$.targets[0]: nobody is enrolled as 'nobody'"),
        ({"targets": ["VEN-mall", "VEN-mall"]}, "$.targets[1]: 0x" + "a1" * 20 + " is targeted"),
        (
            {"targets": [{"type": "GROUP", "values": ["g"]}]},
            "$.targets[0].type: 'GROUP' is not one of VEN_NAME, RESOURCE_NAME",
        ),
        ({"intervalPeriod": None}, "$.intervals[0]: has no start or no duration"),
        (
            {"intervalPeriod": {"start": "2026-02-16T17:00:00Z"}},
            "$.intervals[0]: has no start or no duration",
        ),
        (
            {"intervalPeriod": {"start": "2026-02-16T17:05:00Z", "duration": "PT15M"}},
            "$.intervalPeriod: does not begin with a slot",
        ),
        (
            {"intervalPeriod": {"start": "2026-02-16T23:30:00Z", "duration": "PT15M"}},
            "$.intervalPeriod: goes on after the end of its period",
        ),
        (
            {"intervalPeriod": {"start": "0001-01-01T00:00:00Z", "duration": "PT15M"}},
            "$.intervalPeriod: does not begin with a slot",
        ),
        (
            {
                "intervalPeriod": {
                    "start": "2026-02-16T17:00:00Z",
                    "duration": "PT15M",
                    "randomizeStart": "PT5M",
                }
            },
            "$.intervalPeriod.randomizeStart: a measured window begins when it says",
        ),
        ({"duration": "P9999Y"}, "$.duration: 'P9999Y' is no duration"),
        ({"duration": "PT1H"}, "$.duration: the intervals last PT45M together"),
        (
            {"reportDescriptors": [{"payloadType": "STORAGE_CHARGE_LEVEL"}]},
            "$.reportDescriptors[0].payloadType: 'STORAGE_CHARGE_LEVEL' is not one of",
        ),
        (
            {"reportDescriptors": [{"payloadType": "DELTA_USAGE", "historical": False}]},
            "$.reportDescriptors[0].historical: reports tell what was measured",
        ),
        (
            {"payloadDescriptors": [{"payloadType": "DISPATCH_SETPOINT_RELATIVE", "units": "W"}]},
            "$.payloadDescriptors[0].units: 'W' is not one of KW",
        ),
        (
            {
                "payloadDescriptors": [
                    {
                        "objectType": "REPORT_PAYLOAD_DESCRIPTOR",
                        "payloadType": "DISPATCH_SETPOINT_RELATIVE",
                    }
                ]
            },
            "$.payloadDescriptors[0].objectType: 'REPORT_PAYLOAD_DESCRIPTOR' is not one of EVENT",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused_where_it_stands(changes, message):
    assert refusal_of(event(**changes)).startswith(message)


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ([interval(0), interval(0)], "$.intervals[1]: id 0 is given twice"),
        ([interval(-1)], "$.intervals[0].id: -1 is not between"),
        ([interval(True)], "$.intervals[0].id: a whole number is needed, not a truth value"),
        ([interval(0), interval(1, 4)], "$.intervals[1]: asks for another power"),
        ([interval(0, -5)], "$.intervals[0].payloads[0].values[0]: -5 is not between"),
        ([interval(0, 0)], "$.intervals[0].payloads[0].values[0]: 0 is not between"),
        ([interval(0, "5")], "$.intervals[0].payloads[0].values[0]: a number is needed"),
        ([interval(0, 0.0005)], "$.intervals[0].payloads[0].values[0]: 0.0005 is not between"),
        ([interval(0, 1.0005)], "$.intervals[0].payloads[0].values[0]: 1.0005 is finer than"),
        ([interval(0, float("nan"))], "$.intervals[0].payloads[0].values[0]: a finite number"),
        (
            [interval(0, payloads=[{"type": "SIMPLE", "values": [1]}])],
            "$.intervals[0].payloads: payload SIMPLE cannot be settled",
        ),
        ([interval(0, payloads=[])], "$.intervals[0].payloads: a payload DISPATCH_SETPOINT"),
        (
            [interval(0, payloads=[{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [1, 2]}])],
            "$.intervals[0].payloads: DISPATCH_SETPOINT_RELATIVE has 2 values",
        ),
        (
            [interval(0), interval(1, intervalPeriod={"start": "2026-02-16T18:00:00Z"})],
            "$.intervals[1]: does not begin where the interval before it ends",
        ),
        (
            [interval(0, intervalPeriod={"duration": "PT0S"})],
            "$.intervals[0]: has no start or no duration",
        ),
    ],
)
def test_intervals_that_are_not_one_constant_window_are_refused(intervals, message):
    assert refusal_of(event(intervals=intervals)).startswith(message)


@pytest.mark.parametrize("document", [None, 3, "event", b"event"])
def test_what_is_no_document_is_refused(document):
    assert refusal_of(document) == "$: an event, or a list of events, is needed"


def test_an_event_that_asks_nobody_is_refused():
    nobody = [{"type": "VEN_NAME", "values": []}]
    assert refusal_of(event(targets=nobody)).startswith("$: asks nobody")
    empty = Directory(accounts={}, programmes={"program-44": 3})
    with pytest.raises(OpenAdrError, match="asks nobody"):
        read(event(targets=None), empty, QUARTERS)


def test_an_account_asked_twice_is_refused():
    assert refusal_of([event(), event()]).startswith("$[1].targets: 0x" + "a1" * 20)


def test_documents_of_different_windows_are_refused():
    later = {"start": "2026-02-16T18:00:00Z", "duration": "PT15M"}
    other = event(targets=["VEN-chp"], intervalPeriod=later)
    assert refusal_of([event(), other]).startswith("$[1]: is of another programme or window")
    assert refusal_of([]) == "$: holds no event"


def test_the_price_event_of_the_user_guide_is_no_call_for_power():
    """Example 7.2-3 of the OpenADR 3.1.0 User Guide."""
    document = {
        "eventName": "simplePriceEvent",
        "programID": "program-44",
        "intervalPeriod": {"start": "2023-02-10T00:00:00.000Z", "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": [{"type": "PRICE", "values": [0.17]}]}],
    }
    assert refusal_of(document).startswith("$.intervals[0].payloads: payload PRICE cannot")


def test_the_variable_intervals_of_the_user_guide_are_one_window():
    """Timing of example 7.4-1 of the OpenADR 3.1.0 User Guide: an hour, then two of its own."""
    document = {
        "eventName": "variableIntervalsEvent",
        "programID": "program-44",
        "intervalPeriod": {"start": "2023-02-10T00:00:00.000Z", "duration": "PT1H"},
        "intervals": [interval(0), interval(1, intervalPeriod={"duration": "PT2H"})],
    }
    assert read(document, DIRECTORY, QUARTERS).slots == 12


def test_accounts_asked_for_different_power_get_documents_of_their_own():
    documents = write(EventCall(3, DAY_20_500, 68, 3, {ALICE: 5_500, BOB: 1}), DIRECTORY, QUARTERS)
    assert [document["targets"] for document in documents] == [["VEN-mall"], ["VEN-chp"]]


@pytest.mark.parametrize(
    "call",
    [
        EventCall(4, DAY_20_500, 68, 3, {ALICE: 1}),
        EventCall(3, DAY_20_500, 68, 3, {"0x" + "cc" * 20: 1}),
        EventCall(3, 2**32 - 1, 68, 3, {ALICE: 1}),
    ],
)
def test_what_has_no_name_or_no_date_is_not_written(call):
    with pytest.raises(OpenAdrError):
        write(call, DIRECTORY, QUARTERS)


@given(
    slot_seconds=st.sampled_from([300, 900, 3_600]),
    period=st.integers(0, 2_900_000),
    targets=st.lists(st.integers(1, 10**12), min_size=1, max_size=6),
    version=st.sampled_from(Version),
    data=st.data(),
)
def test_every_event_reads_back_to_the_same(slot_seconds, period, targets, version, data):
    calendar = Calendar(slot_seconds, 86_400 // slot_seconds)
    first_slot = data.draw(st.integers(0, calendar.period_slots - 1))
    slots = data.draw(st.integers(1, calendar.period_slots - first_slot))
    names = {f"VEN-{place}": f"0x{place:040x}" for place in range(len(targets))}
    directory = Directory(names, {"program-44": 3})
    call = EventCall(3, period, first_slot, slots, dict(zip(names.values(), targets, strict=True)))
    sent = json.loads(json.dumps(write(call, directory, calendar, version)))
    assert read(sent, directory, calendar) == call
