"""What deviations, energy credits and demand response hold, rebuilt from the chain's history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from market.reference.baseline import BaselineRule

Place = tuple[int, str, int, int]
"""Market, account, carrier, period."""


@dataclass(slots=True)
class Reserved:
    """A reservation; ``slots`` is a bitmap. ``used``: Wh a slot of the period, None until used."""

    place: Place
    slots: int
    claimant: str
    used: tuple[int, ...] | None = None
    released: bool = False


@dataclass(slots=True)
class Deviations:
    """Reservations by number, and the slots that are taken of every day."""

    reservations: dict[int, Reserved] = field(default_factory=dict)
    taken: defaultdict[Place, int] = field(default_factory=lambda: defaultdict(int))
    used: dict[Place, dict[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class CreditSeries:
    """Money in micro-units, energy in Wh."""

    market: int
    carrier: int
    redemption: int
    rule: BaselineRule
    terms: Mapping[str, Any]
    asset: str
    escrow: int = 0
    budget_wh: int = 0
    issued_wh: int = 0
    spent_wh: int = 0
    swept: bool = False


@dataclass(slots=True)
class JoinedWindow:
    """An account's part in a window."""

    cap_wh: int
    since: int
    reservation: int
    issued: bool = False


@dataclass(slots=True)
class CreditWindow:
    """``budget_wh`` may still be issued in it, ``joined_wh`` of that is taken."""

    series: int
    period: int
    first_slot: int
    slots: int
    budget_wh: int
    joined_wh: int = 0
    parts: dict[str, JoinedWindow] = field(default_factory=dict)
    published: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Credits:
    """By number; holdings by account and series, issuers by market."""

    series: dict[int, CreditSeries] = field(default_factory=dict)
    windows: dict[int, CreditWindow] = field(default_factory=dict)
    held: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    issuers: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Programme:
    """A programme of demand response; micro-units."""

    owner: str
    asset: str
    market: int
    carrier: int
    reduces: bool
    tolerance_bp: int
    incentive: int
    penalty: int
    rule: BaselineRule
    terms: Mapping[str, Any]
    escrow: int = 0
    set_aside: int = 0


@dataclass(slots=True)
class Enrolled:
    """An account in a programme; micro-units."""

    capacity_w: int
    since: int
    bond: int
    set_aside: int = 0
    open_events: int = 0
    available: bool = True


@dataclass(slots=True)
class EventPart:
    """An account's part in an event; ``status`` as in the contract's enumeration."""

    target_w: int
    incentive_set_aside: int
    penalty_set_aside: int
    reservation: int
    status: int
    published: bytes = b""
    performance_wh: int = 0
    incentive: int = 0
    penalty: int = 0
    ruling: int = 0


@dataclass(slots=True)
class CalledEvent:
    """A window of one period, and who was instructed in it."""

    programme: int
    period: int
    first_slot: int
    slots: int
    parts: dict[str, EventPart] = field(default_factory=dict)


@dataclass(slots=True)
class DemandResponse:
    """Programmes and events by number, enrolments by (programme, account)."""

    programmes: dict[int, Programme] = field(default_factory=dict)
    enrolments: dict[tuple[int, str], Enrolled] = field(default_factory=dict)
    events: dict[int, CalledEvent] = field(default_factory=dict)
