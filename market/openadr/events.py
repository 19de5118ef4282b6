"""Events: a window and what each account is asked for in it, as OpenADR 3 events and back.

The payload is DISPATCH_SETPOINT_RELATIVE in kW: how far consumption moves, never negative (as the
enumerations of OpenADR 3.1 have it); the direction is the programme's. An OpenADR event asks all
its targets for the same, so accounts that are asked for different power get events of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market.openadr.directory import Directory
from market.openadr.document import (
    PROVISIONED,
    Node,
    OpenAdrError,
    Version,
    decimal_number,
    required,
    single,
    values_maps,
)
from market.openadr.programmes import (
    EVENT_PAYLOAD,
    REPORT_PAYLOADS,
    event_descriptor,
    read_descriptors,
)
from market.openadr.timing import Calendar, read_duration, read_time, write_duration, write_time

WATTS_PER_KW = 1_000
MOST_W = 2**48 - 1
MOST_PERIOD = 2**32 - 1
LAST_SECOND = 253_402_300_799
"""Of year 9999, after which no time can be written."""

_FIELDS = PROVISIONED | {
    "programID",
    "eventName",
    "priority",
    "targets",
    "reportDescriptors",
    "payloadDescriptors",
    "intervalPeriod",
    "intervals",
    "duration",
}
_REPORT_FIELDS = {
    "payloadType",
    "readingType",
    "units",
    "targets",
    "aggregate",
    "startInterval",
    "numIntervals",
    "historical",
    "frequency",
    "repeat",
    "reportIntervals",
}


@dataclass(frozen=True, slots=True)
class EventCall:
    """`first_slot` counts from the period's first; `targets_w` is W by account, more than 0."""

    programme: int
    period: int
    first_slot: int
    slots: int
    targets_w: Mapping[str, int]


def write_event(
    call: EventCall, directory: Directory, calendar: Calendar, version: Version = Version.V3_1_0
) -> list[dict[str, Any]]:
    """One document for each power that is asked for, in the order in which they appear.

    Raises OpenAdrError for an account or programme that the directory does not name, or a window
    that no date can say.
    """
    starts_at = calendar.start_of(call.period, call.first_slot)
    if starts_at > LAST_SECOND:
        raise OpenAdrError("$", f"period {call.period} begins after the year 9999")
    by_power: dict[int, list[str]] = {}
    for account, target_w in call.targets_w.items():
        by_power.setdefault(target_w, []).append(account)
    return [
        {
            "objectType": "EVENT",
            "programID": directory.program_id(call.programme),
            "eventName": f"{write_time(starts_at)} {target_w} W",
            "targets": directory.write_targets(accounts, version),
            "reportDescriptors": [
                {"payloadType": payload, "readingType": "DERIVED", "units": "KWH"}
                for payload in REPORT_PAYLOADS
            ],
            "payloadDescriptors": [event_descriptor()],
            "intervalPeriod": {
                "start": write_time(starts_at),
                "duration": write_duration(calendar.slot_seconds),
            },
            "intervals": [
                {
                    "id": place,
                    "payloads": [
                        {
                            "type": EVENT_PAYLOAD,
                            "values": [decimal_number(target_w, WATTS_PER_KW)],
                        }
                    ],
                }
                for place in range(call.slots)
            ],
        }
        for target_w, accounts in by_power.items()
    ]


def read_event(
    documents: Sequence[Any] | Mapping[str, Any], directory: Directory, calendar: Calendar
) -> EventCall:
    """The event that one document, or several for the same window, call.

    Raises OpenAdrError for anything missing, unknown or impossible, documents of different windows,
    and an account that two of them target.
    """
    if isinstance(documents, Mapping):
        return _read_one(Node(documents), directory, calendar)
    if not isinstance(documents, Sequence) or isinstance(documents, str | bytes):
        raise OpenAdrError("$", "an event, or a list of events, is needed")
    calls = [_read_one(node, directory, calendar) for node in Node(list(documents)).items()]
    if not calls:
        raise OpenAdrError("$", "holds no event")
    first, targets_w = calls[0], dict(calls[0].targets_w)
    window = (first.programme, first.period, first.first_slot, first.slots)
    for place, call in enumerate(calls[1:], start=1):
        if (call.programme, call.period, call.first_slot, call.slots) != window:
            raise OpenAdrError(f"$[{place}]", "is of another programme or window than $[0]")
        for account, target_w in call.targets_w.items():
            if account in targets_w:
                raise OpenAdrError(f"$[{place}].targets", f"{account} is targeted twice")
            targets_w[account] = target_w
    return EventCall(*window, targets_w)


