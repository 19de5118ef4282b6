"""Who may trade, what is delivered, and what it costs not to deliver.

Who: holders of the credential `ROLE`. Nobody sells more in a round than `CAPACITY_SOURCE` attests:
a passport names the energy an owner's battery can give in a day, and the attester gives the
supplier one for its connection to the grid. Passports need the credential `SELLER_ROLE`.

What: electricity at the feeder in quarter-hours of the UTC day, metered by the account's device.

Not delivering: every deviation of the meter from what was traded, to either side, is settled at the
slot's price made worse by a fifth, at most `RULES.imbalance_cap` a kWh.
"""

from __future__ import annotations

from typing import Final

from market.quantise import price_nano_per_kwh
from market.rules import MarketRules

ROLE: Final = "prosumer"
SELLER_ROLE: Final = "ev_owner"
CAPACITY_SOURCE: Final = "BatteryPassport"

RULES: Final = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=900,
    period_slots=96,
    price_cap=price_nano_per_kwh(4.0),
    imbalance_cap=price_nano_per_kwh(1.0),
    shortfall_bp=2_000,
    surplus_bp=2_000,
    # No tolerance: orders of one leg only, every result is the canonical one.
    gap_floor_micro=0,
    gap_cap_micro=0,
    capacity_unit_wh=1,
)
