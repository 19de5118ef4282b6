from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.bid import orders
from market.dispatch import DispatchPlan, Indicator
from market.mall_energy import MANIFEST
from market.mall_energy.bids import mall_bids
from market.order import check_well_formed
from market.product import ProductGrid
from market.registry import MARKETS

RULES = MANIFEST.rules
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def plan_of(power_w: list[int]) -> DispatchPlan:
    nothing = Indicator(0, "of its kind", "lower")
    return DispatchPlan(
        first_slot=0,
        slot_seconds=900,
        lines={"electricity": tuple(power_w)},
        indicators={"cost": nothing, "peak": nothing, "comfort": nothing},
    )


@given(
    st.lists(st.integers(0, 10**8), min_size=1, max_size=96),
    st.floats(0.01, 100.0),
)
def test_what_the_plan_draws_is_bought_to_the_last_wh(power, worth):
    bids = mall_bids("mall", plan_of(power), worth)
    bought = {bid.slot: bid.energy_wh for bid in bids}
    for slot, power_w in enumerate(power):
        assert abs(bought.get(slot, 0) - power_w / 4) <= 0.5
    grid = ProductGrid(1, 1, 0, len(power))
    for order in orders(bids, market=1, round=1, first_slot=0, traders={"mall": TRADER}):
        check_well_formed(order, grid, RULES.price_cap, takes_coupled=False)


def test_credits_need_baselines_and_baselines_need_days():
    assert MARKETS["mall_energy"] is MANIFEST
    assert RULES.slot_seconds * RULES.period_slots == 86_400
