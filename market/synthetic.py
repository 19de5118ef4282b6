"""Random but reproducible books, for tests, shared vectors and benchmarks. Nothing here is live."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from eth_account import Account
from eth_utils.crypto import keccak

from market.book import Book
from market.order import Domain, Leg, Order, SignedOrder, order_hash
from market.product import ProductGrid
from market.rules import MarketRules
from market.units import SCALE

DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
UNSIGNED = bytes(64)


def rules_for(grid: ProductGrid) -> MarketRules:
    """Rules of a market with 15-minute slots in which that round could be held."""
    return MarketRules(
        carriers=grid.carriers,
        zones=grid.zones,
        slot_seconds=900,
        period_slots=96,
        price_cap=3_000_000_000,
        imbalance_cap=500_000_000,
        shortfall_bp=2_000,
        surplus_bp=2_000,
        gap_floor_micro=1_000,
        gap_cap_micro=1_000_000,
    )


def trader_keys(count: int) -> list[bytes]:
    """Private keys of made-up traders."""
    return [keccak(b"wattproof synthetic trader" + n.to_bytes(4, "big")) for n in range(count)]


def sign_all(orders: Sequence[tuple[Order, bytes]], domain: Domain = DOMAIN) -> list[SignedOrder]:
    """Orders with their keys, signed."""
    return [SignedOrder.sign(domain, order, key) for order, key in orders]


def random_orders(
    random: Random,
    grid: ProductGrid,
    count: int,
    *,
    keys: Sequence[bytes],
    multi_leg_share: float = 0.0,
    price_step: int = 1,
    max_units: int = 20_000,
    market: int = 1,
    round: int = 1,
) -> list[tuple[Order, bytes]]:
    """Bids and asks around 0.2 tokens a kWh, and multi-leg orders that shift or convert energy.

    `price_step` (nano per kWh) coarse enough makes ties common.
    """
    traders = [(Account.from_key(key).address, key) for key in keys]
    orders: list[tuple[Order, bytes]] = []
    for salt in range(count):
        trader, key = random.choice(traders)
        if len(grid) > 1 and random.random() < multi_leg_share:
            legs, limit = _multi_leg(random, grid)
        else:
            sells = random.random() < 0.5
            legs = (Leg(grid.product_id(random.randrange(len(grid))), -SCALE if sells else SCALE),)
            price = random.randint(100_000_000, 300_000_000) // price_step * price_step
            limit = -price if sells else price
        orders.append(
            (
                Order(
                    market=market,
                    round=round,
                    legs=legs,
                    max_units=random.randint(1, max_units),
                    limit=limit,
                    trader=trader,
                    epoch=0,
                    salt=salt,
                ),
                key,
            )
        )
    return orders


def _multi_leg(random: Random, grid: ProductGrid) -> tuple[tuple[Leg, ...], int]:
    """Takes in one or two products, gives back less in another one or two, for a fee."""
    count = random.randint(2, min(4, len(grid)))
    places = sorted(random.sample(range(len(grid)), count))
    coefficients = [SCALE] + [
        random.choice((1, -1)) * random.randint(300_000, 950_000) for _ in range(count - 1)
    ]
    if all(c > 0 for c in coefficients):
        coefficients[-1] = -coefficients[-1]
    random.shuffle(coefficients)
    limit = sum(c * 200_000_000 for c in coefficients) // SCALE
    limit += random.randint(-60_000_000, 60_000_000)
    legs = tuple(Leg(grid.product_id(k), c) for k, c in zip(places, coefficients, strict=True))
    return legs, limit


def unsigned_book(grid: ProductGrid, orders: Sequence[tuple[Order, bytes]]) -> Book:
    """The book of the orders with their true hashes and empty signatures."""
    market = orders[0][0].market if orders else 1
    round_number = orders[0][0].round if orders else 1
    return Book.build(
        market,
        round_number,
        grid,
        [SignedOrder(order, UNSIGNED, order_hash(DOMAIN, order)) for order, _ in orders],
    )
