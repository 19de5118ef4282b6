"""Programmes of demand response as OpenADR 3 programs, and back.

OpenADR leaves incentive, penalty and baseline to the program's own description. They travel as
attributes of private types (`WATTPROOF_...`), which is what `program.attributes` of OpenADR 3.1 is
for; version 3.0.1 has no such field of its own, and its schema lets an additional one pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market.openadr.document import (
    PROVISIONED,
    Node,
    Version,
    decimal_number,
    required,
    single,
    values_maps,
)
from market.openadr.timing import Calendar, read_duration, write_duration
from market.reference.baseline import BaselineRule, check_rule
from market.reference.errors import BadRule
from market.reference.programmes import (
    FULL_BP,
    LONGEST_DISPUTE_WINDOW,
    RATE_CAP,
    Direction,
    ProgrammeTerms,
)

EVENT_PAYLOAD = "DISPATCH_SETPOINT_RELATIVE"
REPORT_PAYLOADS = ("DELTA_USAGE", "BASELINE")
PROGRAMME_TYPE = "DEMAND_RESPONSE"
NANO = 1_000_000_000
MOST_BP = 5_000
"""Highest cap of a baseline's same-day adjustment, ten-thousandths."""

_BASELINES = ("TEN_OF_TEN", "PUBLISHED")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ROLE = re.compile(r"0x[0-9a-f]{64}")
_UNSIGNED_32 = 2**32 - 1
_PREFIX = "WATTPROOF_"
_STANDARD = frozenset({"PROGRAM_TYPE", "BINDING_EVENTS"})
_NEEDED = (
    "MARKET",
    "CARRIER",
    "DIRECTION",
    "TOLERANCE",
    "MAX_EVENT_DURATION",
    "NOTICE",
    "REFUSAL_LEAD",
    "DISPUTE_WINDOW",
    "INCENTIVE",
    "PENALTY",
    "BASELINE",
    "BASELINE_DAYS",
    "ADJUSTMENT_LEAD",
    "ADJUSTMENT_DURATION",
    "ADJUSTMENT_CAP",
)
_FIELDS = PROVISIONED | {
    "programName",
    "programType",
    "bindingEvents",
    "payloadDescriptors",
    "attributes",
}


@dataclass(frozen=True, slots=True)
class NamedProgramme:
    name: str
    terms: ProgrammeTerms


def write_programme(
    programme: NamedProgramme, calendar: Calendar, version: Version = Version.V3_1_0
) -> dict[str, Any]:
    """An OpenADR program that says all of the terms. `calendar` is the market's.

    Raises OpenAdrError where a rate has more digits than a JSON number keeps.
    """
    terms, rule, slot = programme.terms, programme.terms.rule, calendar.slot_seconds
    values: dict[str, list[Any]] = {
        "MARKET": [terms.market],
        "CARRIER": [terms.carrier],
        "DIRECTION": [terms.direction.name],
        "TOLERANCE": [decimal_number(terms.tolerance_bp, FULL_BP)],
        "MAX_EVENT_DURATION": [write_duration(terms.max_event_slots * slot)],
        "NOTICE": [write_duration(terms.notice)],
        "REFUSAL_LEAD": [write_duration(terms.refusal_lead)],
        "DISPUTE_WINDOW": [write_duration(terms.dispute_window)],
        "INCENTIVE": [decimal_number(terms.incentive, NANO)],
        "PENALTY": [decimal_number(terms.penalty, NANO)],
        "BASELINE": [_BASELINES[rule.kind]],
        "BASELINE_DAYS": [day for bit, day in enumerate(_WEEKDAYS) if rule.day_mask >> bit & 1],
        "ADJUSTMENT_LEAD": [write_duration(rule.adjust_lead * slot)],
        "ADJUSTMENT_DURATION": [write_duration(rule.adjust_slots * slot)],
        "ADJUSTMENT_CAP": [decimal_number(rule.adjust_cap_bp, FULL_BP)],
    }
    if any(terms.role):
        values["ROLE"] = ["0x" + terms.role.hex()]
    attributes = [{"type": _PREFIX + kind, "values": given} for kind, given in values.items()]
    document: dict[str, Any] = {"objectType": "PROGRAM", "programName": programme.name}
    if version is Version.V3_0_1:
        document |= {"programType": PROGRAMME_TYPE, "bindingEvents": True}
    else:
        attributes = [
            {"type": "PROGRAM_TYPE", "values": [PROGRAMME_TYPE]},
            {"type": "BINDING_EVENTS", "values": [True]},
            *attributes,
        ]
    document["payloadDescriptors"] = [event_descriptor(), *report_descriptors()]
    document["attributes"] = attributes
    return document


