"""What quotas hold, rebuilt from the chain's history (protocol section 15)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from market.reference.meters import MISSING
from market.units import SCALE, ceil_div

CONTRACT = "QuotaRegistry"
GENERATION, CONSUMPTION = 0, 1


def measured_wh(basis: int, values: Sequence[int], reach_wh: int) -> int:
    """Energy of a period on a basis, Wh; a value that lacks counts all that the meter could show.

    Args:
        values: the final reading, Wh a slot, import positive; ``MISSING`` where there is none.
        reach_wh: what the meter could have measured in a slot.
    """
    sign = -1 if basis == GENERATION else 1
    return sum(reach_wh if wh == MISSING else max(0, sign * wh) for wh in values)


@dataclass(frozen=True, slots=True)
class Quota:
    """A compliance period, ``[starts_at, ends_at)`` in seconds; ``terms`` as they were opened."""

    asset: str
    terms: Mapping[str, Any]
    starts_at: int
    ends_at: int

    @property
    def periods(self) -> range:
        """Of the electricity market."""
        first: int = self.terms["firstPeriod"]
        return range(first, first + int(self.terms["periods"]))

    def accepts(self, technology: int, starts_at: int) -> bool:
        """Whether a certificate of an interval that begins then counts."""
        earliest: int = self.starts_at - self.terms["bankSeconds"]
        return bool(
            self.terms["technologies"] >> technology & 1 and earliest <= starts_at < self.ends_at
        )

    def most_banked_wh(self, owed_wh: int) -> int:
        """How much of what is owed earlier certificates may meet, rounded down."""
        return int(self.terms["bankLimit"]) * owed_wh // SCALE

    def penalty_micro(self, shortfall_wh: int) -> int:
        """What certificates that lack cost, rounded up."""
        return ceil_div(shortfall_wh * int(self.terms["penalty"]), SCALE)


@dataclass(slots=True)
class Obligation:
    """One account's part in a quota: Wh, and micro-units of the quota's asset.

    ``reported`` is metered energy by period, ``unreported_wh`` what a settlement counts for the
    periods that nobody reported; ``bond`` is 0 once the obligation is settled.
    """

    device: str
    basis: int
    ratio: int
    reported: dict[int, int] = field(default_factory=dict)
    unreported_wh: int = 0
    surrendered_wh: int = 0
    banked_wh: int = 0
    bond: int = 0
    settled: bool = False
    shortfall_wh: int = 0
    penalty_paid: int = 0

    def owed_wh(self, energy_wh: int) -> int:
        """Certificates due for some energy, rounded up."""
        return ceil_div(self.ratio * energy_wh, SCALE)

    @property
    def energy_wh(self) -> int:
        return sum(self.reported.values()) + self.unreported_wh


@dataclass(slots=True)
class Quotas:
    """Quotas by number, obligations by quota and account, what was surrendered by id."""

    address: str = ""
    opened: dict[int, Quota] = field(default_factory=dict)
    obligations: dict[tuple[int, str], Obligation] = field(default_factory=dict)
    surrendered: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
