"""The mall's twin: strategies over many days, calibration, batch speed, a real building's load.

Run: OPENBLAS_NUM_THREADS=1 python -m benchmarks.twin_mall [--days 30] [--seeds 6] [--data FOLDER]
The folder holds Building_1.csv, Building_2.csv and weather.csv in the layout of CityLearn.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from twin.batch import run_batch
from twin.mall.assessment import Assessment, compare_day
from twin.mall.building_load import read_hourly_load, study_forecast
from twin.mall.calibration import calibrate, forecast_errors_k
from twin.mall.plan import Strategy
from twin.mall.published import published_history, published_mall
from twin.mall.reduction import explore_set_points
from twin.mall.twin import MallTwin

SCENARIOS = 10_000
PLANNED_FOR = 300
BATCH_REPEATS = 3
TRAINING_DAYS = 14
TEST_DAYS = 7


def strategies(days: int, with_store: bool) -> None:
    published = published_mall(with_store=with_store)
    twin = MallTwin()
    found: dict[str, list[Assessment]] = {}
    for day in range(1, days + 1):
        model = twin.construct(replace(published.site, forecast=published.forecast(day)))
        samples = twin.sample(model, np.random.default_rng(day), PLANNED_FOR)
        compared = compare_day(model, samples, published.signal, published.day(day))
        for name, result in compared.items():
            found.setdefault(name, []).append(result)
    print(f"published mall, {days} days, {'with' if with_store else 'without'} cold store")
    print("strategy            peak energy  peak power      cost    in band  days kept   PPD")
    base = _mean(found[Strategy.NO_CONTROL.value])
    for name, results in found.items():
        mean = _mean(results)
        kept = np.mean([result.in_band == 1.0 for result in results])
        print(
            f"{name:18s} {mean['peak_energy_wh'] / base['peak_energy_wh'] - 1.0:+12.1%}"
            f"{mean['peak_power_w'] / base['peak_power_w'] - 1.0:+12.1%}"
            f"{mean['cost'] / base['cost'] - 1.0:+10.1%}{mean['in_band']:11.2%}"
            f"{kept:11.0%}{mean['dissatisfied']:6.1%}  ({len(results)} days)"
        )
    peak = base["peak_energy_wh"] / 1e3
    print(f"no control draws {peak:,.0f} kWh in the peak, at {base['cost']:,.0f} a day in all\n")


def set_points() -> None:
    published = published_mall()
    twin = MallTwin()
    model = twin.construct(published.site)
    samples = twin.sample(model, np.random.default_rng(0), 200)
    print("set point  peak response kWh   in band  scenarios kept    PPD  best at its comfort")
    for study in explore_set_points(model, samples, published.signal):
        print(
            f"{study.offset_k:+8.2f} K {study.peak_response_wh / 1e3:18.0f}{study.in_band:10.1%}"
            f"{study.kept:16.0%}{study.dissatisfied:7.1%}  {'yes' if study.best else 'no'}"
        )
    print()


def calibration(seeds: int) -> None:
    print("hidden building     zones  sensor residual  24 h free run, RMSE (days)     nominal")
    for zones in (2, 6):
        for seed in range(seeds):
            mall, history, true_c = published_history(seed, TRAINING_DAYS + TEST_DAYS, zones)
            began = time.perf_counter()
            found = calibrate(mall, history.part(0, 96 * TRAINING_DAYS))
            took = time.perf_counter() - began
            errors = forecast_errors_k(found.mall, history, true_c, TRAINING_DAYS)
            drawn = forecast_errors_k(mall, history, true_c, TRAINING_DAYS)
            print(
                f"seed {seed:2d} {zones:17d}{found.residual_k:15.3f} K{_rms(errors):12.3f} K "
                f"({errors.min():.2f} to {errors.max():.2f}){_rms(drawn):9.2f} K   {took:.0f} s"
            )
    print()


def batch() -> None:
    model = MallTwin().construct(published_mall().site)
    function = "twin.mall.batch_study:thermostat_days"
    run_batch(function, {"model": model}, 64, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = float("inf")
    for seed in range(BATCH_REPEATS):
        began = time.process_time()
        result = run_batch(function, {"model": model}, SCENARIOS, seed)
        took = min(took, time.process_time() - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    steps = SCENARIOS * model.horizon.slots * len(model.mall.zones)
    stored = sum(values.nbytes for values in result.values())
    print(
        f"{SCENARIOS:,} scenarios x {model.horizon.slots} slots x {len(model.mall.zones)} zones: "
        f"{took:.2f} s of a core, {steps / took / 1e6:.1f} million zone-steps a second with "
        f"sampling and storing; {stored / 1e6:.0f} MB of results, {(after - before) / 1e3:.0f} MB "
        "more than before\n"
    )


def real_load(folder: Path) -> None:
    print("real building      hours   model RMSE   yesterday   last week   (MAE)")
    for name in ("Building_1", "Building_2"):
        study = study_forecast(read_hourly_load(folder / f"{name}.csv", folder / "weather.csv"))
        print(
            f"{name:15s}{study.hours:9d}{study.model_rmse_w:11.0f} W"
            f"{study.yesterday_rmse_w:10.0f} W{study.last_week_rmse_w:10.0f} W   "
            f"({study.model_mae_w:.0f}, {study.yesterday_mae_w:.0f}, {study.last_week_mae_w:.0f} W)"
        )


def _mean(results: list[Assessment]) -> dict[str, float]:
    return {
        field.name: float(np.mean([getattr(result, field.name) for result in results]))
        for field in fields(Assessment)
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values * values)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--data", type=Path)
    chosen = parser.parse_args()
    batch()
    set_points()
    strategies(chosen.days, with_store=True)
    strategies(chosen.days, with_store=False)
    if chosen.data is not None:
        real_load(chosen.data)
    calibration(chosen.seeds)


if __name__ == "__main__":
    main()
