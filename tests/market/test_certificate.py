from __future__ import annotations

import dataclasses
from random import Random

import pytest

from market.book import Book
from market.certificate import CertificateError, Commitment, allowed_gap_scaled, check
from market.clearing import Clearing, clear
from market.payment import leg_energy_wh
from market.product import ProductGrid
from market.synthetic import random_orders, rules_for, trader_keys, unsigned_book
from market.units import SCALE

KEYS = trader_keys(8)
ONE_PRODUCT = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=1)
FEW_PRODUCTS = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=3)
COUPLED = ProductGrid(carriers=2, zones=1, first_slot=1_000, slots=6)
STRICT = {"gap_floor_micro": 1_000, "gap_cap_micro": 1_000_000}


def cleared(seed, grid, count, share=0.0):
    random = Random(seed)
    orders = random_orders(
        random,
        grid,
        count,
        keys=KEYS,
        multi_leg_share=share,
        price_step=random.choice((1, 10_000_000, 50_000_000)),
        max_units=random.choice((5, 300, 20_000)),
    )
    book = unsigned_book(grid, orders)
    maxima = tuple(
        0 if random.random() < 0.05 else signed.order.max_units for signed in book.orders
    )
    rules = rules_for(grid)
    return book, maxima, clear(book, maxima, rules), rules


def with_fill(clearing: Clearing, changes: dict[int, int]) -> Clearing:
    fills = list(clearing.fills)
    for position, change in changes.items():
        fills[position] += change
    return dataclasses.replace(clearing, fills=tuple(fills))


def with_price(clearing: Clearing, index: int, change: int) -> Clearing:
    prices = list(clearing.prices)
    prices[index] += change
    return dataclasses.replace(clearing, prices=tuple(prices))


def without_order(book, maxima, clearing, position):
    def drop(values):
        return values[:position] + values[position + 1 :]

    smaller = dataclasses.replace(book, orders=drop(book.orders))
    return smaller, drop(maxima), dataclasses.replace(clearing, fills=drop(clearing.fills))


def mutants(book: Book, maxima, clearing: Clearing, random: Random):
    """(what was done, book, maxima, clearing) for every way to bend a one-product result."""
    count = book.count
    for index in range(len(book.grid)):
        for change in (-1, 1, -1_000_000, 1_000_000):
            yield "price moved", book, maxima, with_price(clearing, index, change)
    for position in range(count):
        for change in (-1, 1):
            yield "balance shifted", book, maxima, with_fill(clearing, {position: change})
        yield "order dropped", *without_order(book, maxima, clearing, position)
    sides: dict[tuple[int, bool], list[int]] = {}
    for position, (index,) in enumerate(book.leg_indices):
        sides.setdefault((index, book.orders[position].order.sells), []).append(position)
    for members in sides.values():
        pairs = [(a, b) for a in members for b in members if a != b]
        for a, b in random.sample(pairs, min(len(pairs), 6)):
            yield "fill moved", book, maxima, with_fill(clearing, {a: 1, b: -1})
    for index in range(len(book.grid)):
        bids, asks = sides.get((index, False), []), sides.get((index, True), [])
        if bids and asks:
            pair = {random.choice(bids): 1, random.choice(asks): 1}
            yield "limit or maximum passed", book, maxima, with_fill(clearing, pair)
            pair = dict.fromkeys(pair, -1)
            yield "volume withheld", book, maxima, with_fill(clearing, pair)


def test_every_correct_result_is_accepted_and_every_mutant_is_refused():
    refused: dict[str, int] = {}
    for seed in range(40):
        grid = ONE_PRODUCT if seed % 2 else FEW_PRODUCTS
        book, maxima, clearing, rules = cleared(seed, grid, 6 + seed)
        commitment = Commitment(book.root, book.count)
        certificate = check(book, maxima, clearing, rules, commitment)
        assert (certificate.gap_micro, certificate.coupled) == (0, False)
        for kind, bent_book, bent_maxima, bent in mutants(book, maxima, clearing, Random(seed)):
            with pytest.raises(CertificateError):
                check(bent_book, bent_maxima, bent, rules, commitment)
            refused[kind] = refused.get(kind, 0) + 1
    assert sum(refused.values()) >= 1_000
    assert min(refused.values()) >= 50


def test_a_duplicated_order_cannot_enter_a_book():
    book, *_ = cleared(1, ONE_PRODUCT, 5)
    with pytest.raises(ValueError, match="duplicate"):
        dataclasses.replace(book, orders=(*book.orders, book.orders[-1]))


