from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bid import Bid, OrderTerms, kept, orders
from market.book import Book
from market.certificate import check
from market.clearing import clear
from market.order import Domain, SignedOrder, check_well_formed, order_hash
from market.payment import leg_energy_wh
from market.product import Product, ProductGrid
from market.rules import MarketRules
from market.vector_bid import (
    BidLeg,
    Converter,
    ConverterSegment,
    VectorBid,
    VectorBidError,
    block_bid,
    bundle_bid,
    converter_bids,
    ramp_limited_bids,
    storage_pair_bid,
)

TRADER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CAP = 4_000_000_000
ELECTRICITY, GAS, HEAT = 0, 1, 2
GRID = ProductGrid(3, 2, 96, 8)
DOMAIN = Domain(31337, TRADER)

ENERGIES = st.dictionaries(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 7)),
    st.floats(-2e9, 2e9, allow_nan=False),
    min_size=1,
    max_size=12,
)
PROFILES = st.lists(st.floats(0.0, 3e6), min_size=1, max_size=8)
FILLS = st.lists(st.floats(0.0, 1.0), min_size=64, max_size=64)


def order_of(bid):
    (order,) = orders([bid], market=1, round=2, first_slot=96, traders={bid.owner_id: TRADER})
    return order


def made(bid: VectorBid | None) -> tuple[VectorBid, ...]:
    return kept([bid])


def profile_of(bids, fills, slots):
    """What the bids move by slot, Wh, each filled by its share."""
    moved = np.zeros(slots, dtype=int)
    for bid, share in zip(bids, fills, strict=False):
        for leg in bid.legs:
            moved[leg.slot] += leg_energy_wh(leg.coefficient, math.floor(share * bid.max_units))
    return moved


@settings(deadline=None, max_examples=60)
@given(ENERGIES, st.floats(-1.0, 1.0))
def test_a_whole_bundle_moves_its_energy_to_the_wh_in_a_well_formed_order(energy, price):
    worth = price * sum(map(abs, energy.values())) / 1_000.0
    bid = bundle_bid("owner", energy, worth, CAP)
    if bid is None:
        assert all(abs(wh) <= 0.5 for wh in energy.values())
        return
    order = order_of(bid)
    check_well_formed(order, GRID, CAP)
    whole = {
        (product.carrier, product.zone, product.slot - 96): leg_energy_wh(
            leg.coefficient, order.max_units
        )
        for leg in order.legs
        for product in [Product.from_id(leg.product)]
    }
    assert whole == {place: round(wh) for place, wh in energy.items() if round(wh) != 0}
    paid = order.limit * order.max_units / 1e12
    assert paid <= worth + 1e-9
    assert paid == pytest.approx(worth, abs=2e-3)


def test_a_block_is_one_order_that_is_paid_its_mean_price():
    (bid,) = made(
        block_bid("kiln", [100_000.0, 250_000.0, 50_000.0], 0.3, CAP, first_slot=2, carrier=HEAT)
    )
    assert [leg.slot for leg in bid.legs] == [2, 3, 4]
    assert {(leg.carrier, leg.zone) for leg in bid.legs} == {(HEAT, 0)}
    assert bid.max_units == 250_000
    assert [leg.coefficient for leg in bid.legs] == [400_000, 1_000_000, 200_000]
    assert bid.limit == 1.6 * 300_000_000  # a unit is 1.6 Wh over the block


def test_a_block_that_buys_and_sells_is_refused():
    with pytest.raises(VectorBidError, match="bundle_bid"):
        block_bid("kiln", [1.0, -1.0], 0.3, CAP)


def test_a_bundle_of_nothing_is_no_bid():
    assert bundle_bid("owner", {(0, 0, 0): 0.2}, 0.0, CAP) is None
    assert block_bid("owner", [0.0, 0.0], 1.0, CAP) is None


def test_a_block_beyond_what_a_leg_can_carry_is_refused():
    with pytest.raises(VectorBidError, match="do not fit the order's 32 bits"):
        block_bid("owner", [3e9, 3e9], 0.1, CAP)


