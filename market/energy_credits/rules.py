"""Who may trade, what is delivered, and why nothing can fail to be.

Who: holders of the credential `ROLE`. Nobody sells what it has not put up beforehand: the contract
`CAPACITY_SOURCE` keeps what is offered, and hands it over in the transaction that settles a round.

What: credits of one issuer, each for one Wh of metered reduction. A round trades one class, named
by its slot: the credits that expire at the end of that UTC day.

Not delivering: cannot happen, so there is no imbalance and no collateral for it.
"""

from __future__ import annotations

from typing import Final

from market.quantise import price_nano_per_kwh
from market.rules import MarketRules

ROLE: Final = "prosumer"
CAPACITY_SOURCE: Final = "EnergyCredits"

RULES: Final = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=86_400,
    period_slots=1,
    price_cap=price_nano_per_kwh(4.0),
    imbalance_cap=0,
    shortfall_bp=0,
    surplus_bp=0,
    gap_floor_micro=0,
    gap_cap_micro=0,
    tokenised=True,
)


def expiry_slot(expiry: int) -> int:
    """The slot that names the credits expiring at a time, Unix seconds.

    Raises ValueError for a time that is not the end of a UTC day: the market has no class for it.
    """
    if expiry <= 0 or expiry % RULES.slot_seconds:
        raise ValueError(f"credits are traded by the day; {expiry} is not the end of a UTC day")
    return expiry // RULES.slot_seconds - 1
