from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import merkle
from market.book import Book
from market.certificate import check
from market.clearing import clear
from market.eligibility import TraderFacts, effective_maxima
from market.merkle import Frontier
from market.order import order_from_json, order_hash
from market.outcome import Clearing
from market.payment import leg_energy_wh
from market.product import ProductGrid
from market.reference.delegations import NOBODY
from market.reference.verification import Facts, RoundRules, Verification
from market.settlement import (
    CallDataError,
    Settlement,
    decode_effects,
    decode_orders,
    decode_results,
    encode_effects,
    order_quantities_wh,
    pack_prices,
    product_ties,
    unpack_prices,
)
from market.synthetic import (
    DOMAIN,
    random_orders,
    rules_for,
    sign_all,
    trader_keys,
    unsigned_book,
)
from market.units import SCALE, ceil_div
from market.vectors import merkle_vectors, order_vectors, payment_vectors, round_vectors

VECTORS = Path(__file__).parents[1] / "vectors"
KEYS = trader_keys(6)
GRIDS = (
    ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=1),
    ProductGrid(carriers=2, zones=2, first_slot=1_000, slots=3),
)
MARGIN = 10**18


TOKENS: dict[str, Any] = {
    "imbalance_cap": 0,
    "gap_floor_micro": 0,
    "gap_cap_micro": 0,
    "tokenised": True,
}


def settled(seed, *, signed=False, share=None, max_units=None, tokenised=False):
    random = Random(seed)
    grid = GRIDS[0] if tokenised else random.choice(GRIDS)
    orders = random_orders(
        random,
        grid,
        random.randint(0, 40),
        keys=KEYS,
        multi_leg_share=random.choice((0.0, 0.0, 0.3)) if share is None else share,
        price_step=random.choice((1, 7, 50_000_000)),
        max_units=max_units or random.choice((3, 1_000, 10**6)),
    )
    book = Book.build(1, 1, grid, sign_all(orders)) if signed else unsigned_book(grid, orders)
    changes: dict[str, Any] = TOKENS if tokenised else {"gap_floor_micro": 10**30}
    rules = dataclasses.replace(rules_for(grid), **changes)
    facts = {
        trader: TraderFacts(
            random.choice((0, 10**9, MARGIN)),
            random.choice((0, 0, 1)),
            True,
            random.choice((0, 1_000, 10**9)) if tokenised else None,
        )
        for trader, _ in book.traders()
    }
    maxima = effective_maxima(book, facts, rules)
    clearing = clear(book, maxima, rules)
    return book, facts, rules, Settlement.build(book, maxima, clearing, rules)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32), st.sampled_from((1, 1_000, 2**40, 2**64 - 1)))
def test_money_and_energy_add_up_to_zero_with_the_dust(seed, max_units):
    book, _, rules, settlement = settled(seed, max_units=max_units)
    sums = [0] * len(book.grid)
    for position, indices in enumerate(book.leg_indices):
        quantities = order_quantities_wh(book, settlement.clearing, position)
        for index, q in zip(indices, quantities, strict=True):
            sums[index] += q
    assert not any(sums)
    check(book, settlement.maxima, settlement.clearing, rules)
    assert settlement.dust_micro == sum(settlement.payments_micro)
    assert 0 <= settlement.dust_micro <= book.count
    debits = sum(effect.debit_micro for effect in settlement.effects)
    locks = sum(effect.lock_micro for effect in settlement.effects)
    assert debits - locks == settlement.dust_micro


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_tokens_and_money_of_a_token_market_add_up_and_nothing_is_left_to_close(seed):
    book, facts, _, settlement = settled(seed, tokenised=True)
    effects = settlement.effects
    assert sum(effect.moved_wh for effect in effects) == 0
    paid = sum(effect.debit_micro - effect.proceeds_micro for effect in effects)
    assert paid == settlement.dust_micro
    assert all(-effect.moved_wh <= facts[effect.trader].capacity_wh for effect in effects)
    assert not any(effect.lock_micro for effect in effects)
    assert [effect.trader for effect in effects] == [trader for trader, _ in book.traders()]
    assert (settlement.positions, settlement.positions_root) == ((), bytes(32))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_margin_set_aside_at_the_gate_covers_every_debit(seed):
    _, facts, _, settlement = settled(seed)
    for effect in settlement.effects:
        assert 0 <= effect.debit_micro <= facts[effect.trader].margin_micro


@settings(deadline=None, max_examples=60)
@given(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(-(2**63), 2**63 - 1),
)
def test_a_payment_never_exceeds_what_the_limit_allows(coefficient, units, price):
    # The tightest limit under which the fill is allowed.
    q = leg_energy_wh(coefficient, units)
    if units == 0:
        return
    limit = ceil_div(price * q, units)
    assert ceil_div(price * q, SCALE) <= ceil_div(limit * units, SCALE)