def event_descriptor() -> dict[str, Any]:
    return {
        "objectType": "EVENT_PAYLOAD_DESCRIPTOR",
        "payloadType": EVENT_PAYLOAD,
        "units": "KW",
    }


def report_descriptors() -> list[dict[str, Any]]:
    return [
        {
            "objectType": "REPORT_PAYLOAD_DESCRIPTOR",
            "payloadType": payload,
            "readingType": "DERIVED",
            "units": "KWH",
        }
        for payload in REPORT_PAYLOADS
    ]


def read_programme(document: Any, calendar: Calendar) -> NamedProgramme:
    """The programme that a program of either version describes.

    Raises OpenAdrError for anything missing, unknown or impossible.
    """
    root = Node(document)
    fields = root.fields(_FIELDS)
    if "objectType" in fields:
        fields["objectType"].choice("PROGRAM")
    name = required(fields, "programName", root).text()
    if "programType" in fields:
        fields["programType"].choice(PROGRAMME_TYPE)
    if "bindingEvents" in fields:
        _require_binding(fields["bindingEvents"])
    if "payloadDescriptors" in fields:
        read_descriptors(fields["payloadDescriptors"])
    attributes = required(fields, "attributes", root)
    return NamedProgramme(name, _Attributes.read(attributes).terms(calendar))


def read_descriptors(node: Node) -> None:
    """Refuses payloads and units other than those that events and reports are written in."""
    for item in node.items():
        fields = item.fields(
            {
                "objectType",
                "payloadType",
                "units",
                "currency",
                "readingType",
                "accuracy",
                "confidence",
            }
        )
        payload = required(fields, "payloadType", item).choice(EVENT_PAYLOAD, *REPORT_PAYLOADS)
        of_event = payload == EVENT_PAYLOAD
        if "objectType" in fields:
            kind = "EVENT" if of_event else "REPORT"
            fields["objectType"].choice(f"{kind}_PAYLOAD_DESCRIPTOR")
        if "units" in fields:
            fields["units"].choice("KW" if of_event else "KWH")


def _require_binding(node: Node) -> None:
    if not node.boolean():
        raise node.refuse("events bind once they are called; only true can be meant")


