"""EV strategies against uncontrolled charging and perfect foresight.

Run: python -m benchmarks.twin_ev [SESSIONS.json PRICES.csv]
Without files only the published fleet is run. Real files: ACN-Data sessions, PJM hourly prices.
"""

from __future__ import annotations

import sys
import time

from twin.ev_fleet.acn import read_sessions
from twin.ev_fleet.comparison import compare_on_published, compare_on_sessions
from twin.ev_fleet.published import published_fleet
from twin.prices import read_prices

SEEDS = (2026, 1, 2, 3, 4)


def main(arguments: list[str]) -> None:
    for seed in SEEDS:
        began = time.perf_counter()
        comparison = compare_on_published(published_fleet(seed))
        took = time.perf_counter() - began
        print(f"published fleet, seed {seed}, {comparison.stays} vehicles ({took:.1f} s)")
        print(comparison.text(), end="\n\n")
    if len(arguments) == 2:
        sessions = read_sessions(arguments[0])
        prices = read_prices(arguments[1])
        print(f"{len(sessions.sessions)} sessions, {len(sessions.bad_rows)} bad rows")
        began = time.perf_counter()
        comparison = compare_on_sessions(sessions.sessions, prices.series)
        first = comparison.matches[0]
        print(f"{first.session_day} is priced as {first.price_day}: {first.reason}")
        print(comparison.text())
        print(f"({time.perf_counter() - began:.1f} s)")


if __name__ == "__main__":
    main(sys.argv[1:])