def _read_one(root: Node, directory: Directory, calendar: Calendar) -> EventCall:
    fields = root.fields(_FIELDS)
    if "objectType" in fields:
        fields["objectType"].choice("EVENT")
    if "priority" in fields:
        fields["priority"].integer(0, 2**31 - 1)
    if "payloadDescriptors" in fields:
        read_descriptors(fields["payloadDescriptors"])
    if "reportDescriptors" in fields:
        _read_report_requests(fields["reportDescriptors"])
    programme = directory.programme(required(fields, "programID", root))
    intervals = required(fields, "intervals", root)
    start, seconds, target_w = _read_intervals(intervals, fields.get("intervalPeriod"))
    if "duration" in fields and read_duration(fields["duration"]) != seconds:
        raise fields["duration"].refuse(f"the intervals last {write_duration(seconds)} together")
    place = fields.get("intervalPeriod", intervals)
    period, first_slot, slots = calendar.window(place, start, seconds)
    if period > MOST_PERIOD:
        raise place.refuse(f"lies after period {MOST_PERIOD}")
    accounts = directory.targets(fields.get("targets"))
    if not accounts:
        raise root.refuse("asks nobody: it targets no account, or none is enrolled")
    return EventCall(programme, period, first_slot, slots, dict.fromkeys(accounts, target_w))


def _read_intervals(node: Node, default: Node | None) -> tuple[int, int, int]:
    """Start (seconds, UTC), length (seconds) and target (W) of intervals that follow each other."""
    items = node.items()
    if not items:
        raise node.refuse("holds no interval")
    spans: list[_Span] = []
    for item in items:
        span = _read_interval(item, _read_period(default), spans[-1] if spans else None)
        if span.id in {known.id for known in spans}:
            raise item.refuse(f"id {span.id} is given twice")
        if spans and span.begins_at != spans[-1].ends_at:
            raise item.refuse("does not begin where the interval before it ends")
        if spans and span.target_w != spans[0].target_w:
            raise item.refuse("asks for another power; call an event for each")
        spans.append(span)
    return spans[0].begins_at, spans[-1].ends_at - spans[0].begins_at, spans[0].target_w


@dataclass(frozen=True, slots=True)
class _Span:
    """An interval; seconds, UTC."""

    id: int
    begins_at: int
    ends_at: int
    target_w: int


def _read_interval(item: Node, default: _Period, before: _Span | None) -> _Span:
    """Times that an interval does not say come from the event, or follow the interval before."""
    fields = item.fields({"id", "intervalPeriod", "payloads"})
    own = _read_period(fields.get("intervalPeriod"))
    follows = default.start if before is None else before.ends_at
    begins_at = follows if own.start is None else own.start
    lasts = default.seconds if own.seconds is None else own.seconds
    if begins_at is None or not lasts:
        raise item.refuse("has no start or no duration, neither of its own nor the event's")
    return _Span(
        id=required(fields, "id", item).integer(0, 2**31 - 1),
        begins_at=begins_at,
        ends_at=begins_at + lasts,
        target_w=_read_payload(required(fields, "payloads", item)),
    )


@dataclass(frozen=True, slots=True)
class _Period:
    """What an `intervalPeriod` says, if anything; seconds, UTC."""

    start: int | None = None
    seconds: int | None = None


def _read_period(node: Node | None) -> _Period:
    if node is None:
        return _Period()
    fields = node.fields({"start", "duration", "randomizeStart"})
    if "randomizeStart" in fields and read_duration(fields["randomizeStart"]):
        raise fields["randomizeStart"].refuse(
            "a measured window begins when it says, not at random"
        )
    return _Period(
        read_time(fields["start"]) if "start" in fields else None,
        read_duration(fields["duration"]) if "duration" in fields else None,
    )


def _read_payload(node: Node) -> int:
    """W of the one payload that can be settled."""
    payloads = values_maps(node)
    for kind in payloads:
        if kind != EVENT_PAYLOAD:
            raise node.refuse(f"payload {kind} cannot be settled; only {EVENT_PAYLOAD}")
    if EVENT_PAYLOAD not in payloads:
        raise node.refuse(f"a payload {EVENT_PAYLOAD} is needed")
    return single(payloads[EVENT_PAYLOAD], node, EVENT_PAYLOAD).scaled(WATTS_PER_KW, 1, MOST_W)


def _read_report_requests(node: Node) -> None:
    """Refuses requests for reports that are never made."""
    for item in node.items():
        fields = item.fields(_REPORT_FIELDS)
        required(fields, "payloadType", item).choice(*REPORT_PAYLOADS)
        if "units" in fields:
            fields["units"].choice("KWH")
        if "historical" in fields and not fields["historical"].boolean():
            raise fields["historical"].refuse("reports tell what was measured, not a forecast")
