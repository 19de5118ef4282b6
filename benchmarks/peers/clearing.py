"""Clears the benchmark's book in other ways, in the environment of requirements/bench.txt.

Called by benchmarks/clearing.py with the path of a book (NumPy archive: ask and bid prices in nano
per kWh, volumes in Wh, sides) and the way: `pandas` or `assume`. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

REPEATS = 3


def pandas_clearing(book: dict[str, Any]) -> Callable[[], tuple[float, float]]:
    """As lemlab's two-sided pay-as-clear does it: sort either side, add up, merge by the sums,
    keep what still pays. Gives seconds and volume; shares ties by no rule."""
    frame = pd.DataFrame({key: book[key] for key in ("price", "volume", "sells")})

    def clear() -> tuple[float, float]:
        began = time.process_time()
        asks = frame[frame["sells"]].sort_values("price")
        bids = frame[~frame["sells"]].sort_values("price", ascending=False)
        asks = asks.assign(total=asks["volume"].cumsum()).rename(columns={"price": "ask"})
        bids = bids.assign(total=bids["volume"].cumsum()).rename(columns={"price": "bid"})
        merged = asks[["total", "ask"]].merge(bids[["total", "bid"]], on="total", how="outer")
        merged = merged.sort_values("total")
        merged[["ask", "bid"]] = merged[["ask", "bid"]].bfill()
        traded = merged[merged["ask"] <= merged["bid"]]
        volume = float(traded["total"].max()) if len(traded) else 0.0
        for side in (asks, bids):
            before = side["total"] - side["volume"]
            side["filled"] = np.clip(volume - before, 0, side["volume"])
        return time.process_time() - began, volume

    return clear


def assume_clearing(book: dict[str, Any]) -> Callable[[], tuple[float, float]]:
    """ASSUME's pay-as-clear: seconds, and the volume of supply it accepts."""
    from datetime import datetime, timedelta

    from assume.markets.clearing_algorithms.simple import PayAsClearRole

    start = datetime(2026, 1, 1)
    product = (start, start + timedelta(hours=1), None)
    role = PayAsClearRole.__new__(PayAsClearRole)  # clear() reads nothing of a market's set-up

    def clear() -> tuple[float, float]:
        orders = [
            {
                "start_time": product[0],
                "end_time": product[1],
                "only_hours": None,
                "price": float(price),
                "volume": float(volume if sells else -volume),
                "bid_id": number,
            }
            for number, (price, volume, sells) in enumerate(
                zip(book["price"], book["volume"], book["sells"], strict=True)
            )
        ]
        began = time.process_time()
        _, _, meta, _ = role.clear(orders, [product])
        return time.process_time() - began, float(meta[0]["supply_volume"])

    return clear


def main() -> None:
    path, way = sys.argv[1:]
    with np.load(path) as archive:
        book = {key: archive[key] for key in archive.files}
    clear = {"pandas": pandas_clearing, "assume": assume_clearing}[way](book)
    seconds, volume = min(clear() for _ in range(REPEATS))
    print(json.dumps({"orders": len(book["price"]), "seconds": seconds, "volume_wh": volume}))


if __name__ == "__main__":
    main()
