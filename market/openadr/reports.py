"""What an account did in an event, as OpenADR 3 reports and back.

A report tells; it settles nothing. What is paid follows from final meter readings on the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market.openadr.directory import Directory
from market.openadr.document import (
    PROVISIONED,
    Node,
    Version,
    decimal_number,
    required,
    single,
    values_maps,
)
from market.openadr.programmes import report_descriptors
from market.openadr.timing import Calendar, read_duration, read_time, write_duration, write_time

PERFORMANCE = "WATTPROOF_PERFORMANCE"
"""Private payload: the part of the change that counts for the event, kWh, never negative."""
WH_PER_KWH = 1_000
MOST_WH = 2**31 - 1

_FIELDS = PROVISIONED | {
    "programID",
    "eventID",
    "clientName",
    "reportName",
    "payloadDescriptors",
    "resources",
}
_DESCRIPTOR_FIELDS = {"objectType", "payloadType", "readingType", "units", "accuracy", "confidence"}
_PAYLOADS = ("BASELINE", "DELTA_USAGE", PERFORMANCE, "DATA_QUALITY")


@dataclass(frozen=True, slots=True)
class MeasuredSlot:
    """Wh of one slot: consumption without the event (`baseline_wh`); metered less baseline
    (`delta_wh`), None where the meter has no value; what counts (`performance_wh`), at least 0."""

    baseline_wh: int
    delta_wh: int | None
    performance_wh: int


@dataclass(frozen=True, slots=True)
class EventReport:
    """`first_slot` counts from the period's first."""

    event: int
    account: str
    period: int
    first_slot: int
    slots: Sequence[MeasuredSlot]


def write_report(
    report: EventReport,
    programme: int,
    directory: Directory,
    calendar: Calendar,
    version: Version = Version.V3_1_0,
) -> dict[str, Any]:
    """The report of an event of `programme`, which version 3.0.1 names beside the event.

    Raises OpenAdrError for an account, programme or event that the directory does not name.
    """
    name = directory.name_of(report.account)
    document: dict[str, Any] = {"objectType": "REPORT"}
    if version is Version.V3_0_1:
        document["programID"] = directory.program_id(programme)
    return document | {
        "eventID": directory.event_id(report.event),
        "clientName": name,
        "payloadDescriptors": [
            *report_descriptors(),
            {
                "objectType": "REPORT_PAYLOAD_DESCRIPTOR",
                "payloadType": PERFORMANCE,
                "readingType": "DERIVED",
                "units": "KWH",
            },
        ],
        "resources": [
            {
                "resourceName": name,
                "intervalPeriod": {
                    "start": write_time(calendar.start_of(report.period, report.first_slot)),
                    "duration": write_duration(calendar.slot_seconds),
                },
                "intervals": [
                    {"id": place, "payloads": _payloads(slot)}
                    for place, slot in enumerate(report.slots)
                ],
            }
        ],
    }


def _payloads(slot: MeasuredSlot) -> list[dict[str, Any]]:
    values: dict[str, Any] = {"BASELINE": decimal_number(slot.baseline_wh, WH_PER_KWH)}
    if slot.delta_wh is not None:
        values["DELTA_USAGE"] = decimal_number(slot.delta_wh, WH_PER_KWH)
    values[PERFORMANCE] = decimal_number(slot.performance_wh, WH_PER_KWH)
    if slot.delta_wh is None:
        values["DATA_QUALITY"] = "MISSING"
    return [{"type": kind, "values": [value]} for kind, value in values.items()]


def read_report(document: Any, directory: Directory, calendar: Calendar) -> EventReport:
    """One account's report. Raises OpenAdrError for anything missing, unknown or impossible."""
    root = Node(document)
    fields = root.fields(_FIELDS)
    if "objectType" in fields:
        fields["objectType"].choice("REPORT")
    if "payloadDescriptors" in fields:
        for item in fields["payloadDescriptors"].items():
            descriptor = item.fields(_DESCRIPTOR_FIELDS)
            required(descriptor, "payloadType", item).choice(*_PAYLOADS)
            if "units" in descriptor:
                descriptor["units"].choice("KWH")
    event = directory.event(required(fields, "eventID", root))
    if "programID" in fields:
        directory.programme(fields["programID"])
    resources = required(fields, "resources", root)
    resource = single(resources.items(), resources, "a report")
    parts = resource.fields({"resourceName", "intervalPeriod", "intervals"})
    account = directory.account(required(parts, "resourceName", resource))
    period, first_slot, slots = _read_slots(resource, parts, calendar)
    return EventReport(event, account, period, first_slot, slots)


def _read_slots(
    resource: Node, parts: Mapping[str, Node], calendar: Calendar
) -> tuple[int, int, tuple[MeasuredSlot, ...]]:
    span = required(parts, "intervalPeriod", resource)
    timing = span.fields({"start", "duration"})
    length = required(timing, "duration", span)
    if read_duration(length) != calendar.slot_seconds:
        raise length.refuse(f"a slot lasts {write_duration(calendar.slot_seconds)}")
    intervals = required(parts, "intervals", resource)
    slots = tuple(_read_slot(item, place) for place, item in enumerate(intervals.items()))
    start = read_time(required(timing, "start", span))
    period, first_slot, _ = calendar.window(span, start, len(slots) * calendar.slot_seconds)
    return period, first_slot, slots


def _read_slot(item: Node, place: int) -> MeasuredSlot:
    fields = item.fields({"id", "payloads"})
    required(fields, "id", item).integer(place, place)
    node = required(fields, "payloads", item)
    given = values_maps(node)
    for kind in given:
        if kind not in _PAYLOADS:
            raise node.refuse(f"payload {kind} is not known in a report")
    for kind in ("BASELINE", PERFORMANCE):
        if kind not in given:
            raise node.refuse(f"a payload {kind} is needed")
    missing = _is_missing(given, node)
    if missing == ("DELTA_USAGE" in given):
        raise node.refuse("either a DELTA_USAGE or the DATA_QUALITY MISSING is needed")
    baseline_wh = _wh(given, "BASELINE", node, -MOST_WH)
    delta_wh = None if missing else _wh(given, "DELTA_USAGE", node, -2 * MOST_WH)
    return MeasuredSlot(baseline_wh, delta_wh, _wh(given, PERFORMANCE, node, 0))


def _is_missing(given: dict[str, list[Node]], node: Node) -> bool:
    if "DATA_QUALITY" not in given:
        return False
    quality = single(given["DATA_QUALITY"], node, "DATA_QUALITY").choice("OK", "MISSING")
    return quality == "MISSING"


def _wh(given: dict[str, list[Node]], kind: str, node: Node, least: int) -> int:
    most = 2 * MOST_WH
    return single(given[kind], node, kind).scaled(WH_PER_KWH, least, most)
