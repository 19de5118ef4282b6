"""CHP strategies against no control and perfect foresight; gap, time and batch speed.

Run: python -m benchmarks.twin_chp [DAYS]
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from twin.batch import run_batch
from twin.chp.comparison import compare
from twin.chp.plan import Strategy
from twin.chp.published import published_chp
from twin.chp.twin import ChpTwin

SEED = 2026
SCENARIOS = 200


def table(days: int) -> None:
    began = time.perf_counter()
    comparison = compare((published_chp(SEED, day) for day in range(days)), SCENARIOS, SEED)
    took = time.perf_counter() - began
    print(f"{days} winter days, planned over {SCENARIOS} scenarios each ({took:.0f} s)")
    print(comparison.text())
    chosen = comparison.chosen
    print(
        f"the rule chose strategy 1 on {chosen.get(Strategy.STORE_IN_WAIST, 0)} days, "
        f"strategy 2 on {chosen.get(Strategy.STORE_IN_WAIST_AND_PEAK, 0)}, "
        f"and left the store free on {chosen.get(Strategy.FREE, 0)}"
    )
    gaps = [day.gap for found in comparison.results.values() for day in found.values()]
    print(f"largest proven gap of {len(gaps)} plans: {max(gaps):.4%}")


def planning_time(days: int) -> None:
    twin = ChpTwin()
    seconds = []
    for day in range(days):
        published = published_chp(SEED, day)
        model = twin.construct(published.site)
        samples = twin.sample(model, np.random.default_rng(day), 1_000)
        began = time.process_time()
        twin.decide(model, samples, published.signal)
        seconds.append(time.process_time() - began)
    print(
        f"a plan over 1,000 scenarios with baseline, choice and both bounds: "
        f"{np.median(seconds):.2f} s of one core (median), {max(seconds):.2f} s at most"
    )


def batch_speed(scenarios: int = 10_000) -> None:
    published = published_chp(SEED)
    model = ChpTwin().construct(published.site)
    slots = model.horizon.slots
    arguments = {
        "model": model,
        "signal": published.signal,
        "power_w": np.full(slots, 140e6),
        "supply_w": np.full(slots, 160e6),
    }
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        found = run_batch("twin.chp.batch_study:days_under_plan", arguments, scenarios, SEED)
        best = min(best, time.process_time() - began)
    assert found["indoor_c"].shape == (scenarios, slots)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{scenarios:,} days of {slots} slots sampled and simulated in {best:.2f} s: "
        f"{scenarios * slots / best:,.0f} plant-steps a core second, {memory:,.0f} MB in all"
    )


def main(arguments: list[str]) -> None:
    days = int(arguments[0]) if arguments else 40
    table(days)
    planning_time(min(days, 10))
    batch_speed()


if __name__ == "__main__":
    main(sys.argv[1:])