@dataclass(frozen=True, slots=True)
class _Attributes:
    """The private attributes by their names without the prefix."""

    node: Node
    values: Mapping[str, list[Node]]

    @classmethod
    def read(cls, node: Node) -> _Attributes:
        given = values_maps(node)
        if "PROGRAM_TYPE" in given:
            single(given["PROGRAM_TYPE"], node, "PROGRAM_TYPE").choice(PROGRAMME_TYPE)
        if "BINDING_EVENTS" in given:
            _require_binding(single(given["BINDING_EVENTS"], node, "BINDING_EVENTS"))
        values: dict[str, list[Node]] = {}
        for kind, nodes in given.items():
            if kind in _STANDARD:
                continue
            name = kind.removeprefix(_PREFIX)
            if name == kind or name not in (*_NEEDED, "ROLE"):
                raise node.refuse(f"no attribute {kind} is known")
            values[name] = nodes
        for name in _NEEDED:
            if name not in values:
                raise node.refuse(f"{_PREFIX}{name} is missing")
        return cls(node, values)

    def terms(self, calendar: Calendar) -> ProgrammeTerms:
        max_event_slots = self._slots("MAX_EVENT_DURATION", calendar)
        if not 1 <= max_event_slots <= calendar.period_slots:
            raise self.of("MAX_EVENT_DURATION").refuse(
                f"an event lasts 1 to {calendar.period_slots} slots of {calendar.slot_seconds} s"
            )
        notice = read_duration(self.of("NOTICE"))
        refusal_lead = read_duration(self.of("REFUSAL_LEAD"))
        if refusal_lead >= notice:
            raise self.of("REFUSAL_LEAD").refuse("must be shorter than the notice")
        dispute_window = read_duration(self.of("DISPUTE_WINDOW"))
        if dispute_window > LONGEST_DISPUTE_WINDOW:
            raise self.of("DISPUTE_WINDOW").refuse(
                f"is at most {write_duration(LONGEST_DISPUTE_WINDOW)}"
            )
        return ProgrammeTerms(
            market=self.of("MARKET").integer(1, _UNSIGNED_32),
            carrier=self.of("CARRIER").integer(0, 2**16 - 1),
            direction=Direction[self.of("DIRECTION").choice(*(d.name for d in Direction))],
            tolerance_bp=self.of("TOLERANCE").scaled(FULL_BP, 0, FULL_BP),
            max_event_slots=max_event_slots,
            notice=notice,
            refusal_lead=refusal_lead,
            dispute_window=dispute_window,
            incentive=self.of("INCENTIVE").scaled(NANO, 0, RATE_CAP),
            penalty=self.of("PENALTY").scaled(NANO, 0, RATE_CAP),
            role=self._role(),
            rule=self._rule(calendar),
        )

    def of(self, name: str) -> Node:
        return single(self.values[name], self.node, _PREFIX + name)

    def _rule(self, calendar: Calendar) -> BaselineRule:
        day_mask = 0
        for day in self.values["BASELINE_DAYS"]:
            bit = 1 << _WEEKDAYS.index(day.choice(*_WEEKDAYS))
            if day_mask & bit:
                raise day.refuse("is given twice")
            day_mask |= bit
        lead = self._slots("ADJUSTMENT_LEAD", calendar)
        slots = self._slots("ADJUSTMENT_DURATION", calendar)
        if slots > lead:
            raise self.of("ADJUSTMENT_DURATION").refuse("must end before the event begins")
        kind = _BASELINES.index(self.of("BASELINE").choice(*_BASELINES))
        cap_bp = self.of("ADJUSTMENT_CAP").scaled(FULL_BP, 0, MOST_BP)
        rule = BaselineRule(kind, day_mask, lead, slots, cap_bp)
        try:
            check_rule(rule, calendar.slot_seconds, calendar.period_slots)
        except BadRule as error:
            raise self.node.refuse(
                "no baseline can be found so: ten of ten needs two weekdays or more, the hours of "
                "adjustment lie on the event's day, and the market's periods are days"
            ) from error
        return rule

    def _slots(self, name: str, calendar: Calendar) -> int:
        node = self.of(name)
        slots, rest = divmod(read_duration(node), calendar.slot_seconds)
        if rest or slots > calendar.period_slots:
            raise node.refuse(
                f"is no whole number of slots of {calendar.slot_seconds} s within a period"
            )
        return slots

    def _role(self) -> bytes:
        if "ROLE" not in self.values:
            return bytes(32)
        node = self.of("ROLE")
        text = node.text()
        if not _ROLE.fullmatch(text) or not int(text, 16):
            raise node.refuse(f"{text!r} is no role: 0x and 64 digits, 0 to 9 and a to f")
        return bytes.fromhex(text[2:])
