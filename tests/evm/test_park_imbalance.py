"""Closing a park's period: every carrier is metered and settled on its own, over all zones."""

from __future__ import annotations

from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.order import Domain, SignedOrder
from market.product import Product
from market.reference.imbalance import ENTRY_BYTES, long_price, short_price
from market.reference.meters import MISSING, encode_values, readings_digest
from market.reference.verification import ceil_div
from market.signature import sign_digest
from tests.evm.batch import Position, packed_prices, positions, round_proof
from tests.evm.chain import GAS_LIMIT
from tests.evm.park_world import (
    ELECTRICITY,
    GAS,
    HEAT,
    HUB,
    NETWORK_ACCOUNT,
    OPEN,
    PRICES,
    SCALE,
    Park,
)
from tests.evm.test_attacks import abi_leaf
from tests.evm.world import ADMIN, BALANCING, DAY, PERIOD_SLOTS, TRADERS, Person

SEEDS = st.integers(0, 2**32 - 1)
BOND = 10**11


class ParkDelivery:
    """A settled round of a park, and what was metered of it."""

    def __init__(self, park: Park, orders: list[SignedOrder]) -> None:
        self.park, self.world = park, park.world
        self.world.fund(BALANCING, BOND)
        park.must("Ledger", "postBond", park.market, BOND, sender=BALANCING)
        _, _, _, self.batch = park.gate(orders)
        assert park.settle(self.batch.results, self.batch.call_data) is None
        cap = park.params.imbalance_cap
        self.positions = {p.trader: p for p in positions(self.batch, cap)}
        self.slots = park.params.period_slots
        self.period = self.batch.grid.first_slot // self.slots
        self.values: dict[tuple[str, int], list[int]] = {}
        self.world.chain.now = self.world.meters.period_end(park.market, self.period)

    def held(self, trader: Person) -> dict[tuple[int, int], int]:
        """Wh by carrier and slot of the period, over all zones."""
        found: defaultdict[tuple[int, int], int] = defaultdict(int)
        position = self.positions.get(trader.address, Position(trader.address))
        for product, wh in position.quantities:
            found[product >> 48, (product & 0xFFFFFFFF) % self.slots] += wh
        return dict(found)

    def meter(self, trader: Person, carrier: int, values: list[int]) -> None:
        """Install a device and post what it read."""
        device = Person.named(f"meter {trader.name} {carrier}")
        registered = (device.address, self.park.market, trader.address, carrier, 10**9)
        self.park.must("MeterRegistry", "register", *registered, sender=ADMIN)
        domain = Domain(self.world.exchange.chain_id, self.world.meters.address)
        place = (device.address, self.park.market, self.period, encode_values(values))
        signature = sign_digest(readings_digest(domain, *place), device.key)
        self.park.must("MeterRegistry", "post", *place, signature, sender=ADMIN)
        self.values[trader.address, carrier] = values

    def close(self, trader: Person) -> str | None:
        proof = round_proof(list(self.positions.values()), trader.address)
        carriers = range(self.park.params.carriers)
        readings = [
            encode_values(self.values[trader.address, c])
            if (trader.address, c) in self.values
            else b""
            for c in carriers
        ]
        place, prices = (self.park.market, self.period, trader.address), [packed_prices(self.batch)]
        for_abi = [([abi_leaf(leaf) for leaf in proof.leaves], proof.entries)]
        return self.world.do(
            "Imbalance",
            "close",
            *place,
            for_abi,
            readings,
            prices,
            sender=TRADERS[0],
            model_arguments=(*place, [proof], readings, prices),
        )

    def charge(self, trader: Person) -> int:
        """Micro-units that close the account: each carrier and slot by itself, rounded once."""
        params, held = self.park.params, self.held(trader)
        cost = 0
        for slot in range(self.slots):
            covered = any(values[slot] != MISSING for values in self.values.values())
            for carrier in range(params.carriers):
                position = held.get((carrier, slot), 0)
                values = self.values.get((trader.address, carrier))
                metered = position if position >= 0 or not covered else 0
                if values is not None and values[slot] != MISSING:
                    metered = values[slot]
                deviation = metered - position
                first = self.period * self.slots
                product = Product(carrier, 0, first + slot).id
                price = self.batch.prices[self.batch.grid.index(product)]
                if deviation > 0:
                    unit = short_price(price, params.shortfall_bp, params.imbalance_cap)
                else:
                    unit = long_price(price, params.surplus_bp, params.imbalance_cap)
                cost += deviation * unit
        lock = self.positions[trader.address].lock
        return max(-BOND, min(lock, ceil_div(cost, SCALE)))

    def check_close(self, trader: Person) -> int:
        """Close the account: its lock comes free less the charge, which the bond takes or gives."""
        world, asset = self.world, self.world.token.address
        free, bond = world.ledger.free[asset, trader.address], self.bond
        expected, lock = self.charge(trader), self.positions[trader.address].lock
        assert self.close(trader) is None
        assert world.ledger.account(self.park.market, trader.address).locked == 0
        assert world.ledger.free[asset, trader.address] == free + lock - expected
        assert self.bond == bond + expected
        return expected

    @property
    def bond(self) -> int:
        return self.world.ledger.bonds[self.park.market, BALANCING.address]


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_accounts_of_several_carriers_and_zones_close_carrier_by_carrier(seed):
    """Some carriers of an account have a device, some none; the network account has none at all."""
    rng = Random(seed)
    park = Park(rng)
    delivery = ParkDelivery(park, park.orders(40))
    for trader in TRADERS[:5]:
        held = delivery.held(trader)
        for carrier in OPEN:
            if rng.random() < 0.5:
                metered = [
                    MISSING
                    if rng.random() < 0.2
                    else held.get((carrier, slot), 0) + rng.choice((0, 0, 7, -7, 400, -400))
                    for slot in range(PERIOD_SLOTS)
                ]
                delivery.meter(trader, carrier, metered)
    delivery.world.wait(4 * DAY)
    for trader in TRADERS:
        if delivery.held(trader):
            delivery.check_close(trader)
    delivery.world.check_state()
    delivery.world.check_invariants()


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_the_network_account_closes_at_its_losses_and_is_charged_nothing(seed):
    """What it takes in one zone and gives in another is one position, of which the losses remain;
    without a meter a position to the account stands. Of its flowgates nothing remains."""
    park = Park(Random(seed))
    delivery = ParkDelivery(park, park.orders(60))
    delivery.meter(TRADERS[0], ELECTRICITY, [0] * PERIOD_SLOTS)
    delivery.world.wait(4 * DAY)
    held = delivery.held(NETWORK_ACCOUNT)
    assert all(wh >= 0 if carrier in OPEN else wh == 0 for (carrier, _), wh in held.items())
    if held:
        assert delivery.check_close(NETWORK_ACCOUNT) == 0


