"""Who may trade, what is delivered, and what it costs not to deliver.

Who: holders of the credential `ROLE`: malls, other buyers, and the suppliers they buy from. Nothing
attests what a supplier may sell: it is bounded by the margin that its imbalance would cost.

What: electricity at the feeder in quarter-hours of the UTC day, metered by the account's device.

Not delivering: every deviation of the meter from what was traded, to either side, is settled at the
slot's price made worse by a fifth, at most `RULES.imbalance_cap` a kWh. What a mall is credited for
as a reduction is not settled as a deviation as well.
"""

from __future__ import annotations

from typing import Final

from market.quantise import price_nano_per_kwh
from market.rules import MarketRules

ROLE: Final = "prosumer"

RULES: Final = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=900,
    period_slots=96,
    price_cap=price_nano_per_kwh(4.0),
    imbalance_cap=price_nano_per_kwh(0.5),
    shortfall_bp=2_000,
    surplus_bp=2_000,
    # No tolerance: orders of one leg only, every result is the canonical one.
    gap_floor_micro=0,
    gap_cap_micro=0,
)
