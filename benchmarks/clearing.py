"""Clearing speed on one core, side by side with other ways of clearing the same book.

Run: `make bench`, or python benchmarks/clearing.py (the comparisons need `.venv-bench`). Prints a
table, then the same as one line of JSON. Seconds are processor seconds of all threads, the
best of some repeats.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from market.book import Book
from market.certificate import check
from market.clearing import ClearingScenarios, clear
from market.clearing.component import build_component
from market.clearing.counted import CountedOrders
from market.clearing.relaxation import solve_relaxation
from market.clearing.uniform import clear_product
from market.order import Order, SignedOrder
from market.product import ProductGrid
from market.synthetic import random_orders, rules_for, trader_keys, unsigned_book
from market.synthetic_park import GRID_CARRIERS, grid_orders, park_orders
from market.units import SCALE

PEERS = Path(__file__).parent / "peers" / "clearing.py"
PEER_PYTHON = Path(__file__).parent.parent / ".venv-bench" / "bin" / "python"
DAY = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=96)
LARGE, ASSUME_CAN_DO = 1_000_000, 4_000


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement; `volume_wh` or the gap (micro-units) says what came out."""

    what: str
    orders: int
    seconds: float
    orders_per_second: float
    volume_wh: int | None = None
    gap_micro: int | None = None
    welfare_micro: int | None = None


def best_of(repeats: int, action: Callable[[], object]) -> float:
    """Least processor seconds an action takes."""
    least = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        action()
        least = min(least, time.process_time() - began)
    return least


def one_product(count: int) -> dict[str, np.ndarray]:
    """Bids and asks around 0.2 tokens a kWh in steps of 0.0001, so that ties are common."""
    rng = np.random.default_rng(7)
    return {
        "price": rng.integers(1_000, 3_000, count) * 100_000,
        "volume": rng.integers(1, 20_000, count),
        "sells": rng.random(count) < 0.5,
        "hashes": rng.integers(0, 1 << 63, (count, 4), dtype=np.uint64),
    }


def clear_one_product(book: dict[str, np.ndarray], repeats: int) -> Result:
    """Prices and fills with the tie rule."""
    limits = np.where(book["sells"], -book["price"], book["price"])
    maxima = book["volume"].astype(np.uint64)

    def run() -> int:
        return clear_product(limits, maxima, book["sells"], book["hashes"]).volume

    count = len(limits)
    seconds = best_of(repeats, run)
    return Result("Wattproof, one product", count, seconds, count / seconds, volume_wh=run())


def clear_elsewhere(book: dict[str, np.ndarray], way: str, name: str) -> Result | None:
    """The same book in the environment of requirements/bench.txt; None where that is missing."""
    if not PEER_PYTHON.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.npz"
        np.savez(path, allow_pickle=False, **book)
        done = subprocess.run(
            [PEER_PYTHON, PEERS, path, way],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,  # ASSUME leaves a log where it runs
        )
    if done.returncode != 0:
        raise RuntimeError(f"{way} failed: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Result(
        name,
        found["orders"],
        found["seconds"],
        found["orders"] / found["seconds"],
        volume_wh=round(found["volume_wh"]),
    )


def clear_day(count: int, multi_leg_share: float, name: str, repeats: int) -> Result:
    """A book of 96 slots from signed-order objects to prices and fills, and its certificate."""
    orders = random_orders(
        Random(11), DAY, count, keys=trader_keys(20), multi_leg_share=multi_leg_share
    )
    book: Book = unsigned_book(DAY, orders)
    maxima = tuple(signed.order.max_units for signed in book.orders)
    rules = rules_for(DAY)
    seconds = best_of(repeats, lambda: clear(book, maxima, rules))
    certificate = check(book, maxima, clear(book, maxima, rules), rules)
    return Result(
        name,
        count,
        seconds,
        count / seconds,
        gap_micro=certificate.gap_micro,
        welfare_micro=certificate.welfare_micro,
    )


def the_park() -> tuple[ProductGrid, list[tuple[Order, bytes]]]:
    """50 sites x 96 slots x 4 carriers: converters, stores, blocks, all in one component."""
    grid = ProductGrid(carriers=4, zones=1, first_slot=1_000, slots=96)
    return grid, park_orders(Random(1), grid, 50, keys=trader_keys(50))


def two_zone_park() -> tuple[ProductGrid, list[tuple[Order, bytes]]]:
    """60 sites x 96 slots x 7 carriers in two zones with lossy and lossless lines."""
    grid = ProductGrid(carriers=7, zones=2, first_slot=1_000, slots=96)
    return grid, park_orders(Random(1), grid, 60, keys=trader_keys(60))


def meshed_grid() -> tuple[ProductGrid, list[tuple[Order, bytes]]]:
    """Five nodes, six lines with limits, 24 slots: hub and flowgate products, coarse and fine."""
    grid = ProductGrid(GRID_CARRIERS, zones=5, first_slot=1_000, slots=24)
    return grid, grid_orders(Random(0), grid, keys=trader_keys(6))