def test_a_worth_beyond_the_cap_is_refused_with_its_owner():
    with pytest.raises(VectorBidError, match=r"owner: .* above the market's price cap"):
        bundle_bid("owner", {(0, 0, 0): 1_000.0, (1, 0, 0): -1_000.0}, 8.1, CAP)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_energy_and_worth_must_be_finite(value):
    with pytest.raises(ValueError, match="finite"):
        bundle_bid("owner", {(0, 0, 0): value}, 0.0, CAP)
    with pytest.raises(ValueError, match="finite"):
        bundle_bid("owner", {(0, 0, 0): 1_000.0}, value, CAP)


@settings(deadline=None, max_examples=60)
@given(PROFILES, FILLS, st.booleans())
def test_however_slices_are_filled_no_change_exceeds_the_profiles_nor_turns_it(
    profile, fills, sells
):
    signed = [-wh if sells else wh for wh in profile]
    ramp = max((abs(b - a) for a, b in pairwise(profile)), default=0.0)
    bids = ramp_limited_bids("mill", signed, ramp, 0.2, CAP)
    whole = np.array([round(wh) for wh in signed])
    assert profile_of(bids, [1.0] * len(bids), len(profile)).tolist() == whole.tolist()
    part = profile_of(bids, fills, len(profile))
    change, most = np.diff(part), np.diff(whole)
    assert np.all(np.abs(change) <= np.abs(most))
    assert np.all(change * most >= 0)
    assert np.all(np.abs(part) <= np.abs(whole))
    for bid in bids:
        check_well_formed(order_of(bid), ProductGrid(1, 1, 96, 8), CAP)


def test_independent_blocks_a_slot_would_break_the_ramp_that_slices_keep():
    profile, ramp = [10.0, 20.0, 30.0], 10.0
    slices = ramp_limited_bids("mill", profile, ramp, 0.2, CAP)
    assert [(bid.legs[0].slot, bid.legs[-1].slot) for bid in slices] == [(0, 2), (1, 2), (2, 2)]
    apart = [block_bid("mill", [wh], 0.2, CAP, first_slot=t) for t, wh in enumerate(profile)]
    assert max(np.diff(profile_of(apart, [0.0, 0.0, 1.0], 3))) > ramp


def test_slices_reach_a_profile_that_rises_and_falls_twice():
    bids = ramp_limited_bids("mill", [5.0, 1.0, 5.0], 4.0, 0.2, CAP)
    assert [tuple(leg.slot for leg in bid.legs) for bid in bids] == [(0, 1, 2), (0,), (2,)]


def test_slices_cannot_reach_a_profile_that_changes_elsewhere():
    """What is not expressible: [0, 5, 5] keeps the ramp of 5, but no fills of [5, 5, 5] give it."""
    bids = ramp_limited_bids("mill", [5.0, 5.0, 5.0], 5.0, 0.2, CAP)
    reached = {tuple(profile_of(bids, [share / 5.0], 3).tolist()) for share in range(6)}
    assert (0, 5, 5) not in reached
    assert reached == {(wh, wh, wh) for wh in range(6)}


def test_a_profile_that_breaks_its_own_ramp_is_refused_with_the_slot():
    with pytest.raises(VectorBidError, match="changes by 20 Wh after slot 1, its ramp is 10 Wh"):
        ramp_limited_bids("mill", [0.0, 5.0, 25.0], 10.0, 0.2, CAP)


def test_a_ramp_limited_profile_is_bought_or_sold():
    with pytest.raises(VectorBidError, match="not both"):
        ramp_limited_bids("mill", [-1.0, 1.0], 10.0, 0.2, CAP)


def test_a_storage_pair_takes_now_and_gives_back_its_efficiency_later():
    (bid,) = made(storage_pair_bid("tank", 1, 5, 2_000.0, 0.9, 0.01, CAP, carrier=HEAT, zone=1))
    assert bid.legs == (BidLeg(HEAT, 1, 1, 1_000_000), BidLeg(HEAT, 1, 5, -900_000))
    assert (bid.max_units, bid.limit) == (2_000, -10_000_000)
    assert storage_pair_bid("tank", 1, 5, 0.2, 0.9, 0.0, CAP) is None