def reference_run(book, facts, rules, settlement, forced, chunk_size):
    """The reference model's verification of the encoded round."""
    round_rules = RoundRules(
        domain=DOMAIN,
        market=book.market,
        round=book.round,
        gate_at=0,
        grid=book.grid,
        price_cap=rules.price_cap,
        imbalance_cap=rules.imbalance_cap,
        gap_floor=rules.gap_floor_micro,
        gap_cap=rules.gap_cap_micro,
        tokenised=rules.tokenised,
        facts_of=lambda trader: Facts(
            facts[trader].epoch,
            facts[trader].eligible,
            facts[trader].margin_micro,
            facts[trader].capacity_wh,
            NOBODY,
        ),
        is_named=lambda trader, signer: False,
        forced=frozenset(forced),
    )
    verification = Verification.begin(settlement.results(), round_rules)
    effects = []
    for orders, chunk_effects in settlement.chunks(chunk_size, forced):
        read = [dataclasses.astuple(e) for e in verification.read(round_rules, orders)]
        written = decode_effects(chunk_effects, tokenised=rules.tokenised)
        assert read == [dataclasses.astuple(e) for e in written]
        effects += read
    return verification.finish(round_rules, book.root, book.count), effects


@pytest.mark.parametrize("tokenised", [False, True], ids=["energy", "tokens"])
@pytest.mark.parametrize("seed", range(24))
def test_the_reference_model_accepts_what_was_encoded_and_agrees(seed, tokenised):
    book, facts, rules, settlement = settled(
        seed, signed=True, share=0.0 if tokenised else None, tokenised=tokenised
    )
    forced = [signed.digest for signed in book.orders[::5]]
    certificate = check(book, settlement.maxima, settlement.clearing, rules)
    for chunk_size in (1, 4, 1_000):
        outcome, effects = reference_run(book, facts, rules, settlement, forced, chunk_size)
        assert effects == [dataclasses.astuple(e) for e in settlement.effects]
        assert outcome.positions_root == settlement.positions_root
        assert outcome.positions_count == len(settlement.positions)
        assert outcome.prices_hash == settlement.prices_hash
        assert outcome.dust == settlement.dust_micro
        assert (outcome.gap, outcome.welfare) == (
            certificate.gap_micro,
            certificate.welfare_micro,
        )


@pytest.mark.parametrize("seed", range(12))
def test_what_was_encoded_is_decoded_unchanged(seed):
    book, _, _, settlement = settled(seed, signed=True)
    forced = {signed.digest for signed in book.orders[1::3]}
    decoded = decode_orders(settlement.orders(forced), 1, 1, book.grid)
    parts = [
        order
        for data, _ in settlement.chunks(3, forced)
        for order in decode_orders(data, 1, 1, book.grid)
    ]
    assert list(decoded) == parts
    assert [(d.order, d.signature, d.fill, d.forced) for d in decoded] == [
        (s.order, s.signature, u, s.digest in forced)
        for s, u in zip(book.orders, settlement.clearing.fills, strict=True)
    ]
    ties = product_ties(book, settlement.maxima, settlement.clearing)
    prices = settlement.clearing.prices
    assert decode_results(settlement.results(), len(book.grid)) == (prices, ties)
    assert unpack_prices(pack_prices(prices)) == prices
    assert decode_effects(encode_effects(settlement.effects)) == settlement.effects


@pytest.mark.parametrize("seed", range(6))
def test_effects_of_tokens_are_decoded_unchanged_from_52_bytes_each(seed):
    *_, settlement = settled(seed, share=0.0, tokenised=True)
    data = encode_effects(settlement.effects, tokenised=True)
    assert len(data) == 52 * len(settlement.effects)
    assert decode_effects(data, tokenised=True) == settlement.effects
    if data:
        with pytest.raises(CallDataError):
            decode_effects(data[:-1], tokenised=True)


def test_call_data_that_is_cut_off_or_too_long_is_refused():
    book, _, _, settlement = settled(5, signed=True, share=0.3)
    data = settlement.orders()
    for cut in (1, 19, 21, len(data) - 1):
        with pytest.raises(CallDataError):
            decode_orders(data[:cut], 1, 1, book.grid)
    results = settlement.results()
    for bad in (results[:-1], results + b"\x00", b""):
        with pytest.raises(CallDataError):
            decode_results(bad, len(book.grid))
    with pytest.raises(CallDataError):
        decode_results(bytes(8) + b"\x03", 1)
    with pytest.raises(CallDataError):
        unpack_prices(bytes(9))
    with pytest.raises(CallDataError):
        decode_effects(bytes(35))
    with pytest.raises(CallDataError, match="beyond"):
        decode_orders(data, 1, 1, ProductGrid(1, 1, 0, 1))
    with pytest.raises(ValueError, match="at least one"):
        next(settlement.chunks(0))


