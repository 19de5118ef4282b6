"""The market of energy credits: metered reductions, sold by who made them.

A credit is redeemed at its issuer for a fixed value, or spent as margin to buy energy with. Who has
to show savings pays more than that for it; that difference is what this market finds.
"""

from __future__ import annotations

from market.energy_credits.rules import CAPACITY_SOURCE, ROLE, RULES
from market.registry import MarketManifest

MANIFEST = MarketManifest(
    name="energy_credits",
    title="Market of energy credits",
    carriers=("energy credit",),
    zones=("everywhere",),
    rules=RULES,
    role=ROLE,
    capacity_source=CAPACITY_SOURCE,
)
