"""Random but reproducible books of an industrial park and of a meshed grid. Nothing here is live.

Prices are around what energy costs, in nano per kWh; every coefficient is in millionths of a Wh a
unit, every quantity in Wh.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np
from eth_account import Account

from market.order import Leg, Order
from market.product import Product, ProductGrid
from market.units import SCALE

ELECTRICITY, HEAT, COOLING, HYDROGEN, GAS, STEAM, WARM_WATER = range(7)
"""Carriers of a park, as far as its round has them."""

GRID_CARRIERS = 4
"""Carriers of a meshed grid's round: energy, and room for its hub and flowgates."""

_USUAL_PRICES = (200, 60, 80, 300, 40, 90, 5)  # millions of nano per kWh
_DEMANDED = (0.9, 0.5, 0.4, 0.2, 0.1, 0.3, 0.3)  # share of sites and slots that bid for a carrier
_CONVERTERS: Mapping[str, Mapping[int, int]] = {
    "gas engine": {GAS: SCALE, ELECTRICITY: -380_000, HEAT: -450_000},
    "heat pump": {ELECTRICITY: SCALE, WARM_WATER: 2_200_000, HEAT: -3_200_000},
    "chiller": {ELECTRICITY: SCALE, COOLING: -4_000_000},
    "absorption chiller": {HEAT: SCALE, COOLING: -700_000},
    "electrolyser": {ELECTRICITY: SCALE, HYDROGEN: -650_000, HEAT: -150_000},
    "fuel cell": {HYDROGEN: SCALE, ELECTRICITY: -500_000, HEAT: -300_000},
    "steam boiler": {GAS: SCALE, STEAM: -920_000},
    "steam exchanger": {STEAM: SCALE, HEAT: -970_000},
    "heat recovery": {HEAT: SCALE, WARM_WATER: -990_000},
}
_STORES = {ELECTRICITY: (902_500, 2), HEAT: (950_000, 1), COOLING: (960_000, 1)}  # efficiency, fee
_LINE_LOSSES = {ELECTRICITY: 12_345, HEAT: 40_000, COOLING: 30_000, HYDROGEN: 0}
_STORED_SLOTS = 24
_BLOCK_SLOTS = 8

_Legs = Mapping[tuple[int, int, int], int]


class _Orders:
    """Orders as they are drawn; a leg is (carrier, zone, slot from the round's first)."""

    def __init__(self, grid: ProductGrid, keys: Sequence[bytes], market: int, round: int) -> None:
        self.drawn: list[tuple[Order, bytes]] = []
        self._grid = grid
        self._traders = [(Account.from_key(key).address, key) for key in keys]
        self._market, self._round = market, round

    def add(self, site: int, legs: _Legs, max_units: int, limit: int) -> None:
        trader, key = self._traders[site % len(self._traders)]
        made = sorted(
            (Product(carrier, zone, self._grid.first_slot + slot).id, coefficient)
            for (carrier, zone, slot), coefficient in legs.items()
            if coefficient != 0
        )
        order = Order(
            market=self._market,
            round=self._round,
            legs=tuple(Leg(product, coefficient) for product, coefficient in made),
            max_units=max_units,
            limit=limit,
            trader=trader,
            epoch=0,
            salt=len(self.drawn),
        )
        self.drawn.append((order, key))


def park_orders(
    random: Random,
    grid: ProductGrid,
    sites: int,
    *,
    keys: Sequence[bytes],
    market: int = 1,
    round: int = 1,
) -> list[tuple[Order, bytes]]:
    """An industrial park of up to seven carriers: demands, renewables, thermal generation,
    converters, stores (in now, out later), block orders over several slots, exchange with the
    outside, and lossy and lossless lines between the zones.

    Site i stands in zone i modulo the zones and trades with key i modulo the keys; a carrier that
    the round does not have is traded outside at its usual price.
    """
    orders = _Orders(grid, keys, market, round)
    carriers = min(grid.carriers, len(_USUAL_PRICES))
    for site in range(sites):
        zone = site % grid.zones
        equipment = [random.choice(sorted(_CONVERTERS)) for _ in range(2)]
        for slot in range(grid.slots):
            _demands(random, orders, site, zone, slot, carriers)
            if site % 5 == 0:
                sun = max(0.0, math.sin(2 * math.pi * (slot / grid.slots - 0.25)))
                offered = int(400_000 * (0.1 + sun) * random.uniform(0.7, 1.0))
                _sell(random, orders, site, (ELECTRICITY, zone, slot), offered, 0.0, 0.2)
            if site % 5 == 1:
                _sell(random, orders, site, (ELECTRICITY, zone, slot), 150_000, 0.8, 1.4)
                if carriers > HEAT:
                    _sell(random, orders, site, (HEAT, zone, slot), 150_000, 1.2, 1.8)
            if site % 5 in (2, 3):
                for name in equipment:
                    _convert(random, orders, site, zone, slot, _CONVERTERS[name], carriers)
            if site % 5 == 4:
                _store(random, orders, site, zone, slot, grid.slots, carriers)
                _block(random, orders, site, zone, slot, grid.slots, carriers)
    for slot in range(grid.slots):
        for zone in range(grid.zones):
            _exchange(random, orders, zone, slot, carriers)
        for zone in range(grid.zones - 1):
            _lines(random, orders, (zone, zone + 1), slot, carriers)
    return orders.drawn