@pytest.mark.parametrize(
    ("slots", "efficiency", "said"),
    [((3, 3), 0.9, "comes back later"), ((3, 2), 0.9, "comes back later")]
    + [((1, 2), share, "efficiency of a store") for share in (0.0, 1.01, math.nan)],
)
def test_a_store_gives_nothing_before_and_nothing_beyond_what_it_took(slots, efficiency, said):
    with pytest.raises(VectorBidError, match=said):
        storage_pair_bid("tank", slots[0], slots[1], 1_000.0, efficiency, 0.0, CAP)


def chp(*outputs, size=40_000.0, most=1.0, cost=0.005):
    return Converter(
        "chp",
        tuple(
            ConverterSegment(size, {GAS: 1.0}, {ELECTRICITY: e, HEAT: h}, cost) for e, h in outputs
        ),
        most,
    )


def test_a_converter_is_one_order_a_segment_and_slot_the_better_segments_first():
    bids = converter_bids("plant", chp((0.4, 0.45), (0.3, 0.4)), [50_000.0, 0.0, 30_000.0], CAP)
    assert [(bid.legs[0].slot, bid.max_units) for bid in bids] == [
        (0, 40_000),
        (0, 10_000),
        (2, 30_000),
    ]
    first = bids[0]
    assert [(leg.carrier, leg.coefficient) for leg in first.legs] == [
        (ELECTRICITY, -400_000),
        (GAS, 1_000_000),
        (HEAT, -450_000),
    ]
    assert first.limit == -5_000_000
    for bid in bids:
        check_well_formed(order_of(bid), GRID, CAP)


def test_a_converter_that_makes_energy_is_refused():
    with pytest.raises(VectorBidError, match=r"segment 0 makes energy from nothing.*1\.1 Wh"):
        chp((0.6, 0.5))


def test_a_heat_pump_may_give_more_than_it_takes_up_to_what_its_kind_allows():
    pump = ConverterSegment(1_000.0, {ELECTRICITY: 1.0}, {HEAT: 4.0})
    assert Converter("pump", (pump,), 6.5).segments == (pump,)
    with pytest.raises(VectorBidError, match=r"gives 4 Wh for a Wh taken, its kind at most 3\.5"):
        Converter("pump", (pump,), 3.5)


def test_part_load_that_is_not_convex_is_refused():
    with pytest.raises(VectorBidError, match="segment 1 is better than the one before"):
        chp((0.3, 0.4), (0.4, 0.4))
    (segment,) = chp((0.3, 0.4)).segments
    cheaper = replace(segment, cost_per_kwh=0.0)
    with pytest.raises(VectorBidError, match="segment 1 is better"):
        Converter("chp", (segment, cheaper))


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        (ConverterSegment(1.0, {}, {HEAT: 1.0}), "takes one carrier and gives another"),
        (ConverterSegment(1.0, {GAS: 1.0}, {}), "takes one carrier and gives another"),
        (ConverterSegment(1.0, {GAS: 1.0}, {HEAT: 0.0}), "leave out what is zero"),
        (ConverterSegment(1.0, {GAS: 1.0}, {HEAT: -0.5}), "above 0"),
        (ConverterSegment(0.0, {GAS: 1.0}, {HEAT: 0.5}), "above 0"),
        (ConverterSegment(1.0, {GAS: math.nan}, {HEAT: 0.5}), "above 0"),
        (ConverterSegment(1.0, {GAS: 2.0}, {HEAT: 0.5}), "reference"),
        (ConverterSegment(1.0, {GAS: 1.0}, {GAS: 0.5}), "net it"),
        (ConverterSegment(1.0, {GAS: 1.0}, {HEAT: 0.5}, math.inf), "cost must be finite"),
    ],
)
def test_a_segment_that_makes_no_sense_is_refused(segment, said):
    with pytest.raises(VectorBidError, match=said):
        Converter("boiler", (segment,))


