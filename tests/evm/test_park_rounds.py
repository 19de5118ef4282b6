"""Rounds of a park, of several carriers, zones and slots: what was cleared settles, no more."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.certificate import CertificateError, check
from market.outcome import Clearing
from market.product import Product
from market.reference.account import AccountWord
from market.reference.call_data import Tie
from tests.evm.batch import Batch, Filled, positions
from tests.evm.park_world import (
    COOLING,
    ELECTRICITY,
    FLOWGATE,
    GAS,
    HEAT,
    NETWORK_ACCOUNT,
    OPEN,
    PRICES,
    SCALE,
    Park,
)
from tests.evm.round_world import production_book
from tests.evm.world import OPERATOR, TRADERS
from wattproof.audit.findings import Mismatch
from wattproof.audit.rounds import add_call_data, prove
from wattproof.audit.state import Proof, RoundState, State

SEEDS = st.integers(0, 2**32 - 1)
MARGIN = 10**12


def net_of_the_network(batch: Batch) -> dict[int, int]:
    """Wh by carrier that the network account keeps, over all zones and slots."""
    net = dict.fromkeys(range(batch.grid.carriers), 0)
    for filled in batch.orders:
        if filled.signed.order.trader == NETWORK_ACCOUNT.address:
            for product, wh in filled.quantities:
                net[product >> 48] += wh
    return net


def check_network(batch: Batch) -> None:
    """It keeps what its pipes lose, and nothing of the capacities that only it trades."""
    net = net_of_the_network(batch)
    assert all(net[carrier] >= 0 for carrier in OPEN)
    assert not any(wh for carrier, wh in net.items() if carrier not in OPEN)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, count=st.integers(0, 40))
def test_the_contract_settles_a_parks_round_as_it_was_cleared(seed, count):
    park = Park(Random(seed))
    _, _, certificate, batch = park.gate(park.orders(count))
    assert park.settle(batch.results, batch.call_data) is None
    outcome = park.world.exchange.round(park.market, park.number).outcome
    assert outcome is not None
    assert (outcome.gap, outcome.welfare) == (certificate.gap_micro, certificate.welfare_micro)
    check_network(batch)
    park.check_effects(batch, MARGIN)


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, count=st.integers(1, 40))
def test_a_parks_round_in_chunks_ends_like_a_round_at_once(seed, count):
    """Cut anywhere, also within the network account's orders, and resumed from the saved state."""
    rng = Random(seed)
    park = Park(rng)
    _, _, certificate, batch = park.gate(park.orders(count))
    applications = list(enumerate(park.verify_in_chunks(batch)))
    rng.shuffle(applications)
    for chunk, data in applications:
        arguments = (park.market, park.number, chunk, data)
        park.must("Exchange", "applyChunk", *arguments, sender=TRADERS[3])
    outcome = park.world.exchange.round(park.market, park.number).outcome
    assert outcome is not None
    assert (outcome.gap, outcome.welfare) == (certificate.gap_micro, certificate.welfare_micro)
    park.check_effects(batch, MARGIN)


@pytest.fixture(scope="module")
def cleared() -> tuple[Park, Batch]:
    """A park's round behind its gate, in which converters, storage and the network are filled."""
    park = Park(Random(11), gap_floor=10_000)
    _, _, _, batch = park.gate(park.orders(100))
    filled = [o.signed.order for o in batch.orders if o.fill]
    assert {2, 3, 4} <= {len(order.legs) for order in filled}
    assert any(order.trader == NETWORK_ACCOUNT.address for order in filled)
    assert any(net_of_the_network(batch)[carrier] for carrier in (HEAT, COOLING))
    return park, batch