def _price(random: Random, carrier: int, low: float, high: float) -> int:
    return int(_USUAL_PRICES[carrier] * 1_000_000 * random.uniform(low, high))


def _sell(
    random: Random,
    orders: _Orders,
    site: int,
    product: tuple[int, int, int],
    energy_wh: int,
    low: float,
    high: float,
) -> None:
    orders.add(site, {product: -SCALE}, energy_wh, -_price(random, product[0], low, high))


def _demands(
    random: Random, orders: _Orders, site: int, zone: int, slot: int, carriers: int
) -> None:
    for carrier in range(carriers):
        if random.random() < _DEMANDED[carrier]:
            price = _price(random, carrier, 0.9, 2.5)
            orders.add(site, {(carrier, zone, slot): SCALE}, random.randint(5_000, 60_000), price)


def _convert(
    random: Random,
    orders: _Orders,
    site: int,
    zone: int,
    slot: int,
    converter: Mapping[int, int],
    carriers: int,
) -> None:
    legs: dict[tuple[int, int, int], int] = {}
    limit = -random.randint(0, 2_000_000)  # wear
    for carrier, coefficient in converter.items():
        if carrier < carriers:
            made = coefficient if coefficient > 0 else int(coefficient * random.uniform(0.9, 1.0))
            legs[carrier, zone, slot] = made
        else:
            limit -= coefficient * _price(random, carrier, 0.9, 1.1) // SCALE
    if len(legs) > 1:
        orders.add(site, legs, random.randint(10_000, 100_000), limit)


def _store(
    random: Random, orders: _Orders, site: int, zone: int, slot: int, slots: int, carriers: int
) -> None:
    for carrier, (efficiency, fee) in _STORES.items():
        later = slot + random.randint(1, _STORED_SLOTS)
        if carrier < carriers and later < slots:
            legs = {(carrier, zone, slot): SCALE, (carrier, zone, later): -efficiency}
            orders.add(site, legs, random.randint(10_000, 40_000), -fee * 1_000_000)


def _block(
    random: Random, orders: _Orders, site: int, zone: int, slot: int, slots: int, carriers: int
) -> None:
    if slot % _BLOCK_SLOTS or slot + _BLOCK_SLOTS > slots:
        return
    legs = {(ELECTRICITY, zone, slot + step): SCALE for step in range(_BLOCK_SLOTS)}
    worth = _BLOCK_SLOTS * _price(random, ELECTRICITY, 0.7, 1.6)
    if carriers > HEAT:
        legs |= {(HEAT, zone, slot + step): 250_000 for step in range(_BLOCK_SLOTS)}
        worth += _BLOCK_SLOTS * _price(random, HEAT, 0.7, 1.6) // 4
    orders.add(site, legs, random.randint(1_000, 20_000), worth)


def _exchange(random: Random, orders: _Orders, zone: int, slot: int, carriers: int) -> None:
    """Somebody outside sells dearly and buys cheaply what the park lacks or has too much of."""
    for carrier in range(carriers):
        product = (carrier, zone, slot)
        _sell(random, orders, zone, product, 2_000_000, 1.9, 2.1)
        orders.add(zone, {product: SCALE}, 2_000_000, _price(random, carrier, 0.1, 0.2))


def _lines(
    random: Random, orders: _Orders, ends: tuple[int, int], slot: int, carriers: int
) -> None:
    """Both directions with limit 0, so that equal prices leave open how much flows."""
    for carrier, loss in _LINE_LOSSES.items():
        if carrier < carriers:
            capacity = random.randint(20_000, 80_000)
            for start, end in (ends, ends[::-1]):
                legs = {(carrier, start, slot): SCALE, (carrier, end, slot): loss - SCALE}
                orders.add(ends[0], legs, capacity, 0)


