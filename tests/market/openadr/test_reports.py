from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.openadr import EventReport, MeasuredSlot, OpenAdrError, Version
from market.openadr import read_report as read
from market.openadr import write_report as write
from tests.market.openadr.examples import ALICE, DAY_20_500, DIRECTORY, QUARTERS

WH = st.integers(-(2**31) + 1, 2**31 - 1)
SLOTS = st.builds(
    MeasuredSlot, WH, st.none() | st.integers(-(2**32) + 2, 2**32 - 2), st.integers(0, 2**31 - 1)
)
REPORT = EventReport(
    12,
    ALICE,
    DAY_20_500,
    68,
    (MeasuredSlot(4_000, -1_250, 1_250), MeasuredSlot(4_000, None, 0)),
)


@given(
    period=st.integers(0, 2_900_000),
    first_slot=st.integers(0, 95),
    version=st.sampled_from(Version),
    data=st.data(),
)
def test_every_report_reads_back_to_the_same(period, first_slot, version, data):
    slots = tuple(data.draw(st.lists(SLOTS, min_size=1, max_size=96 - first_slot)))
    report = EventReport(12, ALICE, period, first_slot, slots)
    sent = json.loads(json.dumps(write(report, 3, DIRECTORY, QUARTERS, version)))
    assert read(sent, DIRECTORY, QUARTERS) == report


def test_a_reduction_is_a_negative_change_of_usage_in_kwh():
    (resource,) = write(REPORT, 3, DIRECTORY, QUARTERS)["resources"]
    assert resource["resourceName"] == "VEN-mall"
    assert resource["intervalPeriod"] == {"start": "2026-02-16T17:00:00Z", "duration": "PT15M"}
    assert resource["intervals"][0] == {
        "id": 0,
        "payloads": [
            {"type": "BASELINE", "values": [4]},
            {"type": "DELTA_USAGE", "values": [-1.25]},
            {"type": "WATTPROOF_PERFORMANCE", "values": [1.25]},
        ],
    }


def test_a_slot_without_a_value_is_marked_missing():
    (resource,) = write(REPORT, 3, DIRECTORY, QUARTERS)["resources"]
    payloads = {p["type"]: p["values"] for p in resource["intervals"][1]["payloads"]}
    assert payloads["DATA_QUALITY"] == ["MISSING"]
    assert "DELTA_USAGE" not in payloads


def test_only_the_older_version_names_the_program():
    assert write(REPORT, 3, DIRECTORY, QUARTERS, Version.V3_0_1)["programID"] == "program-44"
    assert "programID" not in write(REPORT, 3, DIRECTORY, QUARTERS, Version.V3_1_0)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("eventID",), "event-8", "$.eventID: no event is known as 'event-8'"),
        (("programID",), "other", "$.programID: no programme is known as 'other'"),
        (("resources",), [], "$.resources: a report has 0 values"),
        (("resources", 0, "resourceName"), "AGGREGATED_REPORT", "$.resources[0].resourceName: no"),
        (("resources", 0, "intervals"), [], "$.resources[0].intervalPeriod: lasts 0 s"),
        (("resources", 0, "intervals", 1, "id"), 0, "$.resources[0].intervals[1].id: 0 is not"),
        (
            ("resources", 0, "intervalPeriod", "duration"),
            "PT1H",
            "$.resources[0].intervalPeriod.duration: a slot lasts PT15M",
        ),
        (
            ("resources", 0, "intervals", 0, "payloads", 0, "type"),
            "USAGE",
            "$.resources[0].intervals[0].payloads: payload USAGE is not known",
        ),
        (
            ("resources", 0, "intervals", 0, "payloads"),
            [{"type": "BASELINE", "values": [1]}],
            "$.resources[0].intervals[0].payloads: a payload WATTPROOF_PERFORMANCE is needed",
        ),
        (
            ("resources", 0, "intervals", 1, "payloads", 2, "values"),
            ["OK"],
            "$.resources[0].intervals[1].payloads: either a DELTA_USAGE or",
        ),
        (
            ("resources", 0, "intervals", 0, "payloads", 2, "values"),
            [-1],
            "$.resources[0].intervals[0].payloads[2].values[0]: -1 is not between",
        ),
    ],
)
def test_a_report_that_cannot_be_meant_is_refused(place, value, message):
    document = deepcopy(write(REPORT, 3, DIRECTORY, QUARTERS))
    part = document
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    with pytest.raises(OpenAdrError) as caught:
        read(document, DIRECTORY, QUARTERS)
    assert str(caught.value).startswith(message)


def test_a_report_of_an_account_without_a_name_is_not_written():
    stranger = EventReport(12, "0x" + "cc" * 20, DAY_20_500, 68, REPORT.slots)
    with pytest.raises(OpenAdrError, match="no name is known for account"):
        write(stranger, 3, DIRECTORY, QUARTERS)
