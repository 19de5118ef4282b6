"""The market of an industrial park: all carriers, one clearing.

Consumers say what they need and what it is worth, suppliers sell, converters turn carriers into
others, stores move energy in time, links move it between zones. All of that is orders; one clearing
finds a price for every carrier, zone and slot.
"""

from __future__ import annotations

from market.park_energy.rules import CARRIERS, ROLE, RULES, ZONES
from market.park_energy.transport import NETWORK
from market.registry import MarketManifest

MANIFEST = MarketManifest(
    name="park_energy",
    title="Multi-energy market of an industrial park",
    carriers=CARRIERS,
    zones=ZONES,
    rules=RULES,
    role=ROLE,
    planner="market.park_energy.planner",
    network=NETWORK,
)