def both_refuse(park: Park, batch: Batch, rule: str) -> str:
    """The chain's refusal; the certificate names `rule`."""
    book, maxima = production_book(park, batch)
    clearing = Clearing(batch.prices, tuple(o.fill for o in batch.orders), ())
    with pytest.raises(CertificateError, match=rule):
        check(book, maxima, clearing, park.rules)
    refusal = park.settle(batch.results, batch.call_data)
    assert refusal is not None
    chunk = (park.market, park.number, batch.results, b"", batch.call_data)
    assert park.world.do("Exchange", "verifyChunk", *chunk, sender=OPERATOR) == refusal
    return refusal


def changed(batch: Batch, at: int, fill: int) -> Batch:
    orders = list(batch.orders)
    orders[at] = replace(orders[at], fill=fill)
    return replace(batch, orders=tuple(orders))


def test_a_converter_filled_beyond_what_it_signed_is_refused(cleared):
    park, batch = cleared
    at = next(i for i, o in enumerate(batch.orders) if len(o.signed.order.legs) > 2)
    above = changed(batch, at, batch.orders[at].maximum + 1)
    assert both_refuse(park, above, "maximum") == "FillAboveMaximum"


@pytest.mark.parametrize("legs", [1, 2, 3, 4])
def test_a_unit_more_or_less_of_any_kind_of_order_leaves_a_carrier_unbalanced(cleared, legs):
    park, batch = cleared
    at = next(
        i
        for i, o in enumerate(batch.orders)
        if len(o.signed.order.legs) == legs and o.fill > 1 and o.quantities
    )
    refusal = both_refuse(park, changed(batch, at, batch.orders[at].fill - 1), "balance|gap")
    assert refusal == "NotBalanced"


def test_a_price_that_costs_a_converter_more_than_it_signed_is_refused(cleared):
    """Ten times what the fuel costs."""
    park, batch = cleared
    prices = list(batch.prices)
    for slot in park.slots:
        for zone in range(batch.grid.zones):
            prices[batch.grid.index(Product(GAS, zone, slot).id)] *= 10
    assert both_refuse(park, replace(batch, prices=tuple(prices)), "limit") == "CostAboveLimit"


def test_a_result_that_leaves_out_a_trade_worth_more_than_the_tolerance_is_refused(cleared):
    """Everything unfilled balances, breaks no limit, and is far from the best."""
    park, batch = cleared
    nothing = replace(batch, orders=tuple(replace(o, fill=0) for o in batch.orders))
    assert both_refuse(park, nothing, "gap") == "GapTooLarge"


def replayed(park: Park, batch: Batch) -> Proof:
    """What an auditor derives from the round's call data and the facts at its gate."""
    key = (park.market, park.number)
    record = park.world.exchange.round(*key)
    state = State(park.world.exchange.domain, park.world.ledger.address)
    state.markets[park.market] = park.params
    for trader in TRADERS:
        state.words[park.market, trader.address] = AccountWord(margin=MARGIN)
    state.rounds[key] = RoundState(record.gate_at, record.first_slot, record.slots)
    state.rounds[key].book_root, state.rounds[key].count = record.book_root, record.count
    add_call_data(state, key, batch.results, batch.call_data)
    return prove(state, key)


def test_a_price_moved_within_the_tolerance_settles_and_replay_names_it():
    """The chain knows limits, balance and gap of a coupled round; its one right price, an auditor
    derives again (`wattproof.audit.rounds.prove`)."""
    park = Park(Random(12), gap_floor=10_000)
    _, clearing, _, batch = park.gate(park.orders(30))
    assert replayed(park, batch).clearing.prices == clearing.prices
    for at, step in ((at, step) for at in range(len(batch.prices)) for step in (1, -1)):
        prices = list(batch.prices)
        prices[at] += step
        moved = replace(batch, prices=tuple(prices))
        if park.settle(moved.results, moved.call_data) is None:
            break
    else:
        raise AssertionError("no price could be moved")
    with pytest.raises(Mismatch, match=f"price of product {at}"):
        replayed(park, moved)


