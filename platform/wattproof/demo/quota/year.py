"""When what happens in the year: vintages are periods of the electricity platform."""

from __future__ import annotations

from dataclasses import dataclass

from market.green_quota.rules import DAY_SECONDS, VINTAGE_SECONDS, certificate_slot
from wattproof.demo.quota.scene import QuotaPlan
from wattproof.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Year:
    """The year's vintages, numbered from 0; ``first`` is the first one's number on the chain."""

    first: int

    def period(self, vintage: int) -> int:
        """The vintage's number on the chain, and its period on the electricity platform."""
        return self.first + vintage

    def slot(self, vintage: int) -> int:
        """The slot in which its certificates are traded."""
        return certificate_slot(self.period(vintage))

    def starts(self, vintage: int, days: float = 0.0) -> int:
        """Unix seconds, so many days after the vintage began."""
        return self.period(vintage) * VINTAGE_SECONDS + round(days * DAY_SECONDS)

    def ends(self, vintage: int, days: float = 0.0) -> int:
        """Unix seconds, so many days after the vintage ended."""
        return self.starts(vintage + 1, days)

    def surrender_by(self, quota: QuotaPlan) -> int:
        """The last second for surrendering: eight days after the compliance period, a day more than
        the contract asks for."""
        return self.ends(quota.vintages[-1], 8.0)


def year_from(stage: Stage) -> Year:
    """The year begins with the vintage after the next one: what must be public beforehand is."""
    return Year(stage.now() // VINTAGE_SECONDS + 2)