def carried_heat(park: Park) -> list[SignedOrder]:
    """1,000 Wh of heat from zone 0, of which 930 arrive in zone 1."""
    product = Product(HEAT, 0, park.slots[0])
    arrives = Product(HEAT, 1, park.slots[0])
    return [
        park.order(TRADERS[2], {product: -SCALE}, 1_000, -PRICES[HEAT] // 2),
        park.order(TRADERS[3], {arrives: SCALE}, 930, 2 * PRICES[HEAT]),
        *park.network(),
    ]


@pytest.mark.parametrize(("metered", "deviation"), [(70, 0), (90, 20), (50, -20)])
def test_losses_that_the_networks_own_meter_shows_are_settled_like_any_deviation(
    metered, deviation
):
    park = Park(Random(1))
    delivery = ParkDelivery(park, carried_heat(park))
    held = delivery.held(NETWORK_ACCOUNT)
    assert held[HEAT, 0] == 70
    assert {key: wh for key, wh in held.items() if wh} == {(HEAT, 0): 70}
    delivery.meter(NETWORK_ACCOUNT, HEAT, [metered, 0, 0, 0])
    delivery.world.wait(4 * DAY)
    charge = delivery.check_close(NETWORK_ACCOUNT)
    assert (charge > 0) - (charge < 0) == (deviation > 0) - (deviation < 0)


@pytest.mark.parametrize("carrier", [ELECTRICITY, HEAT])
def test_a_network_without_losses_waits_for_no_meter(carrier):
    """Nothing remains of what crosses a line, so its account closes once the period is over; with
    losses it waits as everybody without a device does."""
    park = Park(Random(1))
    if carrier == HEAT:
        orders = carried_heat(park)
    else:
        sold, bought = (Product(ELECTRICITY, zone, park.slots[0]) for zone in (0, HUB))
        orders = [
            park.order(TRADERS[2], {sold: -SCALE}, 900, -PRICES[ELECTRICITY] // 2),
            park.order(TRADERS[3], {bought: SCALE}, 900, 2 * PRICES[ELECTRICITY]),
            *park.network(),
        ]
    delivery = ParkDelivery(park, orders)
    assert any(o.fill for o in delivery.batch.orders)
    assert NETWORK_ACCOUNT.address in delivery.positions
    assert delivery.close(NETWORK_ACCOUNT) == ("ReadingNotFinal" if carrier == HEAT else None)
    assert delivery.close(TRADERS[2]) == "ReadingNotFinal"


@pytest.mark.parametrize("off", [{}, {HEAT: 100}, {GAS: -60}, {HEAT: 100, GAS: -60}])
def test_a_converters_imbalance_is_settled_carrier_by_carrier(off):
    """Of gas in, electricity and heat out, each meter answers for its own carrier alone: less heat
    than sold is bought at the price of heat, unused gas is sold back at the price of gas."""
    park = Park(Random(2))
    slot = park.slots[0]
    gas, power, heat = (Product(carrier, 1, slot) for carrier in (GAS, ELECTRICITY, HEAT))
    plant = TRADERS[2]
    converter = park.order(plant, {gas: SCALE, power: -350_000, heat: -450_000}, 2_000, 0)
    orders = [
        converter,
        park.order(TRADERS[3], {gas: -SCALE}, 2_000, -PRICES[GAS] // 2),
        park.order(TRADERS[4], {power: SCALE}, 700, 2 * PRICES[ELECTRICITY]),
        park.order(TRADERS[4], {heat: SCALE}, 900, 2 * PRICES[HEAT]),
        *park.last_resort(),
    ]
    delivery = ParkDelivery(park, orders)
    held = delivery.held(plant)
    assert held == {(GAS, 0): 2_000, (ELECTRICITY, 0): -700, (HEAT, 0): -900}
    for carrier in (GAS, ELECTRICITY, HEAT):
        delivery.meter(plant, carrier, [held[carrier, 0] + off.get(carrier, 0), 0, 0, 0])
    delivery.world.wait(4 * DAY)
    params, grid = park.params, delivery.batch.grid

    def at(carrier: int) -> int:
        return delivery.batch.prices[grid.index(Product(carrier, 0, slot).id)]

    cost = 0
    if HEAT in off:
        cost += 100 * short_price(at(HEAT), params.shortfall_bp, params.imbalance_cap)
    if GAS in off:
        cost -= 60 * long_price(at(GAS), params.surplus_bp, params.imbalance_cap)
    assert delivery.check_close(plant) == ceil_div(cost, SCALE)


def closing_gas(slots: int) -> tuple[int, int]:
    """Entries of the network account in a period of so many slots, and the gas to close it."""
    park = Park(Random(1), period_slots=slots)
    wanted = [
        (ELECTRICITY, 0, -1),
        (ELECTRICITY, HUB, 1),
        (ELECTRICITY, 1, 1),
        (HEAT, 0, -1),
        (HEAT, 1, 1),
    ]
    orders = [
        park.order(
            TRADERS[2] if carrier == HEAT else TRADERS[3],
            {Product(carrier, zone, slot): sign * SCALE},
            2_000,
            -PRICES[carrier] // 2 if sign < 0 else 4 * PRICES[carrier],
        )
        for slot in park.slots
        for carrier, zone, sign in wanted
    ]
    delivery = ParkDelivery(park, [*orders, *park.network(), *park.last_resort()])
    delivery.world.wait(4 * DAY)
    assert delivery.close(NETWORK_ACCOUNT) is None
    entries = len(delivery.positions[NETWORK_ACCOUNT.address].entries) // ENTRY_BYTES
    return entries, delivery.world.chain.gas_used


def test_the_network_account_of_a_day_with_a_hundred_legs_a_slot_closes_in_one_transaction():
    """What an entry more costs; no other account has as many."""
    (few, least), (many, most) = closing_gas(4), closing_gas(16)
    an_entry = (most - least) / (many - few)
    assert many > few * 3
    assert an_entry * 100 * 96 < GAS_LIMIT * 3 / 4