def test_replay_names_a_fill_that_the_tolerance_lets_pass():
    park = Park(Random(12))
    _, _, _, batch = park.gate(park.orders(30))
    nothing = replace(batch, orders=tuple(replace(o, fill=0) for o in batch.orders))
    assert park.settle(nothing.results, nothing.call_data) is None
    with pytest.raises(Mismatch, match="fill of order"):
        replayed(park, nothing)


@pytest.mark.parametrize("kind", ["capacity", "leg"])
def test_a_book_with_a_strangers_flowgate_order_never_settles(kind):
    """Neither unfilled nor filled, at once or in chunks; and nobody can force one in."""
    park = Park(Random(3))
    gate = Product(FLOWGATE, 0, park.slots[0])
    legs = {gate: -SCALE}
    if kind == "leg":
        legs = {Product(ELECTRICITY, 0, park.slots[0]): SCALE, gate: SCALE}
    stranger = park.order(TRADERS[2], legs, 1_000, 0)
    assert park.world.force(stranger) == "MalformedOrder"
    assert park.world.force(park.order(NETWORK_ACCOUNT, legs, 1_000, 0)) is None
    forced = park.world.exchange.round(park.market, park.number).forced
    assert len(forced) == 1
    park = Park(Random(3))
    orders = park.orders(20)
    stranger = park.order(TRADERS[2], legs, 1_000, 0)
    _, _, _, batch = park.gate([*orders, stranger])
    assert park.settle(batch.results, batch.call_data) == "MalformedBatch"
    chunk = (park.market, park.number, batch.results, b"", batch.call_data)
    assert park.world.do("Exchange", "verifyChunk", *chunk, sender=OPERATOR) == "MalformedBatch"
    without = tuple(o for o in batch.orders if o.signed.digest != stranger.digest)
    left_out = replace(batch, orders=without)
    assert park.settle(left_out.results, left_out.call_data) == "WrongBook"
    park.world.check_state()


