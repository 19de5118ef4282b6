"""Books such as an industrial park has: converters, storage, blocks, pipes, and a meshed grid.

Carriers are electricity, heat, cooling and gas, in three zones. Electricity flows over a meshed
grid: zones 0 and 1 trade with the hub, zone 2, and what they drive over its two lines is a leg on
the line's flowgate, positive in the line's direction. Heat and cooling flow through pipes with
losses; the heat pipe has a flowgate, the cooling pipe carries what its order offers. Gas is
delivered in every zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from eth_utils.crypto import keccak

from market.book import Book
from market.certificate import Certificate, check
from market.clearing import clear
from market.order import Leg, Order, SignedOrder
from market.outcome import Clearing
from market.product import Product, ProductGrid
from market.reference.call_data import Tie
from tests.evm.batch import Batch, Filled
from tests.evm.round_world import GATE_IN, Trading, production_book
from tests.evm.world import OPERATOR, TRADERS, Person

SCALE = 1_000_000
ELECTRICITY, HEAT, COOLING, GAS, FLOWGATE = range(5)
"""The last is the network's: a zone of it is a line or a pipe."""
OPEN = (ELECTRICITY, HEAT, COOLING, GAS)
ZONES = 3
HUB = 2
NETWORK_ACCOUNT = TRADERS[5]
DESCRIPTION = b"a meshed grid of three zones, a pipe for heat, a pipe for cooling"
PARK = {
    "carriers": 5,
    "zones": ZONES,
    "open_carriers": len(OPEN),
    "network": NETWORK_ACCOUNT.address,
    "network_hash": keccak(DESCRIPTION),
    "gap_floor": 10**9,
}
"""How near to the best a clearing comes is not this suite's concern: everything may pass."""
PRICES = {ELECTRICITY: 2 * 10**8, HEAT: 10**8, COOLING: 12 * 10**7, GAS: 5 * 10**7}
"""Nano-units per kWh around which bids lie."""
CONVERTERS: tuple[dict[int, int], ...] = (
    {GAS: SCALE, ELECTRICITY: -350_000, HEAT: -450_000},  # heat and power
    {GAS: SCALE, ELECTRICITY: -300_000, HEAT: -300_000, COOLING: -200_000},  # trigeneration
    {ELECTRICITY: SCALE, HEAT: -3 * SCALE},  # heat pump
    {ELECTRICITY: SCALE, COOLING: -3_500_000},  # chiller
    {HEAT: SCALE, COOLING: -700_000, ELECTRICITY: 20_000},  # absorption chiller and its pumps
)
SENSITIVITIES = {0: {0: 666_667, 1: 333_333}, 1: {0: 333_333, 1: -666_667}}
"""Millionths of what a zone sends to the hub that flow over line 0 and line 1."""
HEAT_PIPE = 2
"""Zone of the flowgate of the heat pipe; zones 0 and 1 are those of the lines."""


