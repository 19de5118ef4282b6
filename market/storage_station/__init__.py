"""The market of storage stations: cheap hours moved to dear ones, every move one order.

What a station takes in and gives back later is a single order of two legs, with the store's losses
between them, so that nobody sells what it did not get.
"""

from __future__ import annotations

from market.registry import MarketManifest
from market.storage_station.rules import ROLE, RULES

MANIFEST = MarketManifest(
    name="storage_station",
    title="Electricity market of storage stations",
    carriers=("electricity",),
    zones=("grid",),
    rules=RULES,
    role=ROLE,
    planner="market.storage_station.dispatch",
)