def test_an_order_that_was_not_committed_is_refused():
    book, maxima, clearing, rules = cleared(2, ONE_PRODUCT, 12)
    smaller = dataclasses.replace(book, orders=book.orders[:-1])
    with pytest.raises(CertificateError) as refusal:
        check(book, maxima, clearing, rules, Commitment(smaller.root, book.count))
    assert refusal.value.rule == "book"
    with pytest.raises(CertificateError) as refusal:
        check(book, maxima, clearing, rules, Commitment(book.root, book.count, [b"\x01" * 32]))
    assert refusal.value.rule == "forced"


def test_the_refusal_names_rule_product_and_order():
    book, maxima, clearing, rules = cleared(3, ONE_PRODUCT, 30)
    with pytest.raises(CertificateError) as refusal:
        check(book, maxima, with_price(clearing, 0, 1), rules)
    assert refusal.value.rule == "limit"
    assert clearing.fills[refusal.value.order] > 0
    position = next(i for i, u in enumerate(clearing.fills) if u)
    with pytest.raises(CertificateError) as refusal:
        check(book, maxima, with_fill(clearing, {position: -1}), rules)
    assert (refusal.value.rule, refusal.value.product) == ("balance", 0)
    with pytest.raises(CertificateError) as refusal:
        check(book, maxima, with_fill(clearing, {position: 10**9}), rules)
    assert (refusal.value.rule, refusal.value.order) == ("maximum", position)


def test_maxima_beyond_what_was_signed_are_refused():
    book, maxima, clearing, rules = cleared(4, ONE_PRODUCT, 10)
    with pytest.raises(CertificateError, match="was not signed"):
        check(book, (maxima[0] + 10**9, *maxima[1:]), clearing, rules)


def test_results_of_another_shape_are_refused():
    book, maxima, clearing, rules = cleared(5, ONE_PRODUCT, 10)
    for bent in (
        dataclasses.replace(clearing, prices=()),
        dataclasses.replace(clearing, fills=clearing.fills[1:]),
        dataclasses.replace(clearing, prices=(2**63,)),
    ):
        with pytest.raises(CertificateError):
            check(book, maxima, bent, rules)


def breaks_a_bound(book, maxima, clearing, rules):
    """Limit, maximum, balance or tolerance, computed the long way round."""
    sums = [0] * len(book.grid)
    bound = welfare = 0
    for position, signed in enumerate(book.orders):
        order, fill = signed.order, clearing.fills[position]
        if not 0 <= fill <= maxima[position]:
            return True
        cost = surplus = 0
        for leg in order.legs:
            index = book.grid.index(leg.product)
            q = leg_energy_wh(leg.coefficient, fill)
            sums[index] += q
            cost += clearing.prices[index] * q
            surplus -= clearing.prices[index] * leg.coefficient
        if order.limit * fill < cost:
            return True
        bound += max(0, surplus + order.limit * SCALE) * maxima[position]
        welfare += order.limit * fill
    return any(sums) or bound - SCALE * welfare > allowed_gap_scaled(welfare, rules)


def test_coupled_results_are_accepted_and_mutants_refused_exactly_beyond_the_bounds():
    refused = tried = 0
    for seed in range(15):
        book, maxima, clearing, rules = cleared(seed, COUPLED, 120, share=0.25)
        rules = dataclasses.replace(rules, **STRICT)
        assert check(book, maxima, clearing, rules).coupled
        random = Random(seed)
        bent = [
            with_price(clearing, index, change)
            for index in range(len(book.grid))
            for change in (-1, 1, -10_000_000, 10_000_000)
        ]
        for _ in range(40):
            a, b = random.sample(range(book.count), 2)
            step = random.choice((-1, 1, 50))
            bent.append(with_fill(clearing, {a: step}))
            bent.append(with_fill(clearing, {a: step, b: random.choice((-step, step))}))
        bent.append(dataclasses.replace(clearing, fills=(0,) * book.count))
        for mutant in bent:
            tried += 1
            if breaks_a_bound(book, maxima, mutant, rules):
                refused += 1
                with pytest.raises(CertificateError):
                    check(book, maxima, mutant, rules)
            else:
                check(book, maxima, mutant, rules)
    assert tried > 1_500
    assert refused > 1_200


def test_the_tolerance_is_a_millionth_of_welfare_between_floor_and_cap():
    rules = dataclasses.replace(rules_for(COUPLED), gap_floor_micro=5, gap_cap_micro=100)
    micro = 10**12
    assert allowed_gap_scaled(0, rules) == 5 * micro
    assert allowed_gap_scaled(30 * micro, rules) == 30 * micro
    assert allowed_gap_scaled(10**9 * micro, rules) == 100 * micro
