"""Random books with random facts, cleared and certified, ready to be explained."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from eth_utils.address import to_checksum_address
from hypothesis import strategies as st

from market.book import Book
from market.certificate import check
from market.clearing import clear
from market.delegation import Session
from market.eligibility import TraderFacts, effective_maxima
from market.explanation import ClearedRound, ProductNames
from market.order import Leg, Order, order_id
from market.product import ProductGrid
from market.synthetic import random_orders, rules_for, trader_keys, unsigned_book
from market.units import SCALE

KEYS = trader_keys(6)
ALICE, BOB, CEM, DAN = (to_checksum_address("0x" + two * 20) for two in ("a1", "b0", "ce", "da"))
ONE = ProductGrid(carriers=1, zones=1, first_slot=96, slots=1)
FEW = ProductGrid(carriers=1, zones=1, first_slot=96, slots=3)
PARK = ProductGrid(carriers=2, zones=2, first_slot=96, slots=3)
NAMES = ProductNames(("electricity", "heat"), ("north", "south"), 900, 96)
PLENTY = 10**13
SESSION = Session(CEM, 1_760_000_000, 10**9, 10**9, 250_000_000, 150_000_000)


def explained(book: Book, facts, rules) -> ClearedRound:
    """Clears, certifies, and hands over for explanation."""
    maxima = effective_maxima(book, facts, rules)
    clearing = clear(book, maxima, rules)
    check(book, maxima, clearing, rules)
    return ClearedRound(book, facts, clearing, rules, NAMES)


def counting(book: Book, **changes):
    """Facts by which every order counts."""
    fact = TraderFacts(margin_micro=PLENTY, epoch=0, eligible=True)
    return {trader: replace(fact, **changes) for trader, _ in book.traders()}


def delegated(book: Book, signers) -> Book:
    """The book with these accounts as signers of these orders, by order."""
    orders = [
        replace(s, delegate=(by := signers.get(s.order)), digest=order_id(s.digest, s.order, by))
        for s in book.orders
    ]
    return Book.build(book.market, book.round, book.grid, orders)


def a_round(
    *orders: Order, grid: ProductGrid = ONE, facts=None, signers=None, **rules
) -> ClearedRound:
    """The round of these orders, cleared; `signers`: who signed for its trader, by order."""
    book = delegated(unsigned_book(grid, [(order, b"") for order in orders]), signers or {})
    chosen = replace(rules_for(grid), **rules)
    return explained(book, counting(book) | (facts or {}), chosen)


def order(trader: str, wh: int, price: float, *, salt: int = 0, slot: int = 96, **more) -> Order:
    """Buys (positive Wh) or sells (negative) at a price in tokens a kWh."""
    nano, sign = round(price * 10**9), 1 if wh > 0 else -1
    legs = (Leg(slot, sign * SCALE),)
    return Order(1, 1, legs, abs(wh), sign * nano, trader, more.get("epoch", 0), salt)


def several(trader: str, units: int, price: float, *legs: tuple[int, int], salt: int = 0) -> Order:
    """An order of several legs (product, coefficient); price in tokens a thousand units."""
    made = tuple(Leg(product, coefficient) for product, coefficient in legs)
    return Order(1, 1, made, units, round(price * 10**9), trader, 0, salt)


def position_of(cleared: ClearedRound, wanted: Order) -> int:
    return next(i for i, s in enumerate(cleared.book.orders) if s.order == wanted)


@st.composite
def random_rounds(draw, grids=(ONE, FEW, PARK), share=(0.0, 0.3, 0.6), odd_facts=True):
    """A cleared round; with `odd_facts` some orders break a rule of the gate."""
    random = Random(draw(st.integers(0, 2**32)))
    grid = draw(st.sampled_from(grids))
    drawn = random_orders(
        random,
        grid,
        draw(st.integers(1, 40)),
        keys=KEYS,
        multi_leg_share=draw(st.sampled_from(share)),
        price_step=draw(st.sampled_from((1, 10_000_000, 50_000_000))),
        max_units=draw(st.sampled_from((5, 300, 20_000))),
    )
    book = unsigned_book(grid, drawn)
    rules = rules_for(grid)
    facts = counting(book)
    if odd_facts:
        rules = replace(rules, price_cap=draw(st.sampled_from((250_000_000, 10**9))))
        facts = {
            trader: TraderFacts(
                margin_micro=random.choice((PLENTY, 20_000, 2_000)),
                epoch=random.choice((0, 0, 0, 1)),
                eligible=random.random() < 0.9,
                capacity_wh=random.choice((None, 10**9, 5_000)),
                session=random.choice((None, SESSION, replace(SESSION, buy_wh=200, sell_wh=0))),
                gate_at=random.choice((0, 0, 0, SESSION.until)),
            )
            for trader in facts
        }
        book = delegated(book, {o: random.choice((None, None, CEM, DAN)) for o, _ in drawn})
    return explained(book, facts, rules)
