"""What was offered, wanted and traded in settled rounds, as columns.

A **lot** is one product of one settled round: what one price is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from market.book import Book
from market.clearing.exact import ExactArray, IntArray, narrowed
from market.outcome import Clearing
from market.payment import leg_energy_wh
from market.product import Product
from market.surveillance.ratios import exact_sums


@dataclass(frozen=True, slots=True)
class SettledRound:
    """A round as the chain settled it; void and unsettled rounds are none.

    `maxima` is what of every order counted at the gate (units, book order); `stale` are the places
    of orders that fell because their trader had cancelled them by a new epoch. Times in seconds.
    """

    book: Book
    maxima: tuple[int, ...]
    clearing: Clearing
    slot_seconds: int
    opened_at: int
    gate_at: int
    tokenised: bool = False
    stale: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[int, int]:
        """Market and number."""
        return self.book.market, self.book.round


@dataclass(frozen=True, slots=True)
class Lot:
    """A product in a round; `price` in nano per kWh; `connected` if a counted order of several legs
    touches it, so that its price does not follow from its own offers alone."""

    market: int
    round: int
    product: Product
    price: int
    traded: bool
    connected: bool
    gate_at: int
    slot_seconds: int


@dataclass(frozen=True, eq=False)
class Trading:
    """Legs of all counted orders: one row each, lots in ascending order.

    By row: `lot`, `account` (places in `lots`, `accounts`), `sells`, `price` (what is asked or bid,
    nano per kWh; meaningless where `several`), `counted_wh` and `filled_wh` (not negative).
    """

    lots: tuple[Lot, ...]
    accounts: tuple[str, ...]
    lot: IntArray
    account: IntArray
    sells: np.ndarray[tuple[int], np.dtype[np.bool_]]
    several: np.ndarray[tuple[int], np.dtype[np.bool_]]
    price: IntArray
    counted_wh: ExactArray
    filled_wh: ExactArray

    @classmethod
    def of(cls, rounds: Iterable[SettledRound]) -> Trading:
        """Takes in rounds in the order of market and number."""
        ordered = sorted(rounds, key=lambda each: each.key)
        names = sorted({o.order.trader for r in ordered for o in r.book.orders})
        places = {name: place for place, name in enumerate(names)}
        lots: list[Lot] = []
        rows: list[tuple[int, int, bool, bool, int, int, int]] = []
        for settled in ordered:
            first = len(lots)
            lots += _lots(settled)
            for signed, indices, maximum, fill in zip(
                settled.book.orders,
                settled.book.leg_indices,
                settled.maxima,
                settled.clearing.fills,
                strict=True,
            ):
                order = signed.order
                if not maximum:
                    continue
                account, several = places[order.trader], order.multi_leg
                for leg, index in zip(order.legs, indices, strict=True):
                    sells = leg.coefficient < 0
                    rows.append(
                        (
                            first + index,
                            account,
                            sells,
                            several,
                            0 if several else (-order.limit if sells else order.limit),
                            abs(leg_energy_wh(leg.coefficient, maximum)),
                            abs(leg_energy_wh(leg.coefficient, fill)),
                        )
                    )
        rows.sort(key=lambda row: row[0])
        columns = list(zip(*rows, strict=True)) if rows else [()] * 7
        return cls(
            tuple(lots),
            tuple(names),
            np.array(columns[0], dtype=np.int64),
            np.array(columns[1], dtype=np.int64),
            np.array(columns[2], dtype=np.bool_),
            np.array(columns[3], dtype=np.bool_),
            np.array(columns[4], dtype=np.int64),
            narrowed(np.array(columns[5], dtype=object)),
            narrowed(np.array(columns[6], dtype=object)),
        )

    @cached_property
    def starts(self) -> IntArray:
        """Rows of lot i are `starts[i]` to `starts[i + 1]`."""
        return np.searchsorted(self.lot, np.arange(len(self.lots) + 1)).astype(np.int64)

    def rows_of(self, lot: int) -> slice:
        """The rows of a lot."""
        return slice(int(self.starts[lot]), int(self.starts[lot + 1]))

    def turnover(self, unit_of: IntArray) -> Turnover:
        """What every unit (an account, or a group of accounts) did in every lot; `unit_of` is the
        unit of every account."""
        units = int(unit_of.max()) + 1 if len(unit_of) else 0
        keys = self.lot * max(1, units) + unit_of[self.account]
        found, place = np.unique(keys, return_inverse=True)
        side = place * 2 + self.sells
        counted = exact_sums(side, self.counted_wh, 2 * len(found))
        filled = exact_sums(side, self.filled_wh, 2 * len(found))
        return Turnover(
            lot=found // max(1, units),
            unit=found % max(1, units),
            offered_wh=counted[1::2],
            sold_wh=filled[1::2],
            wanted_wh=counted[::2],
            bought_wh=filled[::2],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Turnover:
    """By (lot, unit), ascending: energy offered, sold, wanted and bought, Wh, not negative."""

    lot: IntArray
    unit: IntArray
    offered_wh: ExactArray
    sold_wh: ExactArray
    wanted_wh: ExactArray
    bought_wh: ExactArray

    def by_lot(self, values: ExactArray, lots: int) -> list[int]:
        """Sums over the units of every lot."""
        return [int(value) for value in exact_sums(self.lot, values, lots)]


@dataclass(frozen=True, slots=True)
class Units:
    """Who is looked at: every account alone, or groups of accounts that belong together.

    `names` by unit; `of_account` the unit of every account of a `Trading`.
    """

    names: tuple[str, ...]
    of_account: IntArray

    @classmethod
    def accounts(cls, trading: Trading) -> Units:
        return cls(trading.accounts, np.arange(len(trading.accounts)))

    @classmethod
    def groups(cls, trading: Trading, group_of: Mapping[str, str]) -> Units:
        """Accounts in no group stand for themselves."""
        named = [group_of.get(account, account) for account in trading.accounts]
        names = sorted(set(named))
        places = {name: place for place, name in enumerate(names)}
        return cls(tuple(names), np.array([places[name] for name in named], dtype=np.int64))


def _lots(settled: SettledRound) -> Sequence[Lot]:
    grid = settled.book.grid
    connected = {
        index
        for signed, indices, maximum in zip(
            settled.book.orders, settled.book.leg_indices, settled.maxima, strict=True
        )
        if maximum and signed.order.multi_leg
        for index in indices
    }
    return [
        Lot(
            *settled.key,
            Product.from_id(grid.product_id(index)),
            settled.clearing.prices[index],
            not settled.clearing.indicative[index],
            index in connected,
            settled.gate_at,
            settled.slot_seconds,
        )
        for index in range(len(grid))
    ]
