from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.openadr import Calendar, NamedProgramme, OpenAdrError, Version
from market.openadr import read_programme as read
from market.openadr import write_programme as write
from market.reference.baseline import BaselineRule
from market.reference.programmes import Direction, ProgrammeTerms
from tests.market.openadr.examples import PROGRAMME, QUARTERS, TERMS

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128)
RATES = st.integers(0, 10**15 - 1)
"""As far as a JSON number keeps every digit."""


@st.composite
def programmes(draw, calendar):
    notice = draw(st.integers(1, 10**7))
    lead = draw(st.integers(0, calendar.period_slots - 1))
    terms = ProgrammeTerms(
        market=draw(st.integers(1, 2**32 - 1)),
        carrier=draw(st.integers(0, 2**16 - 1)),
        direction=draw(st.sampled_from(Direction)),
        tolerance_bp=draw(st.integers(0, 10_000)),
        max_event_slots=draw(st.integers(1, calendar.period_slots)),
        notice=notice,
        refusal_lead=draw(st.integers(0, notice - 1)),
        dispute_window=draw(st.integers(0, 259_200)),
        incentive=draw(RATES),
        penalty=draw(RATES),
        role=draw(st.binary(min_size=32, max_size=32)),
        rule=BaselineRule(
            kind=draw(st.integers(0, 1)),
            day_mask=draw(st.integers(1, 127).filter(lambda mask: mask.bit_count() > 1)),
            adjust_lead=lead,
            adjust_slots=draw(st.integers(0, lead)),
            adjust_cap_bp=draw(st.integers(0, 5_000)),
        ),
    )
    return NamedProgramme(draw(NAMES), terms)


