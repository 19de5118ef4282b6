"""How well baselines foretell the afternoons of two real households.

Run: python -m benchmarks.baselines FOLDER
The folder holds Building_1.csv, Building_2.csv and weather.csv in the layout of CityLearn. Every
third day from the seventieth on is foretold from the days before it alone, 12 to 18 o'clock.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from market.baseline import History, ten_of_ten
from market.reference.baseline import TEN_OF_TEN, BaselineRule
from market.regression_baseline import fit, fit_errors

SLOTS, WINDOW, TRAINED_ON = 24, range(12, 18), 60
AFTERNOON = slice(WINDOW.start, WINDOW.stop)
WORKDAYS, WEEKENDS = 0b0011111, 0b1100000

Array = NDArray[np.float64]


def compare(name: str, energy: Array, temperature: Array, weekday: NDArray[np.int_]) -> None:
    """Print the errors of every way to foretell, for one load."""
    workday = weekday < 5
    first = 1_000 - (1_000 + 3) % 7 + int(weekday[0])
    shown = {first + day: tuple(map(round, row)) for day, row in enumerate(energy.tolist())}
    days = range(70, len(energy), 3)
    found: dict[str, list[Array]] = {}
    for day in days:
        mask = WORKDAYS if workday[day] else WEEKENDS
        for label, slots in (("ten of ten", 0), ("ten of ten, adjusted", 3)):
            rule = BaselineRule(TEN_OF_TEN, mask, 4, slots, 2_000)
            values = ten_of_ten(rule, History(shown), first + day, WINDOW)
            found.setdefault(label, []).append(np.array(values, float))
        before = slice(day - TRAINED_ON, day)
        model = fit(energy[before], temperature[before], workday[before].tolist())
        modelled = model.energy_wh(bool(workday[day]), temperature[day])[AFTERNOON]
        found.setdefault("regression", []).append(modelled)
        found.setdefault("yesterday", []).append(energy[day - 1, AFTERNOON])
    metered = energy[list(days), AFTERNOON]
    for label, forecasts in found.items():
        errors = fit_errors(metered, np.array(forecasts))
        print(f"{name:12s} {label:22s} {errors.cv_rmse:9.1%} {errors.nmbe:+8.1%}")


def hours(path: Path, column: str) -> Array:
    """A column as whole days, shaped (day, hour); the first row is the last hour of a day."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        values = [float(row[column]) for row in csv.DictReader(file)][1:]
    return np.array(values[: len(values) // SLOTS * SLOTS]).reshape(-1, SLOTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    if folder is None:
        print("left out: give the folder of the households' files")
        return
    temperature = hours(folder / "weather.csv", "outdoor_dry_bulb_temperature")
    print(f"{'load':12s} {'baseline':22s} {'CV(RMSE)':>9s} {'NMBE':>8s}")
    for building in (1, 2):
        path = folder / f"Building_{building}.csv"
        plugs = 1_000 * hours(path, "non_shiftable_load")
        weekday = hours(path, "day_type")[:, 0].astype(int) - 1
        compare(f"household {building}", plugs, temperature, weekday)


if __name__ == "__main__":
    main()