def grid_orders(
    random: Random,
    grid: ProductGrid,
    *,
    keys: Sequence[bytes],
    two_sided: bool = False,
    coarse: bool = True,
    stores: int = 0,
    market: int = 1,
    round: int = 1,
) -> list[tuple[Order, bytes]]:
    """A meshed grid whose nodes are the zones: a ring with a chord, cheap at one end, dear at the
    other, lines with limits.

    A node order moves energy between node and hub and takes its share of every line's flowgates; a
    flowgate's limit is sold, and what is unused bought, at price 0. With `coarse` there is one in
    units of 1 kWh and one of 1 Wh that makes up the rest, else one of 1 Wh alone. Every line has a
    flowgate a direction, or with `two_sided` a single one, whose price is negative when the line is
    full backward. `stores` storage orders a node and slot connect the slots. Carrier 0 is energy;
    hub and flowgates fill the others. Raises ValueError unless the grid has GRID_CARRIERS carriers
    and at least 3 zones.
    """
    nodes = grid.zones
    if grid.carriers != GRID_CARRIERS or nodes < 3:
        raise ValueError(f"a meshed grid needs {GRID_CARRIERS} carriers and at least 3 zones")
    orders = _Orders(grid, keys, market, round)
    lines = [(node, (node + 1) % nodes) for node in range(nodes)] + [(0, nodes // 2)]
    shares = _sensitivities(nodes, lines, [random.uniform(1.0, 5.0) for _ in lines])
    for slot in range(grid.slots):
        for node in range(nodes):
            _trade_at_node(random, orders, node, nodes, slot, grid.slots, stores)
            _node_orders(orders, node, nodes, slot, shares[node], two_sided, coarse)
        for line in range(len(lines)):
            limit_wh = random.randint(20_000, 60_000)
            for way in (0,) if two_sided else (0, 1):
                gate = (*_own_place(1 + 2 * line + way, nodes), slot)
                spare = limit_wh if two_sided else limit_wh + 4 * nodes
                orders.add(nodes, {gate: -SCALE}, limit_wh, 0)
                orders.add(nodes, {gate: SCALE}, spare, 0)
    return orders.drawn


def _own_place(number: int, nodes: int) -> tuple[int, int]:
    """Carrier and zone of the hub (0) or a flowgate."""
    return 1 + number // nodes, number % nodes


def _sensitivities(
    nodes: int, lines: Sequence[tuple[int, int]], conductances: Sequence[float]
) -> list[list[int]]:
    """Flow on every line, in billionths, per unit fed in at a node and drawn evenly everywhere."""
    incidence = np.zeros((len(lines), nodes))
    for line, (start, end) in enumerate(lines):
        incidence[line, start], incidence[line, end] = 1.0, -1.0
    weighted = np.array(conductances)[:, None] * incidence
    flows = weighted @ np.linalg.pinv(incidence.T @ weighted)
    billionths: list[list[int]] = np.rint(flows.T * 1e9).astype(np.int64).tolist()
    return billionths


def _node_orders(
    orders: _Orders,
    node: int,
    nodes: int,
    slot: int,
    shares: Sequence[int],
    two_sided: bool,
    coarse: bool,
) -> None:
    hub = (*_own_place(0, nodes), slot)
    for unit_wh, units in ((1_000, 400), (1, 1_000)) if coarse else ((1, 400_000),):
        whole = unit_wh * SCALE
        legs = {(0, node, slot): whole, hub: -whole}
        for line, share in enumerate(shares):
            flow = round(share * whole / 1_000_000_000)
            legs[*_own_place(1 + 2 * line, nodes), slot] = flow
            if not two_sided:
                legs[*_own_place(2 + 2 * line, nodes), slot] = -flow
        orders.add(nodes, legs, units, 0)
        orders.add(nodes, {leg: -coefficient for leg, coefficient in legs.items()}, units, 0)


def _trade_at_node(
    random: Random, orders: _Orders, node: int, nodes: int, slot: int, slots: int, stores: int
) -> None:
    usual = 0.6 + 0.8 * node / (nodes - 1)
    for _ in range(3):
        product = (ELECTRICITY, node, slot)
        price = _price(random, ELECTRICITY, usual * 0.8, usual * 1.3)
        orders.add(node, {product: SCALE}, random.randint(5_000, 60_000), price)
        _sell(
            random, orders, node, product, random.randint(5_000, 60_000), usual * 0.7, usual * 1.2
        )
    efficiency, fee = _STORES[ELECTRICITY]
    for _ in range(stores):
        later = slot + random.randint(1, _STORED_SLOTS)
        if later < slots:
            legs = {(0, node, slot): SCALE, (0, node, later): -efficiency}
            orders.add(node, legs, random.randint(5_000, 20_000), -fee * 1_000_000)
