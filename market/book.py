"""The book of a round: every order in the one order that everything is computed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from eth_utils.crypto import keccak

from market import merkle
from market.order import SignedOrder, address_bytes
from market.product import ProductGrid


class BookError(ValueError):
    """Orders that cannot stand in one book."""


def book_leaf(trader: str, digest: bytes) -> bytes:
    """Leaf of the committed book: keccak(trader (20) || order hash (32))."""
    return keccak(address_bytes(trader) + digest)


def _place(signed: SignedOrder) -> tuple[bytes, bytes]:
    return address_bytes(signed.order.trader), signed.digest


@dataclass(frozen=True)
class Book:
    """Orders sorted by trader (as an integer), then by order hash, without duplicates."""

    market: int
    round: int
    grid: ProductGrid
    orders: tuple[SignedOrder, ...]

    def __post_init__(self) -> None:
        for earlier, later in pairwise(self.orders):
            if _place(earlier) >= _place(later):
                raise BookError(
                    f"order {later.digest.hex()} is a duplicate or out of place: use Book.build"
                )
        for signed in self.orders:
            order = signed.order
            if (order.market, order.round) != (self.market, self.round):
                raise BookError(
                    f"order {signed.digest.hex()} is for round {order.round} of market "
                    f"{order.market}, the book for round {self.round} of market {self.market}"
                )
            for leg in order.legs:
                if leg.product not in self.grid:
                    raise BookError(
                        f"order {signed.digest.hex()}: product {leg.product} is not in this round"
                    )

    @classmethod
    def build(
        cls, market: int, round: int, grid: ProductGrid, orders: Iterable[SignedOrder]
    ) -> Book:
        """Sorts the orders. Raises BookError for a duplicate or an order of another round."""
        return cls(market, round, grid, tuple(sorted(orders, key=_place)))

    @property
    def count(self) -> int:
        return len(self.orders)

    @cached_property
    def leaves(self) -> tuple[bytes, ...]:
        return tuple(book_leaf(signed.order.trader, signed.digest) for signed in self.orders)

    @cached_property
    def root(self) -> bytes:
        return merkle.root(self.leaves)

    @cached_property
    def coupled(self) -> bool:
        """Whether any order has several legs: such a round is settled by its gap."""
        return any(signed.order.multi_leg for signed in self.orders)

    @cached_property
    def delegating(self) -> frozenset[str]:
        """Traders for whom somebody else signed an order of this book."""
        return frozenset(signed.order.trader for signed in self.orders if signed.delegate)

    @cached_property
    def leg_indices(self) -> tuple[tuple[int, ...], ...]:
        """For every order the product indices of its legs."""
        return tuple(
            tuple(self.grid.index(leg.product) for leg in signed.order.legs)
            for signed in self.orders
        )

    def traders(self) -> Iterator[tuple[str, range]]:
        """Each trader with the positions of its orders."""
        for trader, group in groupby(
            range(len(self.orders)), key=lambda i: self.orders[i].order.trader
        ):
            positions = list(group)
            yield trader, range(positions[0], positions[-1] + 1)
