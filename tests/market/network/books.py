"""Books with a network's orders, cleared and checked, for the tests beside this file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from eth_account import Account

from market.book import Book
from market.certificate import Certificate, check
from market.clearing import clear
from market.network import Network, network_orders
from market.network.flows import Flow, fills_by_salt, flows
from market.order import Leg, Order
from market.outcome import Clearing
from market.product import Product, ProductGrid
from market.settlement import Settlement
from market.synthetic import rules_for, trader_keys, unsigned_book
from market.units import SCALE

KEYS = trader_keys(30)
ADDRESSES = [str(Account.from_key(key).address) for key in KEYS]
NETWORK = ADDRESSES[-1]
SLOT = 1_000
MW = 1_000_000


@dataclass(frozen=True)
class Offer:
    """A bid (positive Wh) or an ask (negative) in a carrier and zone; price in nano per kWh."""

    carrier: int
    zone: int
    wh: int
    price: int
    slot: int = SLOT


@dataclass(frozen=True)
class Cleared:
    book: Book
    clearing: Clearing
    certificate: Certificate
    settlement: Settlement
    flows: tuple[Flow, ...]
    offers: list[Offer]

    def price(self, carrier: int, zone: int, slot: int = SLOT) -> int:
        return self.clearing.prices[self.book.grid.index(Product(carrier, zone, slot).id)]

    def traded(self, offer: Offer) -> int:
        """Wh filled of an offer, not negative."""
        place = self.offers.index(offer)
        return next(
            fill
            for signed, fill in zip(self.book.orders, self.clearing.fills, strict=True)
            if signed.order.trader != NETWORK and signed.order.salt == place
        )

    @property
    def network_revenue_micro(self) -> int:
        return -sum(
            payment
            for signed, payment in zip(
                self.book.orders, self.settlement.payments_micro, strict=True
            )
            if signed.order.trader == NETWORK
        )

    @property
    def network_surpluses(self) -> list[int]:
        """sigma of every order of the network, nano/kWh x Wh."""
        return [
            -sum(
                self.clearing.prices[index] * (leg.coefficient * fill // SCALE)
                for leg, index in zip(signed.order.legs, indices, strict=True)
            )
            for signed, indices, fill in zip(
                self.book.orders, self.book.leg_indices, self.clearing.fills, strict=True
            )
            if signed.order.trader == NETWORK
        ]


def cleared(
    network: Network,
    offers: list[Offer],
    *,
    slots: int = 1,
    slot_seconds: int = 3_600,
    gap_floor_micro: int = 1_000,
) -> Cleared:
    """Through the real clearing and certificate; every offer is by a trader of its own."""
    grid = ProductGrid(network.carriers, network.zones, SLOT, slots)
    rules = replace(
        rules_for(grid),
        slot_seconds=slot_seconds,
        gap_floor_micro=gap_floor_micro,
        gap_cap_micro=10**12,
    )
    orders = [
        Order(
            market=1,
            round=1,
            legs=(
                Leg(
                    Product(offer.carrier, offer.zone, offer.slot).id,
                    SCALE if offer.wh > 0 else -SCALE,
                ),
            ),
            max_units=abs(offer.wh),
            limit=offer.price if offer.wh > 0 else -offer.price,
            trader=ADDRESSES[place % (len(ADDRESSES) - 1)],
            epoch=0,
            salt=place,
        )
        for place, offer in enumerate(offers)
    ]
    orders += network_orders(network, 1, 1, grid, slot_seconds, NETWORK, 0)
    book = unsigned_book(grid, [(order, b"") for order in orders])
    maxima = tuple(signed.order.max_units for signed in book.orders)
    clearing = clear(book, maxima, rules)
    certificate = check(book, maxima, clearing, rules)
    settlement = Settlement.build(book, maxima, clearing, rules)
    fills = fills_by_salt(book, clearing, NETWORK)
    found = flows(network, grid, slot_seconds, fills, clearing.prices)
    return Cleared(book, clearing, certificate, settlement, found, offers)
