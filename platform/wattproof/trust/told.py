"""What events tell of one account, whether they come from a node or from an index of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from market.product import Product
from market.reference.meters import MISSING, Resolution, decode_values
from market.track_record import (
    AccountHistory,
    ClosedPeriod,
    Delivery,
    DisputedReading,
    Instruction,
    InstructionStatus,
    Obligation,
    Ruling,
)

_RULINGS = {
    Resolution.KEEP: Ruling.KEPT,
    Resolution.REPLACE: Ruling.REPLACED,
    Resolution.VOID: Ruling.VOID,
}
_KEEP_PENALTY = 0


@dataclass(frozen=True, slots=True)
class Told:
    """An event; numbers may come as decimal text and bytes as 0x-hex, as an index keeps them."""

    contract: str
    name: str
    args: Mapping[str, Any]

    def number(self, name: str) -> int:
        return int(self.args[name])

    def octets(self, name: str) -> bytes:
        value = self.args[name]
        return value if isinstance(value, bytes) else bytes.fromhex(str(value)[2:])


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """What of a market's parameters a period needs; seconds."""

    slot_seconds: int
    period_slots: int

    def ended(self, period: int, now: int) -> bool:
        return (period + 1) * self.period_slots * self.slot_seconds <= now


@dataclass(frozen=True, slots=True)
class PositionLine:
    """An entry of a settled round's position, Wh, positive to the account."""

    market: int
    product: int
    quantity_wh: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is not an event about the account.

    Attributes:
        positions: of the account in all settled rounds.
        latest: by market, the latest period of which any position was closed.
        coverage: function from market and period to the bitmap of slots that somebody measured.
        now: seconds, of the last block that counts.
    """

    markets: Mapping[int, MarketTerms]
    positions: tuple[PositionLine, ...]
    latest: Mapping[int, int]
    coverage: Callable[[int, int], int]
    now: int


@dataclass(frozen=True, slots=True)
class _Device:
    market: int
    carrier: int


@dataclass(slots=True)
class _Part:
    """What became of an instruction."""

    target_w: int
    status: InstructionStatus = InstructionStatus.OPEN
    performed_wh: int = 0
    incentive_micro: int = 0
    penalty_micro: int = 0
    excused: bool = False


@dataclass(slots=True)
class _Account:
    address: str
    devices: dict[str, _Device] = field(default_factory=dict)
    posted: dict[tuple[str, int], bytes] = field(default_factory=dict)
    disputed_by: dict[tuple[str, int], str] = field(default_factory=dict)
    ruled: dict[tuple[str, int], tuple[Ruling, bytes]] = field(default_factory=dict)
    closures: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    programmes: dict[int, int] = field(default_factory=dict)
    called: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    parts: dict[int, _Part] = field(default_factory=dict)
    quotas: dict[int, int] = field(default_factory=dict)
    obligations: dict[int, Told] = field(default_factory=dict)

    def take(self, told: Told) -> None:
        take = _HANDLERS.get((told.contract, told.name))
        if take is not None and told.args.get("account", self.address) == self.address:
            take(self, told)

    def final_values(self, market: int, carrier: int, period: int) -> list[int | None]:
        """Wh by slot of the period, as ruled; empty without a reading."""
        for device, meter in self.devices.items():
            if (meter.market, meter.carrier) == (market, carrier):
                ruling, values = self.ruled.get((device, period), (Ruling.UNDECIDED, b""))
                if ruling in (Ruling.REPLACED, Ruling.VOID):
                    return _values(values)
                return _values(self.posted.get((device, period), b""))
        return []


def history_of(account: str, events: Iterable[Told], around: Surroundings) -> AccountHistory:
    """The account's history; events of others, in the order of the chain, may be among them."""
    told = _Account(account)
    for event in events:
        told.take(event)
    positions: defaultdict[tuple[int, int], defaultdict[tuple[int, int], int]]
    positions = defaultdict(lambda: defaultdict(int))
    for line in around.positions:
        product = Product.from_id(line.product)
        period = product.slot // around.markets[line.market].period_slots
        positions[line.market, period][product.carrier, product.slot] += line.quantity_wh
    return AccountHistory(
        account=account,
        closed=tuple(
            ClosedPeriod(market, period, lock, charge, deliveries)
            for (market, period), (lock, charge) in sorted(told.closures.items())
            for deliveries in [_deliveries(told, around, market, period, positions)]
        ),
        unclosed=tuple(
            key
            for key in sorted(positions)
            if key not in told.closures and around.markets[key[0]].ended(key[1], around.now)
        ),
        disputes=tuple(_disputes(told, around, positions)),
        instructions=tuple(_instructions(told, around)),
        obligations=tuple(_obligations(told)),
        latest=dict(sorted(around.latest.items())),
    )


