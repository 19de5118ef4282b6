"""Checks a clearing without any solver: accepts it, or names what breaks it.

Standard library alone, independent of the code that clears. The rules are those of docs/protocol.md
section 4, "What a settlement must satisfy". The gap is a proven bound: with any prices p, welfare
of any outcome with exact legs is at most sum(max(S, 0) m), by weak duality.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from market.book import Book
from market.order import SignedOrder
from market.outcome import Clearing
from market.payment import leg_energy_wh
from market.rules import MarketRules
from market.units import SCALE, SCALED_PER_MICRO, ceil_div, floor_div

_INT64 = range(-(1 << 63), 1 << 63)


class CertificateError(ValueError):
    """A result that must not settle. `rule` names what it breaks, `product` (index) and `order`
    (position in the book) where."""

    def __init__(
        self, rule: str, detail: str, *, product: int | None = None, order: int | None = None
    ) -> None:
        place = ""
        if order is not None:
            place += f" (order {order})"
        if product is not None:
            place += f" (product {product})"
        super().__init__(f"{rule}{place}: {detail}")
        self.rule = rule
        self.product = product
        self.order = order


@dataclass(frozen=True, slots=True)
class Certificate:
    """`gap_micro` bounds how far the result is from the best possible (rounded up), `welfare_micro`
    is what it achieves (rounded down)."""

    gap_micro: int
    welfare_micro: int
    coupled: bool


@dataclass(frozen=True, slots=True)
class Commitment:
    """What the chain holds of the book: root, count and the orders forced into it (by hash)."""

    root: bytes
    count: int
    forced: Collection[bytes] = ()


@dataclass(frozen=True, slots=True)
class _Tied:
    position: int
    maximum: int
    fill: int
    digest: bytes


def check(
    book: Book,
    maxima: tuple[int, ...],
    clearing: Clearing,
    rules: MarketRules,
    commitment: Commitment | None = None,
) -> Certificate:
    """Certificate of a result, given how much of every order counts (`maxima`, book order).

    Raises CertificateError naming rule, product and order.
    """
    if commitment is not None:
        _check_commitment(book, commitment)
    _check_shape(book, maxima, clearing)
    _check_limits(book, clearing)
    _check_balance(book, clearing)
    offered = realised = 0
    for position, signed in enumerate(book.orders):
        surplus = surplus_scaled(signed, book.leg_indices[position], clearing.prices)
        offered += max(surplus, 0) * maxima[position]
        realised += _realised(book, clearing, position)
    if not book.coupled:
        _check_one_product_rules(book, maxima, clearing)
    gap_scaled = max(0, offered - SCALE * realised)
    allowed = 0 if not book.coupled else allowed_gap_scaled(realised, rules)
    if gap_scaled > allowed:
        raise CertificateError(
            "gap",
            f"the result may be {ceil_div(gap_scaled, SCALED_PER_MICRO)} micro from the best, "
            f"allowed are {floor_div(allowed, SCALED_PER_MICRO)}",
        )
    return Certificate(
        gap_micro=ceil_div(gap_scaled, SCALED_PER_MICRO),
        welfare_micro=floor_div(SCALE * realised, SCALED_PER_MICRO),
        coupled=book.coupled,
    )


def surplus_scaled(signed: SignedOrder, indices: Iterable[int], prices: tuple[int, ...]) -> int:
    """S of an order: its surplus a unit times SCALE, in nano/kWh x millionths of a Wh."""
    order = signed.order
    cost = sum(
        leg.coefficient * prices[index] for leg, index in zip(order.legs, indices, strict=True)
    )
    return order.limit * SCALE - cost


def allowed_gap_scaled(realised: int, rules: MarketRules) -> int:
    """Gap a coupled round may have, times SCALE, where `realised` = sum of sigma."""
    millionth_of_welfare = floor_div(SCALE * realised, 1_000_000)
    return max(
        rules.gap_floor_micro * SCALED_PER_MICRO,
        min(millionth_of_welfare, rules.gap_cap_micro * SCALED_PER_MICRO),
    )


def _realised(book: Book, clearing: Clearing, position: int) -> int:
    order, fill = book.orders[position].order, clearing.fills[position]
    cost = sum(
        clearing.prices[index] * leg_energy_wh(leg.coefficient, fill)
        for leg, index in zip(order.legs, book.leg_indices[position], strict=True)
    )
    return order.limit * fill - cost


def _check_commitment(book: Book, commitment: Commitment) -> None:
    if book.count != commitment.count:
        raise CertificateError(
            "book", f"{commitment.count} orders were committed, {book.count} are here"
        )
    if book.root != commitment.root:
        raise CertificateError("book", "these are not the orders whose root was committed")
    missing = set(commitment.forced) - {signed.digest for signed in book.orders}
    if missing:
        raise CertificateError("forced", f"order {min(missing).hex()} is not in the book")


def _check_shape(book: Book, maxima: tuple[int, ...], clearing: Clearing) -> None:
    if len(clearing.prices) != len(book.grid):
        raise CertificateError(
            "prices", f"{len(book.grid)} products need a price, {len(clearing.prices)} have one"
        )
    if not len(maxima) == len(clearing.fills) == book.count:
        raise CertificateError(
            "fills", f"{book.count} orders need a fill, {len(clearing.fills)} have one"
        )
    for index, price in enumerate(clearing.prices):
        if price not in _INT64:
            raise CertificateError("prices", f"{price} does not fit 64 bits", product=index)
    for position, (fill, maximum) in enumerate(zip(clearing.fills, maxima, strict=True)):
        if not 0 <= maximum <= book.orders[position].order.max_units:
            raise CertificateError("maximum", f"{maximum} was not signed", order=position)
        if not 0 <= fill <= maximum:
            raise CertificateError("maximum", f"filled {fill} of at most {maximum}", order=position)


def _check_limits(book: Book, clearing: Clearing) -> None:
    for position in range(book.count):
        sigma = _realised(book, clearing, position)
        if sigma < 0:
            raise CertificateError(
                "limit", f"costs {-sigma} nano/kWh x Wh more than was signed", order=position
            )


def _check_balance(book: Book, clearing: Clearing) -> None:
    sums = [0] * len(book.grid)
    for position, signed in enumerate(book.orders):
        for leg, index in zip(signed.order.legs, book.leg_indices[position], strict=True):
            sums[index] += leg_energy_wh(leg.coefficient, clearing.fills[position])
    for index, energy_wh in enumerate(sums):
        if energy_wh != 0:
            raise CertificateError("balance", f"{energy_wh} Wh are left over", product=index)


def _check_one_product_rules(book: Book, maxima: tuple[int, ...], clearing: Clearing) -> None:
    by_product: list[list[int]] = [[] for _ in range(len(book.grid))]
    for position, (index,) in enumerate(book.leg_indices):
        if maxima[position] > 0:
            by_product[index].append(position)
    for index, positions in enumerate(by_product):
        _check_fills(book, maxima, clearing, index, positions)
        _check_price(book, maxima, clearing, index, positions)


def _check_fills(
    book: Book, maxima: tuple[int, ...], clearing: Clearing, index: int, positions: list[int]
) -> None:
    tied: dict[bool, list[_Tied]] = {False: [], True: []}
    for position in positions:
        signed, fill, maximum = book.orders[position], clearing.fills[position], maxima[position]
        surplus = surplus_scaled(signed, (index,), clearing.prices)
        if surplus > 0 and fill != maximum:
            raise CertificateError(
                "merit",
                f"gains at the price, yet is filled {fill} of {maximum}",
                product=index,
                order=position,
            )
        if surplus < 0 and fill != 0:
            raise CertificateError(
                "merit", "loses at the price, yet is filled", product=index, order=position
            )
        if surplus == 0:
            tied[signed.order.sells].append(_Tied(position, maximum, fill, signed.digest))
    rationed = [side for side in tied.values() if any(t.fill != t.maximum for t in side)]
    if len(rationed) > 1:
        raise CertificateError(
            "volume", "bids and asks at the price could still trade", product=index
        )
    for side in rationed:
        _check_ration(index, side)


def _check_ration(index: int, tied: list[_Tied]) -> None:
    offered, filled = sum(t.maximum for t in tied), sum(t.fill for t in tied)
    shares = {t.position: t.maximum * filled // offered for t in tied}
    left = filled - sum(shares.values())
    by_claim = sorted(tied, key=lambda t: (-(t.maximum * filled % offered), t.digest))
    for place, t in enumerate(by_claim):
        due = shares[t.position] + (place < left)
        if t.fill != due:
            raise CertificateError(
                "tie", f"is filled {t.fill}, its share is {due}", product=index, order=t.position
            )


def _check_price(
    book: Book, maxima: tuple[int, ...], clearing: Clearing, index: int, positions: list[int]
) -> None:
    low: int | None = None
    high: int | None = None
    for position in positions:
        order, fill = book.orders[position].order, clearing.fills[position]
        price = -order.limit if order.sells else order.limit
        filled, not_full = fill > 0, fill < maxima[position]
        if filled if order.sells else not_full:
            low = price if low is None else max(low, price)
        if not_full if order.sells else filled:
            high = price if high is None else min(high, price)
    if low is None or high is None:
        only = low if high is None else high
        canonical = 0 if only is None else only
    else:
        canonical = floor_div(low + high, 2)
    if clearing.prices[index] != canonical:
        raise CertificateError(
            "price", f"is {clearing.prices[index]}, the rule gives {canonical}", product=index
        )
