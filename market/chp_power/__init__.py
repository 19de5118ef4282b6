"""The power market of a grid with combined heat and power, wind and thermal stations.

The plant sells what its approved plan generates: less in the trough, when wind blows, more at the
peak, when its store heats the town. What it does beyond its heat-led habit is also what demand
response pays for (`programme`); imbalance counts each Wh of that once.
"""

from __future__ import annotations

from market.chp_power.rules import ROLE, RULES
from market.registry import MarketManifest

MANIFEST = MarketManifest(
    name="chp_power",
    title="Power market with combined heat and power",
    carriers=("electricity",),
    zones=("grid",),
    rules=RULES,
    role=ROLE,
    planner="market.chp_power.dispatch",
)
