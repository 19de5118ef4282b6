"""Who may trade, what is delivered, and what it costs not to deliver.

Who: holders of the credential `ROLE`: the park's sites, suppliers from outside, whoever takes heat
to the outdoors, storage stations. Nothing attests what they may sell: it is bounded by the margin
that its imbalance would cost.

What: seven carriers in two zones in quarter-hours of the UTC day. Heat and cooling are thermal Wh,
gas and hydrogen Wh of lower heating value; steam (180 C), hot water (90 C) and warm water (45 C)
are carriers of their own, since heat falls from one to the next by itself and rises only by work.

Not delivering: an account has a meter for every carrier it trades. Every deviation of a meter from
what was traded of its carrier, to either side, is settled at the slot's price made worse by a
fifth, at most `RULES.imbalance_cap` a kWh: a converter that gives less heat than it sold pays for
the heat, and for the gas it did not take it is paid a fifth less than it cost. A meter knows no
zone: deviations are priced as in the first zone (protocol section 6).

The tolerance: orders have several legs, so a round is settled by its gap (docs/clearing.md). At
prices of 0 or more the clearing leaves nothing open; where heat is in surplus its price falls to
minus what cooling towers ask, and each leg's rounding then loses up to a Wh of it. The floor is
what that could come to if every leg of a day's multi-leg orders lost its last Wh: 12,000 orders of
three legs at 0.3 a kWh are 10.8 tokens. It is the published allowance; what a round really left
open is on-chain, and small parks' days leave some hundredths of a token. The cap keeps a fantasy
order from widening the millionth of welfare: 50 tokens.
"""

from __future__ import annotations

from typing import Final

from market.quantise import money_micro, price_nano_per_kwh
from market.rules import MarketRules

ROLE: Final = "prosumer"

CARRIERS: Final = (
    "electricity",
    "gas",
    "steam",
    "hot_water",
    "warm_water",
    "cooling",
    "hydrogen",
)
ZONES: Final = ("north", "south")

RULES: Final = MarketRules(
    carriers=len(CARRIERS),
    zones=len(ZONES),
    slot_seconds=900,
    period_slots=96,
    price_cap=price_nano_per_kwh(4.0),
    imbalance_cap=price_nano_per_kwh(0.5),
    shortfall_bp=2_000,
    surplus_bp=2_000,
    gap_floor_micro=money_micro(10.8),
    gap_cap_micro=money_micro(50.0),
    # Links need no carriers of their own: everybody trades all of them.
    open_carriers=len(CARRIERS),
)
