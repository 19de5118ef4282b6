"""The EV battery market: owners of vehicles buy charging and sell what their batteries can spare.

This folder is the model for every later market: `MANIFEST` says what the market is, `rules` who may
trade and what not delivering costs, `bids` turns a twin's plan into orders, `supplier` trades for
the other side, `delivery` turns what was metered into readings.
"""

from __future__ import annotations

from market.ev_battery.rules import CAPACITY_SOURCE, ROLE, RULES
from market.registry import MarketManifest

MANIFEST = MarketManifest(
    name="ev_battery",
    title="EV battery market",
    carriers=("electricity",),
    zones=("feeder",),
    rules=RULES,
    role=ROLE,
    capacity_source=CAPACITY_SOURCE,
    planner="market.ev_battery.dispatch",
)