class Park(Trading):
    """A market of a park, published, with margin for everybody and an open round."""

    description = DESCRIPTION

    def __init__(self, rng: Random, margin: int = 10**12, **rules: object) -> None:
        super().__init__(rng, margin, **(PARK | rules))

    def order(
        self, trader: Person, legs: Mapping[Product, int], units: int, limit: int
    ) -> SignedOrder:
        signed_legs = tuple(Leg(p.id, c) for p, c in sorted(legs.items()) if c)
        place = (self.market, self.number)
        salt = self.rng.getrandbits(64)
        order = Order(*place, signed_legs, units, limit, trader.address, epoch=0, salt=salt)
        return self.world.sign(trader, order)

    @property
    def grid(self) -> ProductGrid:
        return self.world.exchange.grid(self.market, self.number)

    @property
    def slots(self) -> range:
        return range(self.grid.first_slot, self.grid.first_slot + self.grid.slots)

    def orders(self, count: int) -> list[SignedOrder]:
        """`count` orders of participants, supply of last resort, and what the network offers."""
        drawn = [self._participant() for _ in range(count)]
        return drawn + self.last_resort() + self.network()

    def _participant(self) -> SignedOrder:
        rng = self.rng
        make = rng.choice((self._single, self._single, self._converter, self._storage, self._block))
        return make(rng.choice(TRADERS[:5]))

    def _single(self, trader: Person) -> SignedOrder:
        rng, carrier = self.rng, self.rng.choice(OPEN)
        sign = rng.choice((-1, 1))
        product = Product(carrier, rng.randrange(ZONES), rng.choice(self.slots))
        price = PRICES[carrier] * rng.randrange(70, 131) // 100
        return self.order(trader, {product: sign * SCALE}, rng.randrange(1, 9_000), sign * price)

    def _limit(self, legs: Mapping[Product, int]) -> int:
        value = sum(c * PRICES[product.carrier] for product, c in legs.items()) // SCALE
        return value + self.rng.randrange(-3 * 10**7, 6 * 10**7)

    def _converter(self, trader: Person) -> SignedOrder:
        zone, slot = self.rng.randrange(ZONES), self.rng.choice(self.slots)
        makes = self.rng.choice(CONVERTERS)
        legs = {Product(carrier, zone, slot): c for carrier, c in makes.items()}
        return self.order(trader, legs, self.rng.randrange(1, 9_000), self._limit(legs))

    def _storage(self, trader: Person) -> SignedOrder:
        carrier, zone = self.rng.choice(OPEN[:3]), self.rng.randrange(ZONES)
        first, later = sorted(self.rng.sample(self.slots, 2))
        legs = {Product(carrier, zone, first): SCALE, Product(carrier, zone, later): -900_000}
        return self.order(trader, legs, self.rng.randrange(1, 9_000), self._limit(legs))

    def _block(self, trader: Person) -> SignedOrder:
        """The same power in every slot, of one carrier or of all."""
        zone, sign = self.rng.randrange(ZONES), self.rng.choice((-1, 1))
        carriers = self.rng.choice((OPEN, (self.rng.choice(OPEN),)))
        legs = {Product(c, zone, slot): sign * SCALE for c in carriers for slot in self.slots}
        return self.order(trader, legs, self.rng.randrange(1, 3_000), self._limit(legs))

    def last_resort(self) -> list[SignedOrder]:
        """Somebody who buys cheaply and sells dearly in every open product, so that whole Wh
        always balance."""
        found = []
        for carrier in OPEN:
            price = PRICES[carrier]
            for zone in range(ZONES):
                for slot in self.slots:
                    product = Product(carrier, zone, slot)
                    found += [
                        self.order(TRADERS[0], {product: -SCALE}, 90_000, -price * 8 // 5),
                        self.order(TRADERS[1], {product: SCALE}, 90_000, price * 2 // 5),
                    ]
        return found

    def network(self) -> list[SignedOrder]:
        """Capacity of lines and the pipe, and transport that uses it, in every slot."""
        return [order for slot in self.slots for order in self._network_in(slot)]

    def _network_in(self, slot: int) -> list[SignedOrder]:
        found = [self.transport({Product(FLOWGATE, HEAT_PIPE, slot): -SCALE}, units=4_000)]
        for line in (0, 1):
            # A line carries as much backward: then the network takes its flowgate.
            gate = Product(FLOWGATE, line, slot)
            found += [self.transport({gate: sign * SCALE}, units=3_000) for sign in (1, -1)]
        for zone, factors in SENSITIVITIES.items():
            injected, hub = Product(ELECTRICITY, zone, slot), Product(ELECTRICITY, HUB, slot)
            for sign in (1, -1):
                legs = {injected: sign * SCALE, hub: -sign * SCALE}
                legs |= {Product(FLOWGATE, line, slot): sign * f for line, f in factors.items()}
                found.append(self.transport(legs))
        heat = {Product(HEAT, 0, slot): SCALE, Product(HEAT, 1, slot): -930_000}
        cooling = {Product(COOLING, 1, slot): SCALE, Product(COOLING, 2, slot): -960_000}
        found.append(self.transport(heat | {Product(FLOWGATE, HEAT_PIPE, slot): SCALE}))
        found.append(self.transport(cooling, units=2_000))
        return found

    def transport(self, legs: Mapping[Product, int], units: int = 50_000) -> SignedOrder:
        return self.order(NETWORK_ACCOUNT, legs, units, 0)

    def gate(self, orders: Sequence[SignedOrder]) -> tuple[Book, Clearing, Certificate, Batch]:
        """What the production code makes of the orders; the gate is closed on it."""
        self.world.wait(GATE_IN)
        book, maxima = production_book(self, list(orders))
        clearing = clear(book, maxima, self.rules)
        certificate = check(book, maxima, clearing, self.rules)
        batch = as_batch(book, maxima, clearing)
        self.must(
            "Exchange",
            "closeGate",
            self.market,
            self.number,
            book.root,
            book.count,
            sender=OPERATOR,
        )
        return book, clearing, certificate, batch


def as_batch(book: Book, maxima: Sequence[int], clearing: Clearing) -> Batch:
    """A cleared book of a coupled round as this suite's own encoders take it."""
    filled = zip(book.orders, maxima, clearing.fills, strict=True)
    ties = (Tie(),) * len(book.grid)
    return Batch(book.grid, clearing.prices, ties, tuple(Filled(*each) for each in filled))
