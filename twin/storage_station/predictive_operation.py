"""A station run on prices that are not known yet, against having known them all.

Model-predictive control: as an hour (or a day) begins the station plans to the end of the next
local day by an outlook, does the first hour (or day) of that plan, and plans again. All plans have
one length; what lies beyond the outlook has its mean price, so that what is left in the store is
worth about what it usually brings. Energy is settled at the real prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from twin.storage_station.history import MarketHistory
from twin.storage_station.plan import StationAccount, account, full_cycles
from twin.storage_station.price_forecast import PriceOutlook
from twin.storage_station.price_programme import PriceProgramme
from twin.storage_station.station import (
    FloatArray,
    StationState,
    StorageStation,
    trajectory_wh,
)

_HORIZON_HOURS = 48
_NEVER = -1
_TOLERANCE_WH = 0.01


class Replanning(Enum):
    """When a plan is made anew: with every hour's price known, or once a local day at midnight."""

    HOURLY = "hourly"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """What the station did in the hours it was run: net energies (hour,), Wh, and the account."""

    energy_wh: FloatArray
    stored_wh: FloatArray
    account: StationAccount
    full_cycles: float


def operate_predictively(
    history: MarketHistory,
    hours: slice,
    station: StorageStation,
    state: StationState,
    outlook: PriceOutlook,
    replanning: Replanning = Replanning.HOURLY,
) -> OperationRecord:
    """Run the station over ``hours`` (places in the history) by an outlook.

    Ramps and longest runs are not taken into account (see :class:`PriceProgramme`).
    """
    programme = PriceProgramme(station, _HORIZON_HOURS, 1.0)
    first, last = hours.start, hours.stop
    energy = np.zeros(last - first)
    stored_wh, planned_from, planned = state.stored_wh, _NEVER, np.zeros(0)
    for hour in range(first, last):
        new_day = hour == first or history.day[hour] != history.day[hour - 1]
        if replanning is Replanning.HOURLY or new_day:
            expected = outlook.at(hour)[:_HORIZON_HOURS]
            beyond = np.full(_HORIZON_HOURS - expected.size, expected.mean())
            schedule = programme.solve(
                np.r_[expected, beyond], stored_wh=stored_wh, end_least_wh=station.least_wh
            )
            planned_from, planned = hour, schedule.energy_wh
        move = float(planned[hour - planned_from])
        stored_wh, energy[hour - first] = _moved(station, stored_wh, move)
    return _record(history, hours, station, state, energy)


def foresee(
    history: MarketHistory, hours: slice, station: StorageStation, state: StationState
) -> OperationRecord:
    """Perfect foresight: the best that all prices known from the start allow.

    No operation that begins in ``state`` earns more (charging and discharging in one hour of
    negative price, which no station does, would be allowed in the bound that this reaches).
    """
    price = history.price_per_kwh[hours]
    programme = PriceProgramme(station, price.size, 1.0)
    schedule = programme.solve(price, stored_wh=state.stored_wh, end_least_wh=station.least_wh)
    return _record(history, hours, station, state, schedule.energy_wh)


def _moved(station: StorageStation, stored_wh: float, move_wh: float) -> tuple[float, float]:
    """Stored after an hour, and what was really moved: solver tolerances are cut off."""
    kept = station.kept(1.0) * stored_wh
    low = -(kept - station.least_wh) * station.discharge_efficiency
    high = (station.most_wh - kept) / station.charge_efficiency
    move = min(max(move_wh, min(low, 0.0)), max(high, 0.0))
    through = station.charge_efficiency if move > 0.0 else 1.0 / station.discharge_efficiency
    stored = kept + through * move
    for bound in (station.least_wh, station.most_wh):
        stored = bound if abs(stored - bound) < _TOLERANCE_WH else stored
    return stored, move


def _record(
    history: MarketHistory,
    hours: slice,
    station: StorageStation,
    state: StationState,
    energy_wh: FloatArray,
) -> OperationRecord:
    charge, discharge = np.maximum(energy_wh, 0.0), np.maximum(-energy_wh, 0.0)
    return OperationRecord(
        energy_wh=energy_wh,
        stored_wh=trajectory_wh(station, state.stored_wh, charge, discharge, 1.0),
        account=account(
            station, charge, discharge, history.price_per_kwh[hours], float(energy_wh.size)
        ),
        full_cycles=full_cycles(station, discharge),
    )