def test_a_ratio_that_does_not_fit_a_leg_or_rounds_to_nothing_is_refused():
    def bids_of(flow):
        segment = ConverterSegment(1_000.0, {GAS: 1.0}, {HEAT: flow})
        return converter_bids("plant", Converter("odd", (segment,), 1e9), [1_000.0], CAP)

    with pytest.raises(VectorBidError, match=r"3000\.0 Wh a unit do not fit .* smaller unit"):
        bids_of(3_000.0)
    with pytest.raises(VectorBidError, match="coefficient is zero"):
        bids_of(1e-7)


def test_availability_below_zero_and_costs_beyond_the_cap_are_refused():
    with pytest.raises(VectorBidError, match="slot 1: what is available is 0 or more, not -1"):
        converter_bids("plant", chp((0.4, 0.45)), [1.0, -1.0], CAP)
    with pytest.raises(VectorBidError, match="price cap"):
        converter_bids("plant", chp((0.4, 0.45), cost=8.0), [1_000.0], CAP)


@pytest.mark.parametrize(
    ("legs", "units", "said"),
    [
        ((), 1, "1 to 255 legs"),
        ((BidLeg(0, 0, 1, 5), BidLeg(0, 0, 1, 6)), 1, "two legs of carrier 0, zone 0, slot 1"),
        ((BidLeg(0, 0, 2, 5), BidLeg(0, 0, 1, 6)), 1, "sort the legs"),
        ((BidLeg(0, 0, 2, 500_000),), 1, "single leg is one Wh"),
        ((BidLeg(0, 0, 2, 1_000_000),), 0, "units lie in"),
        ((BidLeg(0, 0, 2, 1_000_000),), 1 << 64, "units lie in"),
    ],
)
def test_a_vector_that_no_order_can_carry_is_refused(legs, units, said):
    with pytest.raises(VectorBidError, match=said):
        VectorBid("owner", legs, units, 0)


def test_both_kinds_of_bids_become_orders_in_one_pass():
    bids: list[OrderTerms] = [
        Bid("owner", 1, -500, 10, carrier=HEAT, zone=1),
        *made(storage_pair_bid("owner", 0, 1, 2_000.0, 0.9, 0.0, CAP)),
    ]
    single, pair = orders(bids, market=1, round=1, first_slot=96, traders={"owner": TRADER})
    assert Product.from_id(single.legs[0].product) == Product(HEAT, 1, 97)
    assert (single.sells, single.max_units, single.limit) == (True, 500, -10)
    assert [Product.from_id(leg.product).slot for leg in pair.legs] == [96, 97]
    assert (single.salt, pair.salt) == (0, 1)


def test_a_joint_book_clears_a_chp_between_gas_power_and_heat():
    """Gas at 0.03, power worth 0.12, heat worth 0.05: running earns, so the plant runs in full, and
    its own outputs balance what is bought."""
    bids: list[OrderTerms] = [
        *converter_bids("plant", chp((0.4, 0.45)), [40_000.0] * 2, CAP),
        *(Bid("gas", t, -100_000, 30_000_000, carrier=GAS) for t in range(2)),
        *(Bid("mill", t, 20_000, 120_000_000, carrier=ELECTRICITY) for t in range(2)),
        *(Bid("town", t, 20_000, 50_000_000, carrier=HEAT) for t in range(2)),
    ]
    traders = dict.fromkeys(("plant", "gas", "mill", "town"), TRADER)
    unsigned = orders(bids, market=1, round=1, first_slot=0, traders=traders)
    signed = [SignedOrder(order, bytes(64), order_hash(DOMAIN, order)) for order in unsigned]
    rules = MarketRules(3, 1, 900, 2, CAP, 0, 0, 0, gap_floor_micro=100, gap_cap_micro=100)
    book = Book.build(1, 1, ProductGrid(3, 1, 0, 2), signed)
    maxima = tuple(each.order.max_units for each in book.orders)
    clearing = clear(book, maxima, rules)
    assert check(book, maxima, clearing, rules).welfare_micro > 0
    ran = [
        fill for each, fill in zip(book.orders, clearing.fills, strict=True) if each.order.multi_leg
    ]
    assert ran == [40_000, 40_000]