_Positions = Mapping[tuple[int, int], Mapping[tuple[int, int], int]]


def _deliveries(
    told: _Account, around: Surroundings, market: int, period: int, positions: _Positions
) -> tuple[Delivery, ...]:
    first = period * around.markets[market].period_slots
    covered: int | None = None
    found = []
    for (carrier, slot), position in sorted(positions.get((market, period), {}).items()):
        if position == 0:
            continue
        values = told.final_values(market, carrier, period)
        metered = values[slot - first] if values else None
        is_covered = True
        if metered is None:
            covered = around.coverage(market, period) if covered is None else covered
            is_covered = bool(covered >> (slot - first) & 1)
        found.append(Delivery(carrier, slot, position, metered, is_covered))
    return tuple(found)


def _disputes(
    told: _Account, around: Surroundings, positions: _Positions
) -> Iterable[DisputedReading]:
    for (device, period), by in sorted(told.disputed_by.items()):
        meter = told.devices[device]
        ruling, values = told.ruled.get((device, period), (Ruling.UNDECIDED, b""))
        first = period * around.markets[meter.market].period_slots
        yield DisputedReading(
            market=meter.market,
            carrier=meter.carrier,
            period=period,
            own=by == told.address,
            ruling=ruling,
            posted=tuple(_values(told.posted[device, period])),
            ruled=tuple(_values(values)) if ruling is Ruling.REPLACED else (),
            positions_wh={
                slot - first: wh
                for (carrier, slot), wh in positions.get((meter.market, period), {}).items()
                if carrier == meter.carrier
            },
        )


def _instructions(told: _Account, around: Surroundings) -> Iterable[Instruction]:
    for event, part in sorted(told.parts.items()):
        programme, period, slots = told.called[event]
        market = told.programmes[programme]
        slot_wh = part.target_w * around.markets[market].slot_seconds // 3_600
        settled = part.status is InstructionStatus.SETTLED
        yield Instruction(
            market=market,
            period=period,
            event=event,
            status=part.status,
            target_wh=slot_wh * slots,
            performed_wh=part.performed_wh if settled else 0,
            incentive_micro=part.incentive_micro if settled else 0,
            penalty_micro=part.penalty_micro if settled else 0,
            excused=part.excused,
        )


def _obligations(told: _Account) -> Iterable[Obligation]:
    for quota, settled in sorted(told.obligations.items()):
        yield Obligation(
            market=told.quotas[quota],
            quota=quota,
            owed_wh=settled.number("obligationWh"),
            surrendered_wh=settled.number("surrenderedWh"),
            shortfall_wh=settled.number("shortfallWh"),
            penalty_micro=settled.number("penalty"),
            penalty_paid_micro=settled.number("penaltyPaid"),
        )


def _values(packed: bytes) -> list[int | None]:
    return [None if wh == MISSING else wh for wh in decode_values(packed)]


def _device_registered(account: _Account, told: Told) -> None:
    account.devices[str(told.args["device"])] = _Device(
        told.number("market"), told.number("carrier")
    )


def _reading(account: _Account, told: Told) -> tuple[str, int] | None:
    """Which reading of its own meters an event is about."""
    device = str(told.args["device"])
    return (device, told.number("period")) if device in account.devices else None


