"""Random orders and random departures from an honest settlement, from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from market.order import Leg, Order, SignedOrder
from market.product import ProductGrid
from market.reference.call_data import NO_CUT, NO_TIE, Tie
from tests.evm.batch import Batch, Filled, encode_order
from tests.evm.world import Person, World

SCALE = 1_000_000
HALF_ORDER_TWICE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAX_UNITS = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Bidding:
    """What random orders look like: units and prices (nano per kWh) to choose from."""

    units: tuple[int, ...]
    prices: tuple[int, ...]
    orders_each: int = 3
    epochs: tuple[int, ...] = (0,)


FEW_LEVELS = Bidding(
    units=(1, 2, 3, 7, 10, 100, 999), prices=tuple(p * 10**6 for p in (-3, 100, 101, 102))
)
"""Hardly any prices, so that nearly every product has ties."""
MANY_LEVELS = Bidding(
    units=tuple(range(1, 6000, 37)), prices=tuple(range(-(10**8), 4 * 10**8, 1_234_567))
)
LIMITS_OF_TYPES = Bidding(
    units=(1, 2, 2**32, 2**63, MAX_UNITS - 1, MAX_UNITS),
    prices=(0, 0, 0, -1, 1, 2**40, -(2**40), 2**62, -(2**62)),
)
"""Units and prices at the ends of their types; mostly free of charge, so that margins do."""


def single(
    grid: ProductGrid, market: int, number: int, trader: Person, rng: Random, bidding: Bidding
) -> Order:
    buys = rng.random() < 0.5
    price = rng.choice(bidding.prices)
    return Order(
        market=market,
        round=number,
        legs=(Leg(grid.product_id(rng.randrange(len(grid))), SCALE if buys else -SCALE),),
        max_units=rng.choice(bidding.units),
        limit=price if buys else -price,
        trader=trader.address,
        epoch=rng.choice(bidding.epochs),
        salt=rng.getrandbits(64),
    )


def one_product_orders(
    world: World,
    market: int,
    number: int,
    traders: tuple[Person, ...],
    rng: Random,
    bidding: Bidding,
) -> list[SignedOrder]:
    grid = world.exchange.grid(market, number)
    return [
        world.sign(trader, single(grid, market, number, trader, rng, bidding))
        for trader in traders
        for _ in range(rng.randrange(bidding.orders_each + 1))
    ]


def coupled_batch(
    world: World, market: int, number: int, traders: tuple[Person, ...], rng: Random
) -> Batch:
    """Converters and shifters that trade with single orders made to fit them exactly.

    Everything within its limit and in balance; how near to the best it is depends on chance, so the
    market's allowance decides whether it passes.
    """
    grid = world.exchange.grid(market, number)
    prices = tuple(rng.randrange(-(10**7), 3 * 10**8) for _ in range(len(grid)))
    book: list[Filled] = []

    def add(trader: Person, legs: tuple[Leg, ...], units: int, fill: int, slack: int) -> Filled:
        cost = sum(prices[grid.index(leg.product)] * leg.coefficient for leg in legs)
        limit = -(-cost // SCALE) + slack
        order = Order(market, number, legs, units, limit, trader.address, 0, rng.getrandbits(64))
        filled = Filled(world.sign(trader, order), units, fill)
        paid = sum(prices[grid.index(p)] * q for p, q in filled.quantities)
        if paid > limit * fill:
            # Whole Wh of few units cost more than the coefficients say.
            order = replace(order, limit=-(-paid // fill))
            filled = replace(filled, signed=world.sign(trader, order))
        book.append(filled)
        return filled

    for _ in range(rng.randrange(1, 4)):
        legs = tuple(
            Leg(grid.product_id(index), rng.choice((-1, 1)) * rng.randrange(1, 3 * SCALE))
            for index in sorted(rng.sample(range(len(grid)), rng.randrange(2, len(grid) + 1)))
        )
        units = rng.randrange(1, 2000)
        converter = add(rng.choice(traders), legs, units, units, rng.randrange(3000))
        for product, wh in converter.quantities:
            if wh:
                legs = (Leg(product, -SCALE if wh > 0 else SCALE),)
                add(rng.choice(traders), legs, abs(wh), abs(wh), rng.randrange(3))
    for _ in range(rng.randrange(3)):
        trader = rng.choice(traders)
        bidding = Bidding(units=(1, 50), prices=(-(10**8),))
        order = replace(single(grid, market, number, trader, rng, bidding), limit=-(5 * 10**8))
        book.append(Filled(world.sign(trader, order), order.max_units, 0))
    book.sort(key=lambda filled: filled.place)
    return Batch(grid, prices, (Tie(),) * len(grid), tuple(book))


# Departures from an honest batch, as (results, orders) of the call data; None where one does not
# apply. Both must refuse EXACT ones, for the same reason. GARBLED ones are no encoding of anything,
# so that only both refusals are known. MAY_PASS ones may say the same in another way.

CallData = tuple[bytes, bytes]
Departure = Callable[[Batch, Random], CallData | None]


def _with_orders(batch: Batch, orders: list[Filled]) -> CallData:
    changed = replace(batch, orders=tuple(orders))
    return changed.results, changed.call_data


def _changed(batch: Batch, at: int, filled: Filled) -> CallData:
    orders = list(batch.orders)
    orders[at] = filled
    return _with_orders(batch, orders)


def price_moved(batch: Batch, rng: Random) -> CallData | None:
    at = rng.randrange(len(batch.prices))
    prices = list(batch.prices)
    prices[at] += rng.choice((-1, 1))
    changed = replace(batch, prices=tuple(prices))
    return changed.results, changed.call_data


def fill_moved(batch: Batch, rng: Random) -> CallData | None:
    at = rng.randrange(len(batch.orders))
    filled = batch.orders[at]
    step = rng.choice((-1, 1))
    if not 0 <= filled.fill + step <= MAX_UNITS:
        return None
    return _changed(batch, at, replace(filled, fill=filled.fill + step))


def fill_above_maximum(batch: Batch, rng: Random) -> CallData | None:
    at = rng.randrange(len(batch.orders))
    filled = batch.orders[at]
    if filled.maximum == MAX_UNITS:
        return None
    return _changed(batch, at, replace(filled, fill=filled.maximum + 1))


def _same_side(batch: Batch, rng: Random, same: bool) -> tuple[int, int] | None:
    pairs = [
        (a, b)
        for a, one in enumerate(batch.orders)
        for b, other in enumerate(batch.orders)
        if a != b
        and one.signed.order.legs[0].product == other.signed.order.legs[0].product
        and (one.signed.order.legs == other.signed.order.legs) == same
        and len(one.signed.order.legs) == len(other.signed.order.legs) == 1
    ]
    return rng.choice(pairs) if pairs else None


def unit_given_to_another(batch: Batch, rng: Random) -> CallData | None:
    pair = _same_side(batch, rng, same=True)
    if pair is None or batch.orders[pair[0]].fill == 0:
        return None
    orders = list(batch.orders)
    for at, step in zip(pair, (-1, 1), strict=True):
        if orders[at].fill + step > MAX_UNITS:
            return None
        orders[at] = replace(orders[at], fill=orders[at].fill + step)
    return _with_orders(batch, orders)


def volume_withheld(batch: Batch, rng: Random) -> CallData | None:
    pair = _same_side(batch, rng, same=False)
    if pair is None or min(batch.orders[at].fill for at in pair) == 0:
        return None
    orders = list(batch.orders)
    for at in pair:
        orders[at] = replace(orders[at], fill=orders[at].fill - 1)
    return _with_orders(batch, orders)


def order_dropped(batch: Batch, rng: Random) -> CallData | None:
    orders = list(batch.orders)
    del orders[rng.randrange(len(orders))]
    return _with_orders(batch, orders)


def order_twice(batch: Batch, rng: Random) -> CallData | None:
    orders = list(batch.orders)
    at = rng.randrange(len(orders))
    return _with_orders(batch, orders[: at + 1] + orders[at:])


def orders_swapped(batch: Batch, rng: Random) -> CallData | None:
    if len(batch.orders) < 2:
        return None
    orders = list(batch.orders)
    at = rng.randrange(len(orders) - 1)
    orders[at], orders[at + 1] = orders[at + 1], orders[at]
    return _with_orders(batch, orders)


def forced_mark_flipped(batch: Batch, rng: Random) -> CallData | None:
    at = rng.randrange(len(batch.orders))
    filled = batch.orders[at]
    return _changed(batch, at, replace(filled, forced=not filled.forced))


def signature_malleated(batch: Batch, rng: Random) -> CallData | None:
    at = rng.randrange(len(batch.orders))
    filled = batch.orders[at]
    r, word = filled.signed.signature[:32], int.from_bytes(filled.signed.signature[32:], "big")
    parity, s = word >> 255, word & ((1 << 255) - 1)
    twin = HALF_ORDER_TWICE - s
    if twin >= 1 << 255:
        # The twin does not even fit the compact form: only its low bits can be sent.
        twin &= (1 << 255) - 1
    other = r + (((1 - parity) << 255) | twin).to_bytes(32, "big")
    return _changed(batch, at, replace(filled, signed=replace(filled.signed, signature=other)))


def signature_of_another(batch: Batch, rng: Random) -> CallData | None:
    at, other = (rng.randrange(len(batch.orders)) for _ in range(2))
    signature = batch.orders[other].signed.signature
    filled = batch.orders[at]
    if signature == filled.signed.signature:
        return None
    return _changed(batch, at, replace(filled, signed=replace(filled.signed, signature=signature)))


def order_rewritten(batch: Batch, rng: Random) -> CallData | None:
    """Terms that nobody signed, in the place of signed ones."""
    at = rng.randrange(len(batch.orders))
    filled = batch.orders[at]
    order = filled.signed.order
    changed = rng.choice(
        (
            replace(order, salt=order.salt ^ 1),
            replace(order, epoch=order.epoch ^ 1),
            replace(order, max_units=order.max_units ^ 2 or 1),
            replace(order, limit=order.limit + (1 if order.limit < 2**63 - 1 else -1)),
        )
    )
    return _changed(batch, at, replace(filled, signed=replace(filled.signed, order=changed)))


def _tie_changed(batch: Batch, rng: Random, change: Callable[[Tie], Tie | None]) -> CallData | None:
    tied = [at for at, tie in enumerate(batch.ties) if tie.side != NO_TIE]
    if not tied:
        return None
    at = rng.choice(tied)
    tie = change(batch.ties[at])
    if tie is None:
        return None
    ties = list(batch.ties)
    ties[at] = tie
    changed = replace(batch, ties=tuple(ties))
    return changed.results, changed.call_data


def tie_sums_changed(batch: Batch, rng: Random) -> CallData | None:
    def change(tie: Tie) -> Tie | None:
        offered, filled = tie.offered + rng.choice((-1, 0, 1)), tie.filled + rng.choice((-1, 0, 1))
        if filled < 0 or offered < 1 or (offered, filled) == (tie.offered, tie.filled):
            return None
        return replace(tie, offered=offered, filled=filled)

    return _tie_changed(batch, rng, change)


def tie_on_the_other_side(batch: Batch, rng: Random) -> CallData | None:
    return _tie_changed(batch, rng, lambda tie: replace(tie, side=3 - tie.side))


def tie_left_out(batch: Batch, rng: Random) -> CallData | None:
    return _tie_changed(batch, rng, lambda _: Tie())


def tie_invented(batch: Batch, rng: Random) -> CallData | None:
    free = [at for at, tie in enumerate(batch.ties) if tie.side == NO_TIE]
    if not free:
        return None
    at = rng.choice(free)
    ties = list(batch.ties)
    ties[at] = Tie(rng.choice((1, 2)), 10, rng.randrange(10))
    changed = replace(batch, ties=tuple(ties))
    return changed.results, changed.call_data


def cut_moved(batch: Batch, rng: Random) -> CallData | None:
    """Another cut. It may select the same orders, so it may be accepted, by both."""

    def change(tie: Tie) -> Tie | None:
        remainder = rng.choice((0, max(0, tie.cut_remainder - 1), tie.cut_remainder, NO_CUT))
        return replace(tie, cut_remainder=remainder, cut_hash=rng.randbytes(32))

    return _tie_changed(batch, rng, change)


def unknown_flag(batch: Batch, rng: Random) -> CallData | None:
    data = bytearray(batch.call_data)
    data[22] |= 1 << rng.randrange(3, 8)
    return batch.results, bytes(data)


def unknown_product(batch: Batch, rng: Random) -> CallData | None:
    if len(batch.orders[0].signed.order.legs) > 1:
        return None
    data = bytearray(batch.call_data)
    data[22 + 37 : 22 + 39] = len(batch.grid).to_bytes(2, "big")
    return batch.results, bytes(data)


def product_of_the_network(batch: Batch, rng: Random) -> CallData | None:
    """The last carrier's first product in the place of what was signed."""
    at = rng.randrange(len(batch.orders))
    filled = batch.orders[at]
    if len(filled.signed.order.legs) > 1:
        return None
    grid = batch.grid
    first = grid.product_id((grid.carriers - 1) * grid.zones * grid.slots)
    order = replace(
        filled.signed.order, legs=(replace(filled.signed.order.legs[0], product=first),)
    )
    if order == filled.signed.order:
        return None
    return _changed(batch, at, replace(filled, signed=replace(filled.signed, order=order)))