def test_positions_prove_themselves_in_the_tree():
    *_, settlement = settled(7, share=0.3)
    leaves = settlement.position_leaves
    assert leaves
    for index, leaf in enumerate(leaves):
        proof = merkle.proof(leaves, index)
        assert merkle.verify(settlement.positions_root, len(leaves), index, leaf, proof)


def test_locks_hold_proceeds_and_collateral_for_both_sides():
    grid = GRIDS[0]
    (buyer, seller) = (draw[0].trader for draw in _one_trade(grid))
    book = unsigned_book(grid, _one_trade(grid))
    rules = rules_for(grid)
    clearing = clear(book, (1_000, 1_000), rules)
    effects = {e.trader: e for e in Settlement.build(book, (1_000, 1_000), clearing, rules).effects}
    collateral = 500_000  # 1 kWh at 0.5 tokens
    assert clearing.prices == (200_000_000,)
    assert (effects[buyer].debit_micro, effects[buyer].lock_micro) == (
        200_000 + collateral,
        collateral,
    )
    assert (effects[seller].debit_micro, effects[seller].lock_micro) == (
        collateral,
        200_000 + collateral,
    )


def _one_trade(grid):
    drawn = random_orders(Random(1), grid, 40, keys=KEYS)
    buy = next(d for d in drawn if not d[0].sells)
    sell = next(d for d in drawn if d[0].sells and d[0].trader != buy[0].trader)
    return [
        (dataclasses.replace(buy[0], max_units=1_000, limit=200_000_000), buy[1]),
        (dataclasses.replace(sell[0], max_units=1_000, limit=-200_000_000), sell[1]),
    ]


@pytest.mark.parametrize(
    ("name", "vectors"),
    [("payments", payment_vectors), ("orders", order_vectors), ("merkle", merkle_vectors)],
)
def test_the_shared_vectors_are_what_this_code_computes(name, vectors):
    stored = json.loads((VECTORS / f"{name}.json").read_text())
    assert json.loads(json.dumps(vectors())) == stored


def test_the_shared_rounds_are_what_this_code_computes():
    stored = json.loads((VECTORS / "rounds.json").read_text())
    computed = json.loads(json.dumps(round_vectors()))
    for old, new in zip(stored, computed, strict=True):
        if not old["coupled"]:  # a coupled clearing may differ with the solver's version
            assert new == old


def test_the_shared_rounds_settle_as_stored():
    for stored in json.loads((VECTORS / "rounds.json").read_text()):
        grid = ProductGrid(**stored["grid"])
        orders = [order_from_json(entry["order"]) for entry in stored["orders"]]
        book = unsigned_book(grid, [(order, b"") for order in orders])
        assert [order_hash(DOMAIN, o).hex() for o in orders] == [
            entry["hash"][2:] for entry in stored["orders"]
        ]
        clearing = Clearing(
            tuple(stored["prices"]),
            tuple(entry["fill"] for entry in stored["orders"]),
            tuple(stored["indicative"]),
        )
        maxima = tuple(entry["maximum"] for entry in stored["orders"])
        settlement = Settlement.build(book, maxima, clearing, rules_for(grid))
        assert "0x" + settlement.positions_root.hex() == stored["positionsRoot"]
        assert "0x" + encode_effects(settlement.effects).hex() == stored["allEffects"]
        assert "0x" + settlement.results().hex() == stored["results"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20), st.data())
def test_a_merkle_proof_holds_for_its_own_leaf_index_and_count_alone(leaves, data):
    tree = merkle.root(leaves)
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root == tree
    if not leaves:
        return
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle.proof(leaves, index)
    assert merkle.verify(tree, len(leaves), index, leaves[index], proof)
    assert not merkle.verify(tree, len(leaves), len(leaves), leaves[index], proof)
    assert not merkle.verify(tree, len(leaves), index, leaves[index], [*proof, bytes(32)])
    assert not merkle.verify(tree, len(leaves), index, b"\x07" * 32, proof) or (
        leaves[index] == b"\x07" * 32
    )
    if proof:
        assert not merkle.verify(tree, len(leaves), index, leaves[index], proof[:-1])
    with pytest.raises(IndexError):
        merkle.proof(leaves, len(leaves))