def _readings_posted(account: _Account, told: Told) -> None:
    key = _reading(account, told)
    if key is not None:
        account.posted[key] = told.octets("values")


def _reading_disputed(account: _Account, told: Told) -> None:
    key = _reading(account, told)
    if key is not None:
        account.disputed_by[key] = str(told.args["by"])


def _reading_resolved(account: _Account, told: Told) -> None:
    key = _reading(account, told)
    if key is not None:
        ruling = _RULINGS[Resolution(told.number("resolution"))]
        account.ruled[key] = ruling, told.octets("values")


def _period_closed(account: _Account, told: Told) -> None:
    key = told.number("market"), told.number("period")
    account.closures[key] = told.number("lock"), told.number("charge")


def _programme_created(account: _Account, told: Told) -> None:
    account.programmes[told.number("programme")] = int(told.args["terms"]["market"])


def _event_called(account: _Account, told: Told) -> None:
    account.called[told.number("eventId")] = (
        told.number("programme"),
        told.number("period"),
        told.number("slots"),
    )


def _instructed(account: _Account, told: Told) -> None:
    account.parts[told.number("eventId")] = _Part(told.number("targetW"))


def _refused(account: _Account, told: Told) -> None:
    account.parts[told.number("eventId")].status = InstructionStatus.REFUSED


def _lapsed(account: _Account, told: Told) -> None:
    account.parts[told.number("eventId")].status = InstructionStatus.LAPSED


def _reported(account: _Account, told: Told) -> None:
    account.parts[told.number("eventId")].performed_wh = told.number("performanceWh")


def _ruled(account: _Account, told: Told) -> None:
    account.parts[told.number("eventId")].excused = told.number("ruling") != _KEEP_PENALTY


def _settled(account: _Account, told: Told) -> None:
    part = account.parts[told.number("eventId")]
    part.status = InstructionStatus.SETTLED
    part.incentive_micro, part.penalty_micro = told.number("incentive"), told.number("penalty")


def _quota_opened(account: _Account, told: Told) -> None:
    account.quotas[told.number("quota")] = int(told.args["terms"]["market"])


def _compliance_settled(account: _Account, told: Told) -> None:
    account.obligations[told.number("quota")] = told


_HANDLERS: Mapping[tuple[str, str], Callable[[_Account, Told], None]] = {
    ("MeterRegistry", "DeviceRegistered"): _device_registered,
    ("MeterRegistry", "ReadingsPosted"): _readings_posted,
    ("MeterRegistry", "ReadingDisputed"): _reading_disputed,
    ("MeterRegistry", "ReadingResolved"): _reading_resolved,
    ("Imbalance", "PeriodClosed"): _period_closed,
    ("DemandResponse", "ProgrammeCreated"): _programme_created,
    ("DemandResponse", "EventCalled"): _event_called,
    ("DemandResponse", "Instructed"): _instructed,
    ("DemandResponse", "Refused"): _refused,
    ("DemandResponse", "Lapsed"): _lapsed,
    ("DemandResponse", "Reported"): _reported,
    ("DemandResponse", "Resolved"): _ruled,
    ("DemandResponse", "Settled"): _settled,
    ("QuotaRegistry", "QuotaOpened"): _quota_opened,
    ("QuotaRegistry", "ComplianceSettled"): _compliance_settled,
}

POSTED = ("MeterRegistry", "ReadingsPosted")
RULED = (("MeterRegistry", "ReadingDisputed"), ("MeterRegistry", "ReadingResolved"))
OF_ACCOUNT = tuple(key for key in _HANDLERS if key[0] in ("DemandResponse", "QuotaRegistry"))
"""Events that name the account or nobody, of which there are no rows."""
SHARED = (
    ("DemandResponse", "ProgrammeCreated"),
    ("DemandResponse", "EventCalled"),
    ("QuotaRegistry", "QuotaOpened"),
)
"""Events that name nobody."""
