"""Names, rules and documents that the tests of this folder share."""

from __future__ import annotations

from market.openadr import Calendar, Directory, NamedProgramme
from market.reference.baseline import BaselineRule
from market.reference.programmes import Direction, ProgrammeTerms

QUARTERS = Calendar(slot_seconds=900, period_slots=96)
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b2" * 20
DIRECTORY = Directory(
    accounts={"VEN-mall": ALICE, "VEN-chp": BOB},
    programmes={"program-44": 3},
    events={"event-7": 12},
)
DAY_20_500 = 20_500
"""A period (a UTC day): 2026-02-16."""

TERMS = ProgrammeTerms(
    market=2,
    carrier=1,
    direction=Direction.REDUCE,
    tolerance_bp=1_000,
    max_event_slots=16,
    notice=7_200,
    refusal_lead=3_600,
    dispute_window=86_400,
    incentive=350_000_001,
    penalty=120_000_000,
    role=bytes.fromhex("ab" * 32),
    rule=BaselineRule(0, 0b0011111, 12, 8, 2_000),
)
PROGRAMME = NamedProgramme("Winter evenings", TERMS)


def event(**changes):
    """A document of version 3.1 for three quarter-hours of 5.5 kW; None takes a field out."""
    document = {
        "id": "event-7",
        "createdDateTime": "2026-02-15T09:00:00Z",
        "objectType": "EVENT",
        "programID": "program-44",
        "eventName": "evening peak",
        "priority": 0,
        "targets": ["VEN-mall"],
        "reportDescriptors": [{"payloadType": "DELTA_USAGE", "readingType": "DERIVED"}],
        "payloadDescriptors": [{"payloadType": "DISPATCH_SETPOINT_RELATIVE", "units": "KW"}],
        "intervalPeriod": {"start": "2026-02-16T17:00:00Z", "duration": "PT15M"},
        "intervals": [interval(place) for place in range(3)],
    }
    return {name: value for name, value in (document | changes).items() if value is not None}


def interval(place, value=5.5, **changes):
    payloads = [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [value]}]
    return {"id": place, "payloads": payloads} | changes
