"""From an approved plan to bids: a mall buys what its plan draws, slot by slot."""

from __future__ import annotations

from market.bid import Bid, kept, make_bid
from market.dispatch import DispatchPlan, energy_of
from market.mall_energy.rules import RULES

ELECTRICITY = "electricity"
"""The line of a plan that the meter reads: what the mall draws, W."""


def mall_bids(owner_id: str, plan: DispatchPlan, worth_per_kwh: float) -> tuple[Bid, ...]:
    """Bids for the whole plan, at what electricity is worth to the mall at most.

    Going without costs customers, so the worth is well above any day-ahead price: how much is drawn
    when has been decided in the plan, not by the limit.
    """
    return kept(
        [
            make_bid(
                owner_id,
                slot,
                float(energy_of(power_w, plan.slot_seconds)),
                worth_per_kwh,
                RULES.price_cap,
            )
            for slot, power_w in enumerate(plan.lines[ELECTRICITY])
        ]
    )