@given(
    slot_seconds=st.sampled_from([300, 900, 3_600]),
    version=st.sampled_from(Version),
    data=st.data(),
)
def test_every_programme_reads_back_to_the_same(slot_seconds, version, data):
    calendar = Calendar(slot_seconds, 86_400 // slot_seconds)
    programme = data.draw(programmes(calendar))
    sent = json.loads(json.dumps(write(programme, calendar, version)))
    assert read(sent, calendar) == programme


def test_the_versions_say_the_type_of_a_programme_each_in_its_own_place():
    older = write(PROGRAMME, QUARTERS, Version.V3_0_1)
    newer = write(PROGRAMME, QUARTERS, Version.V3_1_0)
    assert older["programType"] == "DEMAND_RESPONSE"
    assert older["bindingEvents"] is True
    assert {"type": "PROGRAM_TYPE", "values": ["DEMAND_RESPONSE"]} in newer["attributes"]
    assert {"type": "BINDING_EVENTS", "values": [True]} in newer["attributes"]
    assert "programType" not in newer


def test_an_incentive_is_written_in_money_per_kwh_to_the_last_digit():
    attributes = {a["type"]: a["values"] for a in write(PROGRAMME, QUARTERS)["attributes"]}
    assert attributes["WATTPROOF_INCENTIVE"] == [0.350000001]
    assert attributes["WATTPROOF_MAX_EVENT_DURATION"] == ["PT4H"]
    assert attributes["WATTPROOF_BASELINE_DAYS"] == ["MO", "TU", "WE", "TH", "FR"]


def test_a_rate_with_more_digits_than_a_json_number_keeps_is_not_written():
    rate = replace(TERMS, penalty=10**15 + 1)
    with pytest.raises(OpenAdrError, match="more digits than a JSON number keeps"):
        write(NamedProgramme("x", rate), QUARTERS)


def with_attribute(kind, *values):
    """The programme's document with one attribute changed, or taken out where no value is given."""
    document = deepcopy(write(PROGRAMME, QUARTERS))
    kept = [a for a in document["attributes"] if a["type"] != f"WATTPROOF_{kind}"]
    changed = [{"type": f"WATTPROOF_{kind}", "values": list(values)}] if values else []
    document["attributes"] = changed + kept
    return document


def refusal_of(document):
    with pytest.raises(OpenAdrError) as caught:
        read(document, QUARTERS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("MARKET", [0], "0 is not between 1 and"),
        ("MARKET", [], "WATTPROOF_MARKET is missing"),
        ("MARKET", [1, 2], "WATTPROOF_MARKET has 2 values"),
        ("CARRIER", ["heat"], "a whole number is needed, not a text"),
        ("DIRECTION", ["SIDEWAYS"], "'SIDEWAYS' is not one of REDUCE, INCREASE"),
        ("TOLERANCE", [1.01], "1.01 is not between 0 and 1"),
        ("TOLERANCE", [0.00005], "5e-05 is finer than 1/10000"),
        ("NOTICE", ["P1M"], "'P1M' is no duration"),
        ("REFUSAL_LEAD", ["PT2H"], "must be shorter than the notice"),
        ("DISPUTE_WINDOW", ["P4D"], "is at most P3D"),
        ("MAX_EVENT_DURATION", ["PT10M"], "no whole number of slots of 900 s"),
        ("MAX_EVENT_DURATION", ["P2D"], "within a period"),
        ("MAX_EVENT_DURATION", ["PT0S"], "an event lasts 1 to 96 slots"),
        ("INCENTIVE", [-0.1], "-0.1 is not between"),
        ("INCENTIVE", [0.1234567891], "finer than 1/1000000000"),
        ("INCENTIVE", [float("inf")], "a finite number is needed"),
        ("INCENTIVE", [True], "a number is needed, not a truth value"),
        ("PENALTY", [5e9], "is not between"),
        ("BASELINE", ["GUESS"], "'GUESS' is not one of TEN_OF_TEN, PUBLISHED"),
        ("BASELINE_DAYS", ["MO", "MO"], "is given twice"),
        ("BASELINE_DAYS", ["MO"], "ten of ten needs two weekdays or more"),
        ("ADJUSTMENT_LEAD", ["P1D"], "the hours of adjustment lie on the event's day"),
        ("BASELINE_DAYS", ["XX"], "'XX' is not one of MO"),
        ("ADJUSTMENT_DURATION", ["PT4H"], "must end before the event begins"),
        ("ADJUSTMENT_CAP", [0.6], "0.6 is not between 0 and 0.5"),
        ("ROLE", ["keeper"], "'keeper' is no role"),
        ("ROLE", ["0x" + "00" * 32], "is no role"),
        ("SURPRISE", [1], "no attribute WATTPROOF_SURPRISE is known"),
    ],
)
def test_an_impossible_term_is_refused(kind, values, reason):
    message = refusal_of(with_attribute(kind, *values))
    assert message.startswith("$.attributes")
    assert reason in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"programName": ""}, "$.programName: 1 to 128 characters are needed, not 0"),
        ({"programName": None}, "$.programName: is missing"),
        ({"objectType": "EVENT"}, "$.objectType: 'EVENT' is not one of PROGRAM"),
        ({"attributes": None}, "$.attributes: is missing"),
        ({"bindingEvents": False}, "$.bindingEvents: events bind once they are called"),
        ({"programType": "PRICING_TARIFF"}, "$.programType: 'PRICING_TARIFF' is not one of"),
        ({"timeZoneOffset": "PT1H"}, "$.timeZoneOffset: no such field is known here"),
        (
            {"payloadDescriptors": [{"payloadType": "PRICE", "units": "KWH", "currency": "USD"}]},
            "$.payloadDescriptors[0].payloadType: 'PRICE' is not one of",
        ),
    ],
)
def test_a_program_that_is_no_demand_response_is_refused(changes, message):
    assert refusal_of(write(PROGRAMME, QUARTERS) | changes).startswith(message)


def test_the_minimal_program_of_the_user_guide_lacks_the_terms():
    """Example 7.2-1 of the OpenADR 3.1.0 User Guide."""
    assert refusal_of({"programName": "minimalProgram"}) == "$.attributes: is missing"


def test_what_is_no_object_is_refused():
    assert refusal_of([1]) == "$: an object is needed, not a list"