def clear_coupled(
    name: str, drawn: tuple[ProductGrid, list[tuple[Order, bytes]]], repeats: int
) -> Result:
    """From signed orders, hashes known, to the sorted book, prices and fills; then certified."""
    grid, orders = drawn
    signed = unsigned_book(grid, orders).orders
    rules = rules_for(grid)
    maxima = tuple(order.order.max_units for order in signed)
    seconds = best_of(repeats, lambda: clear(Book.build(1, 1, grid, signed), maxima, rules))
    book = Book.build(1, 1, grid, signed)
    certificate = check(book, maxima, clear(book, maxima, rules), rules)
    return Result(
        name,
        book.count,
        seconds,
        book.count / seconds,
        gap_micro=certificate.gap_micro,
        welfare_micro=certificate.welfare_micro,
    )


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """Seconds a scenario: of one programme solved again, and of building each anew (`rebuilt` from
    signed orders, `recleared` with canonical prices and whole fills)."""

    scenarios: int
    orders: int
    seconds: float
    rebuilt_seconds: float
    recleared_seconds: float
    furthest_apart: float


def study(scenarios: int, rebuilt: int) -> ScenarioResult:
    """Renewables and demands of the park vary by site and slot; every order's maximum changes."""
    grid, orders = the_park()
    book = unsigned_book(grid, orders)
    signed = np.array([order.order.max_units for order in book.orders])
    single = np.array([not order.order.multi_leg for order in book.orders])
    shares = np.random.default_rng(3).uniform(0.5, 1.0, (scenarios, book.count))
    maxima = np.where(single, np.floor(signed * shares), signed)
    model = ClearingScenarios(book)
    began = time.process_time()
    outcomes = model.solve(maxima=maxima)
    seconds = (time.process_time() - began) / scenarios
    rules, apart = rules_for(grid), 0.0
    began = time.process_time()
    for row, welfare in zip(maxima[:rebuilt], outcomes.welfare_micro, strict=False):
        fresh = _rebuilt_welfare_micro(book, row)
        apart = max(apart, abs(fresh / welfare - 1))
    rebuilt_seconds = (time.process_time() - began) / rebuilt
    recleared = best_of(2, lambda: clear(book, [int(m) for m in maxima[0]], rules))
    return ScenarioResult(scenarios, book.count, seconds, rebuilt_seconds, recleared, apart)


def _rebuilt_welfare_micro(book: Book, maxima: np.ndarray) -> float:
    """The same optimum from changed order objects: a new book, its arrays, its programme."""
    orders = [
        SignedOrder(replace(order.order, max_units=int(m)), order.signature, order.digest)
        for order, m in zip(book.orders, maxima, strict=True)
    ]
    fresh = Book.build(book.market, book.round, book.grid, orders)
    counted = CountedOrders.of(fresh, [order.order.max_units for order in fresh.orders])
    products, chosen = np.arange(len(book.grid)), np.arange(len(counted.positions))
    return solve_relaxation(build_component(counted, products, chosen)).welfare / SCALE


def machine() -> str:
    """Processor, cores and Python."""
    model = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        names = [
            line for line in cpu_info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, one used; Python {platform.python_version()}"


def main() -> None:
    large, small = one_product(LARGE), one_product(ASSUME_CAN_DO)
    ours, ours_small = clear_one_product(large, 5), clear_one_product(small, 20)
    pandas = clear_elsewhere(large, "pandas", "pandas, one product")
    assume = clear_elsewhere(small, "assume", "ASSUME pay-as-clear, one product")
    results = [ours, pandas, ours_small, assume]
    results.append(clear_day(4_000, 0.0, "Wattproof, 96 products", 5))
    for share in (0.3, 0.6):
        name = f"Wattproof, 96 products, {share:.0%} multi-leg"
        results.append(clear_day(460, share, name, 3))
    results.append(clear_coupled("Wattproof, park 50 sites x 96 x 4", the_park(), 3))
    results.append(clear_coupled("Wattproof, park 60 sites x 96 x 7 x 2", two_zone_park(), 2))
    results.append(clear_coupled("Wattproof, meshed grid 5 nodes x 24", meshed_grid(), 2))
    scenarios = study(100, 5)
    done = [result for result in results if result is not None]
    for other, own in ((pandas, ours), (assume, ours_small)):
        if other is not None and other.volume_wh != own.volume_wh:
            sys.exit(f"{other.what} trades {other.volume_wh} Wh, this clearing {own.volume_wh}")
    print(f"{'what':44}{'orders':>10}{'seconds':>12}{'orders/s':>14}  outcome")
    for result in done:
        outcome = (
            f"{result.volume_wh:,} Wh"
            if result.volume_wh is not None
            else f"gap {result.gap_micro:,} of {result.welfare_micro:,} micro"
        )
        print(
            f"{result.what:44}{result.orders:>10,}{result.seconds:>12.4f}"
            f"{result.orders_per_second:>14,.0f}  {outcome}"
        )
    if pandas is not None:
        print(f"faster than pandas: {pandas.seconds / ours.seconds:.1f} times")
    if assume is not None:
        print(f"faster than ASSUME: {assume.seconds / ours_small.seconds:,.0f} times")
    rebuilt, recleared = scenarios.rebuilt_seconds, scenarios.recleared_seconds
    print(
        f"{scenarios.scenarios} scenarios of {scenarios.orders:,} orders: "
        f"{scenarios.seconds * 1e3:.1f} ms each; built anew from orders {rebuilt * 1e3:.0f} ms "
        f"({rebuilt / scenarios.seconds:.0f} times), cleared anew {recleared * 1e3:.0f} ms "
        f"({recleared / scenarios.seconds:.0f} times); "
        f"optima apart by {scenarios.furthest_apart:.0e} of welfare"
    )
    if pandas is None:
        print("comparisons left out: no .venv-bench (make bench sets it up)")
    print(machine())
    found = [asdict(result) for result in done]
    print(json.dumps({"machine": machine(), "results": found, "scenarios": asdict(scenarios)}))


if __name__ == "__main__":
    main()
