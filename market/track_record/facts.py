"""What happened to one account: facts that are final, as a chain or an index of it tells them.

Energy is in Wh, positive to the account (bought, consumed, imported); money in micro-units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """A carrier in a slot of a closed period: what was agreed, and what the meter says.

    Attributes:
        position_wh: over all settled rounds and zones of the slot.
        metered_wh: of the final reading; None without a value.
        covered: whether anybody's reading has a value for the slot.
    """

    carrier: int
    slot: int
    position_wh: int
    metered_wh: int | None
    covered: bool


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A position that metering closed.

    Attributes:
        lock_micro: what had been held back for it.
        charge_micro: what of that was paid for imbalance; negative was received.
        deliveries: of every carrier and slot in which the position is not 0.
    """

    market: int
    period: int
    lock_micro: int
    charge_micro: int
    deliveries: tuple[Delivery, ...]


class Ruling(StrEnum):
    """What became of a disputed reading; `UNDECIDED`: nobody ruled (yet), so it stands."""

    KEPT = "kept"
    REPLACED = "replaced"
    VOID = "void"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class DisputedReading:
    """A reading of the account's own meter that was disputed.

    Attributes:
        own: whether the account disputed it itself.
        posted: Wh by slot of the period as first posted; None where there was no value.
        ruled: the same of what replaced it; empty unless replaced.
        positions_wh: by slot of the period, settled rounds alone.
    """

    market: int
    carrier: int
    period: int
    own: bool
    ruling: Ruling
    posted: tuple[int | None, ...]
    ruled: tuple[int | None, ...] = ()
    positions_wh: Mapping[int, int] = field(default_factory=dict)


class InstructionStatus(StrEnum):
    """How an instruction of demand response ended."""

    OPEN = "open"
    REFUSED = "refused"
    SETTLED = "settled"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a programme of demand response asked of the account; `period` of the event.

    Attributes:
        excused: whether a ruling took the penalty or the incentive away.
    """

    market: int
    period: int
    event: int
    status: InstructionStatus
    target_wh: int
    performed_wh: int = 0
    incentive_micro: int = 0
    penalty_micro: int = 0
    excused: bool = False


@dataclass(frozen=True, slots=True)
class Obligation:
    """A quota that was settled for the account; `market` is the one whose meter counts."""

    market: int
    quota: int
    owed_wh: int
    surrendered_wh: int
    shortfall_wh: int
    penalty_micro: int
    penalty_paid_micro: int


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """All facts about an account up to a block.

    Attributes:
        unclosed: (market, period) over and settled, with a position that nobody closed yet.
        latest: by market, the latest period of which anybody's position was closed: what "recent"
            is counted back from, so that no account chooses it.
    """

    account: str
    closed: tuple[ClosedPeriod, ...] = ()
    unclosed: tuple[tuple[int, int], ...] = ()
    disputes: tuple[DisputedReading, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    latest: Mapping[int, int] = field(default_factory=dict)