def one_leg_in_the_form_of_many(batch: Batch, rng: Random) -> CallData | None:
    """It would turn a one-product round into a coupled one, with other rules."""
    order = batch.orders[0].signed.order
    if len(order.legs) > 1:
        return None
    single_form = encode_order(batch.grid, batch.orders[0])
    index = single_form[37:39]
    coefficient = order.legs[0].coefficient.to_bytes(4, "big", signed=True)
    multi_form = (
        bytes([single_form[0] & ~4 | 1])
        + single_form[1:37]
        + b"\x01"
        + index
        + coefficient
        + single_form[39:]
    )
    return batch.results, batch.call_data.replace(single_form, multi_form)


def group_miscounted(batch: Batch, rng: Random) -> CallData | None:
    data = bytearray(batch.call_data)
    data[20:22] = (int.from_bytes(data[20:22], "big") + rng.choice((-1, 1))).to_bytes(2, "big")
    return batch.results, bytes(data)


def results_of_other_length(batch: Batch, rng: Random) -> CallData | None:
    results = batch.results
    return rng.choice((results[:-1], results + b"\x00", b"")), batch.call_data


def orders_of_other_length(batch: Batch, rng: Random) -> CallData | None:
    data = batch.call_data
    return batch.results, rng.choice((data[:-1], data + b"\x00", data[:-64], data[:30]))


def byte_flipped(batch: Batch, rng: Random) -> CallData | None:
    parts = [bytearray(batch.results), bytearray(batch.call_data)]
    part = rng.choice(parts)
    part[rng.randrange(len(part))] ^= 1 << rng.randrange(8)
    return bytes(parts[0]), bytes(parts[1])


EXACT: tuple[Departure, ...] = (
    price_moved,
    fill_moved,
    fill_above_maximum,
    unit_given_to_another,
    volume_withheld,
    order_dropped,
    order_twice,
    orders_swapped,
    forced_mark_flipped,
    signature_malleated,
    signature_of_another,
    order_rewritten,
    tie_sums_changed,
    tie_on_the_other_side,
    tie_left_out,
    tie_invented,
    unknown_flag,
    unknown_product,
    product_of_the_network,
    one_leg_in_the_form_of_many,
)
MAY_PASS: tuple[Departure, ...] = (cut_moved, byte_flipped)
GARBLED: tuple[Departure, ...] = (
    group_miscounted,
    results_of_other_length,
    orders_of_other_length,
)
