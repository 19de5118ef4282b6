"""One product: the two-sided uniform-price auction, vectorised and exact.

Maximum welfare, then maximum volume; tied orders pro rata, then by largest remainder, then by hash;
the price midway between the bounds (protocol section 4). Nothing overflows: quantities may be any
uint64, sums are kept as halves of 32 bits and joined in Python integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
UnitArray = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]

MAX_LIMIT = 1 << 62
"""Limits beyond it would overflow when negated or added; price caps end there."""

_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF_BITS = np.uint64(32)


@dataclass(frozen=True, slots=True)
class ProductClearing:
    """`price` in nano per kWh, `fills` by order, `volume` in Wh; `indicative`: nobody traded."""

    price: int
    fills: UnitArray
    volume: int
    indicative: bool


class _PrefixSums:
    """Exact sums of the first n of some uint64 values."""

    def __init__(self, values: UnitArray) -> None:
        # Up to 2^32 values below 2^32 add up within 64 bits.
        self._low = np.cumsum(values & _LOW_HALF, dtype=np.uint64)
        self._high = np.cumsum(values >> _HALF_BITS, dtype=np.uint64)

    def first(self, count: int) -> int:
        if count == 0:
            return 0
        return (int(self._high[count - 1]) << 32) + int(self._low[count - 1])


def exact_sum(values: UnitArray) -> int:
    """Sum of uint64 values as a Python integer."""
    high = np.sum(values >> _HALF_BITS, dtype=np.uint64)
    return (int(high) << 32) + int(np.sum(values & _LOW_HALF, dtype=np.uint64))


def hash_words(hashes: NDArray[np.void] | list[bytes]) -> UnitArray:
    """Order hashes of 32 bytes as rows of four words whose lexicographic order is theirs."""
    data = b"".join(hashes) if isinstance(hashes, list) else hashes.tobytes()
    return np.frombuffer(data, dtype=">u8").astype(np.uint64).reshape(-1, 4)


def clear_product(
    limits: IntArray, maxima: UnitArray, sells: BoolArray, tie_keys: UnitArray
) -> ProductClearing:
    """Clears single-leg orders of one product.

    `limits` as signed (for a sell minus the ask price), nano per kWh; `maxima` how much of each
    counts, Wh; `sells` marks asks; `tie_keys` of shape (orders, 4) are the words of the order
    hashes (`hash_words`). Orders with maximum 0 have no influence.

    Raises ValueError for shapes that differ or limits beyond 2^62.
    """
    count = len(limits)
    if not (len(maxima) == len(sells) == len(tie_keys) == count):
        raise ValueError("limits, maxima, sells and tie_keys must describe the same orders")
    if count and max(abs(int(limits.min())), abs(int(limits.max()))) > MAX_LIMIT:
        raise ValueError("limits must lie within 2^62 nano per kWh")
    counted = maxima > 0
    prices = np.where(sells, -limits, limits)
    bids = np.flatnonzero(counted & ~sells)
    asks = np.flatnonzero(counted & sells)
    # Best first on either side; equal prices need no further order: the tie rule treats them alike.
    bids = bids[np.argsort(-prices[bids])]
    asks = asks[np.argsort(prices[asks])]
    bid_prices, ask_prices = prices[bids], prices[asks]
    bid_sums, ask_sums = _PrefixSums(maxima[bids]), _PrefixSums(maxima[asks])
    volume = _volume(bid_prices, ask_prices, bid_sums, ask_sums)

    fills = np.zeros(count, dtype=np.uint64)
    bid_side = _fill_side(fills, bids, -bid_prices, bid_sums, maxima, tie_keys, volume)
    ask_side = _fill_side(fills, asks, ask_prices, ask_sums, maxima, tie_keys, volume)
    # In ascending terms: a side's last filled and first not-full price (None where there is none).
    filled_bid, open_bid = (None if p is None else -p for p in bid_side)
    filled_ask, open_ask = ask_side
    low = max((p for p in (filled_ask, open_bid) if p is not None), default=None)
    high = min((p for p in (filled_bid, open_ask) if p is not None), default=None)
    return ProductClearing(_midpoint(low, high), fills, volume, volume == 0)


def _midpoint(low: int | None, high: int | None) -> int:
    if low is None:
        return 0 if high is None else high
    return low if high is None else (low + high) // 2


def _volume(
    bid_prices: IntArray, ask_prices: IntArray, bid_sums: _PrefixSums, ask_sums: _PrefixSums
) -> int:
    """The most that can trade between bids and asks no dearer than they.

    At an ask's price p everything bid at p or more meets everything asked up to p. The first is
    falling in p, the second rising: their minimum peaks where they cross.
    """
    if len(bid_prices) == 0 or len(ask_prices) == 0:
        return 0
    ascending_bids = bid_prices[::-1]
    bids = len(bid_prices)

    def demand_and_supply(place: int) -> tuple[int, int]:
        price = ask_prices[place]
        wanted = bids - int(np.searchsorted(ascending_bids, price, side="left"))
        offered = int(np.searchsorted(ask_prices, price, side="right"))
        return bid_sums.first(wanted), ask_sums.first(offered)

    low, high = 0, len(ask_prices)
    while low < high:
        middle = (low + high) // 2
        demand, supply = demand_and_supply(middle)
        if supply >= demand:
            high = middle
        else:
            low = middle + 1
    around = [place for place in (low - 1, low) if 0 <= place < len(ask_prices)]
    return max(min(demand_and_supply(place)) for place in around)


def _fill_side(
    fills: UnitArray,
    order: NDArray[np.intp],
    ascending_prices: IntArray,
    sums: _PrefixSums,
    maxima: UnitArray,
    tie_keys: UnitArray,
    volume: int,
) -> tuple[int | None, int | None]:
    """Fills one side, best first, up to `volume`.

    Returns the prices of the last filled and of the first not full order.
    """
    count = len(order)
    low, high = 0, count
    while low < high:  # how many orders fit wholly into the volume
        middle = (low + high + 1) // 2
        if sums.first(middle) <= volume:
            low = middle
        else:
            high = middle - 1
    full = low
    if full < count and sums.first(full) <= volume:
        marginal = ascending_prices[full]
        start = int(np.searchsorted(ascending_prices, marginal, side="left"))
        stop = int(np.searchsorted(ascending_prices, marginal, side="right"))
    else:
        start = stop = count
    best = order[:start]
    fills[best] = maxima[best]
    filled_at_margin = volume - sums.first(start)
    if filled_at_margin > 0:
        tied = order[start:stop]
        fills[tied] = ration(maxima[tied], filled_at_margin, tie_keys[tied])
    filled = start if filled_at_margin == 0 else stop
    last_filled = int(ascending_prices[filled - 1]) if filled > 0 else None
    first_open = int(ascending_prices[start]) if start < count else None
    return last_filled, first_open


def ration(maxima: UnitArray, filled: int, tie_keys: UnitArray) -> UnitArray:
    """Shares `filled` Wh among tied orders: pro rata, then largest remainder, then lowest hash.

    Each gets floor(m F / M) or one more; 0 <= filled <= sum of maxima.
    """
    offered = exact_sum(maxima)
    if filled == offered:
        return maxima.copy()
    if filled == 0:
        return np.zeros_like(maxima)
    if int(maxima.max()) * filled < 1 << 64 and offered < 1 << 64:
        products = maxima * np.uint64(filled)
        shares = products // np.uint64(offered)
        remainders = products - shares * np.uint64(offered)
        raised = filled - int(shares.sum())
        if raised:
            shares[_largest(remainders, raised, tie_keys)] += np.uint64(1)
        return shares
    return _ration_exactly(maxima, filled, offered, tie_keys)


def _largest(remainders: UnitArray, wanted: int, tie_keys: UnitArray) -> NDArray[np.intp]:
    """Places of the largest remainders, equal ones in ascending key order."""
    cut = np.partition(remainders, len(remainders) - wanted)[len(remainders) - wanted]
    above = np.flatnonzero(remainders > cut)
    at_cut = np.flatnonzero(remainders == cut)
    keys = tie_keys[at_cut]
    by_hash = np.lexsort((keys[:, 3], keys[:, 2], keys[:, 1], keys[:, 0]))
    return np.concatenate((above, at_cut[by_hash[: wanted - len(above)]]))


def _ration_exactly(maxima: UnitArray, filled: int, offered: int, tie_keys: UnitArray) -> UnitArray:
    """As `ration`, in Python integers: products beyond 64 bits."""
    divided = [divmod(int(m) * filled, offered) for m in maxima]
    shares = [share for share, _ in divided]
    keys = tie_keys.tolist()
    by_claim = sorted(range(len(shares)), key=lambda i: (-divided[i][1], keys[i]))
    for i in by_claim[: filled - sum(shares)]:
        shares[i] += 1
    return np.array(shares, dtype=np.uint64)
