"""The storage station: agreement with PyPSA, operation without foresight, sizing in batch.

Run: python -m benchmarks.twin_storage [PRICES]. The comparison needs `.venv-bench` (make bench sets
it up), operation and sizing the file of prices with load forecasts (PJM layout, see
twin/storage_station/history.py). Seconds are processor seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from twin.horizon import Horizon
from twin.storage_station.history import MarketHistory, read_history
from twin.storage_station.model import StationSignal, StationSite
from twin.storage_station.predictive_operation import (
    Replanning,
    foresee,
    operate_predictively,
)
from twin.storage_station.price_forecast import (
    ClockOutlook,
    YesterdayOutlook,
    regression_outlook,
)
from twin.storage_station.price_programme import PriceProgramme
from twin.storage_station.sampling import expected_samples
from twin.storage_station.sizing import (
    InvestmentTerms,
    SizingQuestion,
    SizingSite,
    explore_sizes,
)
from twin.storage_station.station import FloatArray, StationState, StorageStation
from twin.storage_station.twin import StorageStationTwin

PEER = Path(__file__).parent / "peers" / "storage_pypsa.py"
PEER_PYTHON = Path(__file__).parent.parent / ".venv-bench" / "bin" / "python"
SCENARIOS = 400
PEER_SCENARIOS = 20
YEARS = (2013, 2014, 2015, 2016, 2017)
DURATIONS_H = (1, 2, 4, 8)


def closed_case() -> None:
    """12 h at 20 and 12 h at 60 a MWh, 200 MWh, 50 MW, 0.95 each way, empty at both ends."""
    twin = StorageStationTwin()
    horizon = Horizon(datetime(2026, 3, 2, tzinfo=UTC), 3600, 24)
    station = StorageStation(50e6, 50e6, 200e6, 0.95, 0.95)
    model = twin.construct(StationSite(horizon, station, StationState(0.0)))
    signal = StationSignal(np.r_[np.full(12, 0.02), np.full(12, 0.06)])
    profit = twin.decide(model, expected_samples(model), signal).account.profit
    print(f"closed case: profit {profit:,.4f} (by formula {200 * (60 * 0.95 - 20 / 0.95):,.4f})")


def scenario_prices(count: int) -> FloatArray:
    """Day-ahead shapes of 96 quarter-hours with 8 % scatter from hour to hour, per kWh."""
    rng = np.random.default_rng(1)
    hour = np.arange(96) / 4.0
    shape = 0.12 + 0.05 * np.sin((hour - 13.0) / 24.0 * 2.0 * np.pi)
    scatter = 1.0 + 0.08 * rng.standard_normal((count, 24))
    prices: FloatArray = shape * np.repeat(scatter, 4, axis=1)
    return prices


def against_pypsa() -> None:
    """The same programmes solved warm by the batch path and by PyPSA's optimize()."""
    station = StorageStation(
        50_000.0,
        50_000.0,
        100_000.0,
        0.95,
        0.93,
        self_discharge_per_hour=0.002,
        least_share=0.1,
        wear_per_kwh=0.01,
    )
    start_wh = 50_000.0
    prices = scenario_prices(SCENARIOS)
    programme = PriceProgramme(station, 96, 0.25)
    programme.solve(prices[0], start_wh)
    began = time.process_time()
    costs = np.array([programme.solve(price, start_wh).cost for price in prices])
    ours = (time.process_time() - began) / SCENARIOS
    print(f"96-step programmes: {1 / ours:,.0f} a core second")
    if not PEER_PYTHON.exists():
        print("  comparison left out: no .venv-bench (make bench sets it up)")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "storage.npz"
        np.savez(
            path,
            prices=prices[:PEER_SCENARIOS],
            power=50.0,
            capacity=100.0,
            start=50.0,
            least=10.0,
            charge_efficiency=0.95,
            discharge_efficiency=0.93,
            self_discharge=0.002,
            wear=0.01,
            hours=0.25,
        )
        done = subprocess.run(
            [str(PEER_PYTHON), str(PEER), str(path)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"PyPSA failed:\n{done.stderr[-2000:]}")
    peer = json.loads(done.stdout.strip().splitlines()[-1])
    theirs = float(np.median(peer["seconds"]))
    apart = np.abs(np.array(peer["cost"]) - costs[:PEER_SCENARIOS])
    relative = float((apart / np.abs(costs[:PEER_SCENARIOS])).max())
    print(
        f"  PyPSA {peer['version']} (HiGHS): {theirs:.3f} s each, {theirs / ours:,.0f} times slower"
    )
    print(f"  optima of {PEER_SCENARIOS} scenarios apart by at most {relative:.1e} of the cost")
    if relative > 1e-6:
        sys.exit("the optima differ")


def operation(history: MarketHistory, years: tuple[int, ...]) -> None:
    """Shares of perfect foresight's profit, year by year and station by station."""
    print("share of perfect foresight's profit; 50 MW, 0.95 each way, wear 1 USD a MWh each way")
    print(f"{'year':>5}{'hours':>6}{'foresight USD':>15}{'hourly':>9}{'daily':>9}", end="")
    print(f"{'yesterday':>11}{'clock':>8}{'cycles':>8}")
    sums: dict[int, list[FloatArray]] = {duration: [] for duration in DURATIONS_H}
    for year in years:
        first, last = date(year, 1, 1), date(year, 12, 31)
        hours = history.hours_of(first, last)
        outlook = regression_outlook(
            history, history.day_number(first), history.day_number(last) + 1
        )
        ways = (
            (outlook, Replanning.HOURLY),
            (outlook, Replanning.DAILY),
            (YesterdayOutlook(history), Replanning.DAILY),
            (ClockOutlook(history), Replanning.DAILY),
        )
        for duration in DURATIONS_H:
            station = StorageStation(50e6, 50e6, 50e6 * duration, wear_per_kwh=0.001)
            empty = StationState(0.0)
            best = foresee(history, hours, station, empty)
            records = [
                operate_predictively(history, hours, station, empty, each, replanning)
                for each, replanning in ways
            ]
            profits = np.array([best.account.profit, *(r.account.profit for r in records)])
            sums[duration].append(profits)
            _row(str(year), duration, profits, records[0].full_cycles)
    for duration, profits_by_year in sums.items():
        _row("all", duration, np.sum(profits_by_year, axis=0), None)


def _row(label: str, duration: int, profits: FloatArray, cycles: float | None) -> None:
    hourly, daily, yesterday, clock = profits[1:] / profits[0]
    end = "" if cycles is None else f"{cycles:>8.0f}"
    print(
        f"{label:>5}{duration:>6}{profits[0]:>15,.0f}{hourly:>9.1%}{daily:>9.1%}"
        f"{yesterday:>11.1%}{clock:>8.1%}{end}",
        flush=True,
    )


def sizing(history: MarketHistory, cases: int) -> None:
    """Capacity x power x site: days of single years, and a works that pays for its weekly peak."""
    sites = []
    for year in YEARS:
        first, last = (history.day_number(date(year, *day)) for day in ((1, 1), (12, 31)))
        sites.append(SizingSite(f"prices of {year}", history.price_table[first : last + 1]))
    first = history.day_number(date(2016, 1, 1))
    weeks = history.price_table[first : first + 364].reshape(52, 168)
    load = history.zone_load_w[first : first + 364].reshape(52, 168)
    load = load / load.max() * 20e6
    sites.append(SizingSite("works", weeks, load_w=load, peak_per_kw=3.0))
    question = SizingQuestion(
        sites=tuple(sites),
        powers_w=tuple((1e6 * np.array([1.0, 2.0, 4.0, 6.0, 8.0])).tolist()),
        capacities_wh=tuple((1e6 * np.array([1.0, 2.0, 4.0, 8.0, 16.0, 24.0])).tolist()),
        station=StorageStation(1.0, 1.0, 1.0),
        terms=InvestmentTerms(energy_per_kwh=120.0, power_per_kw=60.0),
        periods_per_case=26,
    )
    began = time.process_time()
    found = explore_sizes(question, cases, seed=1)
    took = time.process_time() - began
    print(f"sizing: {cases} cases, {len(found)} sizes, {took:.1f} s, {cases / took:,.0f} cases/s")
    for site in question.sites:
        best = next(size for size in found if size.site == site.name)
        print(
            f"  {site.name}: {best.power_w / 1e6:g} MW, {best.capacity_wh / 1e6:.3g} MWh; "
            f"net present value {best.net_present_value:,.0f} +- {best.standard_error:,.0f} USD, "
            f"{best.earnings_per_year:,.0f} a year, {best.years:.1f} years"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prices", nargs="?", type=Path)
    parser.add_argument("--years", type=int, nargs="*", default=YEARS)
    parser.add_argument("--cases", type=int, default=3_600)
    given = parser.parse_args()
    closed_case()
    against_pypsa()
    if given.prices is None:
        print("operation and sizing left out: give the file of prices")
        return
    history = read_history(given.prices)
    sizing(history, given.cases)
    operation(history, tuple(given.years))


if __name__ == "__main__":
    main()
