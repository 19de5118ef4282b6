"""Who may trade, what is delivered, and what it costs not to deliver.

Who: holders of the credential `ROLE`: storage stations, suppliers, consumers. Nothing attests what
a station may sell: it is bounded by the margin that its imbalance would cost.

What: electricity at the grid in quarter-hours of the UTC day, metered by the account's device;
charging counts positive. Orders may have several legs, because what is taken and given back later
belongs together, so the market publishes how far a result may be from the best one: a Wh for each
leg of some hundred such orders at a dear price.

Not delivering: every deviation of the meter from what was traded, to either side, is settled at the
slot's price made worse by a fifth, at most `RULES.imbalance_cap` a kWh.
"""

from __future__ import annotations

from typing import Final

from market.quantise import money_micro, price_nano_per_kwh
from market.rules import MarketRules

ROLE: Final = "prosumer"

_LEGS = 400
_DEAR_PER_WH = 0.0005

RULES: Final = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=900,
    period_slots=96,
    price_cap=price_nano_per_kwh(4.0),
    imbalance_cap=price_nano_per_kwh(1.0),
    shortfall_bp=2_000,
    surplus_bp=2_000,
    gap_floor_micro=money_micro(_LEGS * _DEAR_PER_WH),
    gap_cap_micro=money_micro(2.0),
)
