"""The energy market of malls: they buy what their approved plans draw, from suppliers.

A mall that cools beforehand and sheds at the grid's peak buys less there; what it reduces against
its baseline is credited (`market.energy_credits`), once.
"""

from __future__ import annotations

from market.mall_energy.rules import ROLE, RULES
from market.registry import MarketManifest

MANIFEST = MarketManifest(
    name="mall_energy",
    title="Energy market of malls",
    carriers=("electricity",),
    zones=("feeder",),
    rules=RULES,
    role=ROLE,
    planner="market.mall_energy.dispatch",
)