@pytest.mark.parametrize("in_chunks", [False, True])
def test_orders_of_255_legs_settle(in_chunks):
    """A consumer's band over all carriers, and a supplier's opposite of it."""
    park = Park(Random(5), period_slots=22, margin=10**12)
    every = [Product(c, z, slot) for c in OPEN for z in range(3) for slot in park.slots][:255]
    assert len(every) == 255
    band = dict.fromkeys(every, SCALE)
    value = sum(PRICES[product.carrier] for product in every)
    orders = [
        park.order(TRADERS[2], band, 1_000, value),
        park.order(TRADERS[3], {p: -c for p, c in band.items()}, 999, -value * 9 // 10),
    ]
    _, clearing, certificate, batch = park.gate(orders)
    assert sorted(clearing.fills) == [999, 999]
    assert certificate.welfare_micro > 0
    if in_chunks:
        for chunk, data in enumerate(park.verify_in_chunks(batch)):
            arguments = (park.market, park.number, chunk, data)
            park.must("Exchange", "applyChunk", *arguments, sender=TRADERS[3])
    else:
        assert park.settle(batch.results, batch.call_data) is None
    park.check_effects(batch, MARGIN)
    park.world.check_state()


def test_an_order_of_256_legs_fits_no_form():
    park = Park(Random(5), period_slots=22)
    every = [Product(c, z, slot) for c in OPEN for z in range(3) for slot in park.slots][:256]
    order = park.order(TRADERS[2], dict.fromkeys(every, SCALE), 1, 0)
    assert park.world.force(order) == "MalformedOrder"


FREE = {"imbalance_cap": 0, "price_cap": 2**62, "gap_floor": 2**64 - 1, "gap_cap": 2**64 - 1}
COEFFICIENTS = (-(2**31), -(2**31) + 1, -SCALE, -1, 1, SCALE, 2**31 - 1)
UNITS = (1, 999_999, 10**6, 2**32, 2**63, 2**64 - 1)
EXTREME_PRICES = (-(2**63), -(2**62), -1, 0, 1, 2**62, 2**63 - 1)
LIMITS = (-(2**63), -(2**62), -1, 0, 1, 2**62, 2**63 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_no_order_overflows_a_sum(seed):
    """Coefficients, units, limits and prices at the ends of their types: contract and model, which
    counts without bounds, agree on every figure or on the refusal."""
    rng = Random(seed)
    park = Park(rng, 2**60, **FREE)
    hostile: list[Filled] = []

    def add(trader: int, legs: dict[Product, int], units: int, limit: int, fill: int) -> None:
        signed = park.order(TRADERS[trader], legs, units, limit)
        hostile.append(Filled(signed, units, fill))

    for _ in range(rng.randrange(1, 5)):
        chosen = rng.sample(range(len(OPEN) * 3 * len(park.slots)), rng.randrange(2, 20))
        products = [Product.from_id(park.grid.product_id(index)) for index in chosen]
        legs = {product: rng.choice(COEFFICIENTS) for product in products}
        units = rng.choice(UNITS)
        limit = rng.choice((0, 0, -1, *LIMITS))
        fill = rng.choice((0, 1, units))
        a, b = rng.sample(range(5), 2)
        add(a, legs, units, limit, fill)
        if rng.random() < 0.7:
            opposite = {p: max(-(2**31), min(2**31 - 1, -c)) for p, c in legs.items()}
            add(b, opposite, units, rng.choice((-limit, 0)) if limit != -(2**63) else 0, fill)
    prices = tuple(rng.choice(EXTREME_PRICES) for _ in range(len(park.grid)))
    if rng.random() < 0.5:
        prices = (0,) * len(park.grid)
    hostile.sort(key=lambda filled: filled.place)
    template = Batch(park.grid, prices, (Tie(),) * len(prices), tuple(hostile))
    park.world.wait(600)
    park.close_gate(template)
    if park.settle(template.results, template.call_data) is None:
        park.world.check_state()
        park.world.check_invariants()


@pytest.mark.parametrize("price", [2**63 - 1, -(2**63)])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_the_greatest_amounts_that_can_balance_settle(price, in_chunks):
    """Two converters of the greatest coefficients take each other's energy, at the last price that
    there is: 4e16 Wh a leg, and more than 128 bits on the way."""
    park = Park(Random(6), 2**60, **FREE)
    here, there = (Product(HEAT, zone, park.slots[0]) for zone in (0, 1))
    most = 2**31 - 1
    units = (2**64 - 1) // SCALE * SCALE
    orders = [
        park.order(TRADERS[at], {here: sign * most, there: -sign * most}, units, 0)
        for at, sign in ((0, 1), (1, -1))
    ]
    filled = sorted((Filled(o, units, units) for o in orders), key=lambda each: each.place)
    batch = Batch(park.grid, (price,) * len(park.grid), (Tie(),) * len(park.grid), tuple(filled))
    park.world.wait(600)
    park.close_gate(batch)
    if in_chunks:
        for chunk, data in enumerate(park.verify_in_chunks(batch)):
            arguments = (park.market, park.number, chunk, data)
            park.must("Exchange", "applyChunk", *arguments, sender=TRADERS[3])
    else:
        assert park.settle(batch.results, batch.call_data) is None
    assert {abs(wh) for o in batch.orders for _, wh in o.quantities} == {most * (units // SCALE)}
    park.check_effects(batch, 2**60)


def test_an_order_of_which_no_margin_backs_a_unit_adds_nothing_to_welfare_or_gap():
    """Somebody without margin signs for all the energy there is, at the highest price."""
    park = Park(Random(8))
    poor = TRADERS[4]
    product = Product(ELECTRICITY, 0, park.slots[0])
    cap = park.params.price_cap
    orders = park.orders(20)
    fantasy = [
        park.order(poor, {product: SCALE}, 2**64 - 1, cap),
        park.order(poor, {product: SCALE, Product(HEAT, 0, park.slots[0]): SCALE}, 2**63, 2 * cap),
    ]
    _, _, certificate, batch = park.gate([*orders, *fantasy])
    by_digest = {o.signed.digest: o for o in batch.orders}
    assert all(by_digest[signed.digest].maximum == 0 for signed in fantasy)
    assert park.settle(batch.results, batch.call_data) is None
    honest = Park(Random(8))
    _, _, without, _ = honest.gate(honest.orders(20))
    assert certificate == without


@pytest.mark.parametrize(("gap_cap", "refusal"), [(5, "GapTooLarge"), (10**6, None)])
def test_welfare_inflated_by_ones_own_trade_allows_no_more_than_the_cap(gap_cap, refusal):
    """Two accounts of one hand trade at the price cap with nearly all their margin, 0.8 million of
    money, so that the operator may withhold a millionth of it. The published cap bounds that."""
    park = Park(Random(9), gap_cap=gap_cap, gap_floor=0)
    cap, (first, second) = park.params.price_cap, park.slots[:2]
    pumped = Product(GAS, 2, first)
    pump = [
        park.order(TRADERS[2], {pumped: SCALE}, 2 * 10**8, cap),
        park.order(TRADERS[3], {pumped: -SCALE}, 2 * 10**8, 0),
    ]
    both = {Product(HEAT, 0, slot): SCALE for slot in (first, second)}
    honest = [park.order(TRADERS[0], both, 1_000, 2 * cap)]
    honest += [park.order(TRADERS[1], {product: -SCALE}, 1_000, 0) for product in both]
    _, _, certificate, batch = park.gate([*pump, *honest])
    assert certificate.gap_micro == 0
    assert certificate.welfare_micro > 8 * 10**11
    digests = {signed.digest for signed in honest}
    withheld = tuple(
        replace(o, fill=o.fill - 1) if o.signed.digest in digests else o for o in batch.orders
    )
    less = replace(batch, orders=withheld)
    assert park.settle(less.results, less.call_data) == refusal
    if refusal is None:
        outcome = park.world.exchange.round(park.market, park.number).outcome
        assert outcome is not None
        assert outcome.gap == 2 * cap // SCALE


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_dust_never_falls_whatever_the_signs_of_prices(seed):
    """Every order pays at least what its energy costs: fractions go to the dust account."""
    rng = Random(seed)
    park = Park(rng, gap_floor=2**64 - 1)
    filled: list[Filled] = []
    for _ in range(rng.randrange(1, 6)):
        products = [
            Product.from_id(park.grid.product_id(index))
            for index in rng.sample(range(len(OPEN) * 3 * len(park.slots)), rng.randrange(2, 5))
        ]
        legs = {
            product: rng.choice((-1, 1)) * rng.randrange(SCALE, 3 * SCALE) for product in products
        }
        units = rng.randrange(1, 3_000)
        pair = Filled(park.order(rng.choice(TRADERS[:5]), legs, units, 4 * 10**9), units, units)
        filled.append(pair)
        for product, wh in pair.quantities:
            if wh:
                legs = {Product.from_id(product): SCALE if wh < 0 else -SCALE}
                made = park.order(rng.choice(TRADERS[:5]), legs, abs(wh), 10**9)
                filled.append(Filled(made, abs(wh), abs(wh)))
    filled.sort(key=lambda each: each.place)
    prices = tuple(-rng.randrange(1, 2 * 10**8) for _ in range(len(park.grid)))
    batch = Batch(park.grid, prices, (Tie(),) * len(prices), tuple(filled))
    park.world.wait(600)
    park.close_gate(batch)
    assert park.settle(batch.results, batch.call_data) is None
    outcome = park.world.exchange.round(park.market, park.number).outcome
    assert outcome is not None
    assert 0 <= outcome.dust < len(batch.orders)
    owed = positions(batch, park.params.imbalance_cap)
    assert outcome.dust == sum(position.debit - position.lock for position in owed)
    park.check_effects(batch, MARGIN)
