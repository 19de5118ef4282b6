from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bid import orders
from market.order import check_well_formed
from market.park_energy import MANIFEST
from market.park_energy.store_bids import StorePlan, store_bids, taken_apart
from market.payment import leg_energy_wh
from market.product import ProductGrid
from twin.park.carriers import Carrier
from twin.park.site import FloatArray, Store

RULES = MANIFEST.rules
TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SLOT_HOURS = 0.25
SLOTS = 12


def tank(initial_share: float = 0.5, capacity_wh: float = 100_000.0) -> Store:
    return Store(
        "tank",
        Carrier.HOT_WATER,
        capacity_wh,
        200_000.0,
        200_000.0,
        charge_efficiency=0.95,
        discharge_efficiency=0.9,
        loss_per_hour=0.01,
        initial_wh=initial_share * capacity_wh,
        cost_per_kwh=0.002,
    )


def levels(store: Store, net_wh: FloatArray) -> FloatArray:
    """Content after each slot, as the twin keeps it."""
    level, course = store.initial_wh, []
    kept = (1.0 - store.loss_per_hour) ** SLOT_HOURS
    for wh in net_wh.tolist():
        level = kept * level + store.charge_efficiency * max(wh, 0.0)
        level -= max(-wh, 0.0) / store.discharge_efficiency
        course.append(level)
    return np.array(course)


def feasible(store: Store, wishes: list[float]) -> FloatArray:
    """Wishes from -1 to 1 of what the store can still take or give, W."""
    kept = (1.0 - store.loss_per_hour) ** SLOT_HOURS
    level, net = store.initial_wh, []
    for wish in wishes:
        level *= kept
        if wish > 0.0:
            room = (store.capacity_wh - level) / store.charge_efficiency
            net.append(wish * min(room, store.charge_max_w * SLOT_HOURS))
            level += store.charge_efficiency * net[-1]
        else:
            held = level * store.discharge_efficiency
            net.append(wish * min(held, store.discharge_max_w * SLOT_HOURS))
            level += net[-1] / store.discharge_efficiency
    return np.array(net) / SLOT_HOURS


WISHES = st.lists(st.floats(-1.0, 1.0), min_size=SLOTS, max_size=SLOTS)
SHARES = st.lists(st.floats(0.0, 1.0), min_size=2 * SLOTS + 1, max_size=2 * SLOTS + 1)


def filled_wh(store: Store, net_w: FloatArray, shares: list[float]) -> FloatArray:
    """What the store moves where its orders are filled by these shares, Wh."""
    moved = np.zeros(SLOTS)
    bids = store_bids("site", store, net_w, SLOT_HOURS, 0)
    for bid, share in zip(bids, shares, strict=False):
        for leg in bid.legs:
            moved[leg.slot] += leg_energy_wh(leg.coefficient, int(share * bid.max_units))
    return moved


def parts_wh(plan: StorePlan) -> FloatArray:
    total = plan.turnover_wh.copy()
    for pair in plan.pairs:
        total[pair.charge_slot] += pair.charged_wh
        total[pair.discharge_slot] -= pair.charged_wh * pair.efficiency
    return total


@settings(deadline=None, max_examples=60)
@given(WISHES, st.floats(0.0, 1.0))
def test_pairs_and_turnover_add_up_to_the_plan(wishes, initial):
    store = tank(initial)
    net_w = feasible(store, wishes)
    assert parts_wh(taken_apart(store, net_w, SLOT_HOURS)) == pytest.approx(
        net_w * SLOT_HOURS, abs=0.1
    )


@settings(deadline=None, max_examples=60)
@given(WISHES, SHARES, st.floats(0.0, 1.0))
def test_however_a_stores_orders_are_filled_its_content_stays_between_empty_and_full(
    wishes, shares, initial
):
    store = tank(initial)
    course = levels(store, filled_wh(store, feasible(store, wishes), shares))
    rounding = 2.0 * (2 * SLOTS + 1)
    assert course.min() >= -rounding
    assert course.max() <= store.capacity_wh + rounding


@settings(deadline=None, max_examples=60)
@given(WISHES, st.floats(0.0, 1.0))
def test_filled_whole_the_orders_are_the_plan(wishes, initial):
    store = tank(initial)
    net_w = feasible(store, wishes)
    whole = filled_wh(store, net_w, [1.0] * (2 * SLOTS + 1))
    assert whole == pytest.approx(net_w * SLOT_HOURS, abs=2.0 * SLOTS)


@settings(deadline=None, max_examples=60)
@given(WISHES, st.floats(0.0, 1.0))
def test_whatever_a_plan_says_the_orders_are_well_formed(wishes, initial):
    store = tank(initial)
    bids = store_bids("site", store, feasible(store, wishes), SLOT_HOURS, 1)
    grid = ProductGrid(RULES.carriers, RULES.zones, 0, SLOTS)
    for order in orders(bids, market=1, round=1, first_slot=0, traders={"site": TRADER}):
        check_well_formed(order, grid, RULES.price_cap)


def test_a_store_that_starts_empty_is_pairs_alone():
    store = tank(0.0)
    net_w = np.array([40_000.0, 0.0, 0.0, -30_000.0])
    plan = taken_apart(store, net_w, SLOT_HOURS)
    (pair,) = plan.pairs
    kept = (1.0 - store.loss_per_hour) ** (3 * SLOT_HOURS)
    assert (pair.charge_slot, pair.discharge_slot) == (0, 3)
    assert pair.efficiency == pytest.approx(0.95 * kept * 0.9)
    assert pair.charged_wh == pytest.approx(7_500.0 / pair.efficiency)
    assert plan.turnover_wh[0] == pytest.approx(10_000.0 - pair.charged_wh)


def test_pairs_that_need_the_room_of_the_content_at_the_start_become_one_bundle():
    store = tank(1.0)
    net_w = np.array([-200_000.0, -155_000.0, 200_000.0, -160_000.0])
    plan = taken_apart(store, net_w, SLOT_HOURS)
    assert not plan.separable
    (bundle,) = store_bids("site", store, net_w, SLOT_HOURS, 0)
    assert [leg.slot for leg in bundle.legs] == [0, 1, 2, 3]


def test_what_a_store_has_no_room_for_is_not_bid():
    store = tank(1.0)
    plan = taken_apart(store, np.array([100_000.0, 0.0]), SLOT_HOURS)
    assert levels(store, plan.net_wh).max() <= store.capacity_wh + 1.0
    assert 0.0 < plan.net_wh[0] < 1_000.0


def test_a_plan_that_gives_more_than_the_store_holds_is_refused_with_the_slot():
    with pytest.raises(ValueError, match=r"tank holds .* less than its plan gives in slot 1"):
        taken_apart(tank(0.5), np.array([0.0, -200_000.0]), SLOT_HOURS)


def test_what_a_person_fixed_is_worth_more_than_any_spread():
    store = tank(0.0)
    net_w = np.array([40_000.0, -30_000.0])
    (free, _) = store_bids("site", store, net_w, SLOT_HOURS, 0)
    (held, _) = store_bids(
        "site", store, net_w, SLOT_HOURS, 0, fixed_slots=[1], must_run_per_kwh=1.0
    )
    assert free.limit == -2_000_000
    assert held.limit == 998_000_000
