"""Whether a book holds exactly the orders that a network's description derives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from market.book import Book
from market.network.network import Network
from market.network.orders import network_orders, transports


@dataclass(frozen=True, slots=True)
class Difference:
    """`order` is what the order is for, or the salt of one that nothing derives; `what` is
    ``missing``, ``added``, ``altered`` or ``without effect``."""

    order: str
    what: str
    detail: str


def differences(
    network: Network,
    book: Book,
    maxima: Sequence[int],
    slot_seconds: int,
    trader: str,
    epoch: int,
) -> Iterator[Difference]:
    """Every way in which the orders of the network's account in a book are not the derived ones.

    `maxima` (book order) say how much of each counts: a derived order whose margin or standing is
    missing counts with 0, which takes the line away as if it had been left out. `epoch` is the
    one by which the account is judged in this round. Raises NetworkError.
    """
    names = [str(transport) for transport in transports(network, book.grid, slot_seconds)]
    derived = network_orders(
        network, book.market, book.round, book.grid, slot_seconds, trader, epoch
    )
    found: dict[int, int] = {}
    for position, signed in enumerate(book.orders):
        if signed.order.trader != trader:
            continue
        salt = signed.order.salt
        if salt >= len(derived) or salt in found:
            again = " a second time" if salt in found else ""
            yield Difference(f"salt {salt}", "added", f"order 0x{signed.digest.hex()}{again}")
        else:
            found[salt] = position
    for salt, (name, expected) in enumerate(zip(names, derived, strict=True)):
        if salt not in found:
            yield Difference(name, "missing", f"its salt {salt} is not in the book")
            continue
        order = book.orders[found[salt]].order
        for field in fields(order):
            is_, derived_ = getattr(order, field.name), getattr(expected, field.name)
            if is_ != derived_:
                yield Difference(name, "altered", f"{field.name} is {is_}, derived is {derived_}")
        if maxima[found[salt]] == 0:
            yield Difference(
                name, "without effect", "it counts with 0: its account lacks margin or standing"
            )
