"""Which storage strategy a day calls for.

Source: ITU-T FGMV-09 and FGMV-27, the rule for the CHP twin: compare the heat that can be stored
in the waist period with the heat that must be made up for in the trough, when the unit gives less
so that wind is taken. If storage exceeds, store in the waist, cover the trough and release the rest
at the peak for more condensing generation; if it does not, store during the peak as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.chp.operation_programme import Day
from twin.chp.periods import Period
from twin.chp.plan import StorageComparison
from twin.chp.region import most_heat
from twin.chp.thermal import bearable_heat_wh


def compare_storage(day: Day) -> StorageComparison:
    """Compare the two amounts on the mean of the scenarios.

    In every slot the unit can give at most the heat whose back pressure leaves the wind its room
    in the grid. What that falls short of the heat load in the trough must be made up for; what it
    exceeds the load by in the waist can be stored, within the store's power and capacity.
    Buildings that may cool from the set point to their lowest acceptable temperature in the
    trough lower the first amount; buildings that may warm to their highest in the waist raise the
    second, as far as the unit has heat left for it.
    """
    model, outlook = day.model, day.outlook
    plant, hours = model.plant, day.hours
    room_w = day.signal.load_w - day.signal.others_least_w - outlook.wind_w.mean(axis=0)
    given_w = most_heat(plant.unit, room_w)
    trough, waist = (day.periods == period for period in (Period.TROUGH, Period.WAIST))
    short_wh = float(np.maximum(outlook.heat_load_w - given_w, 0.0)[trough].sum()) * hours
    spare_w = np.maximum(given_w - outlook.heat_load_w, 0.0)[waist]
    spare_wh = float(spare_w.sum()) * hours
    tank_wh = min(
        float(np.minimum(spare_w, plant.store.charge_max_w).sum()) * hours, plant.store.capacity_wh
    )
    return StorageComparison(
        waist_storable_wh=tank_wh
        + min(spare_wh - tank_wh, _building_wh(day, waist, cooling=False)),
        trough_compensation_wh=max(0.0, short_wh - _building_wh(day, trough, cooling=True)),
    )


def _building_wh(day: Day, period: NDArray[np.bool_], cooling: bool) -> float:
    """Heat the buildings can do without, or take, in the period within their range, Wh."""
    if not period.any():
        return 0.0
    buildings, outlook = day.model.plant.buildings, day.outlook
    if cooling:
        margin = float(outlook.colder_k[period].max())
        allowed = buildings.set_point_c - buildings.lowest_c - margin
    else:
        margin = float(outlook.warmer_k[period].max())
        allowed = buildings.highest_c - buildings.set_point_c - margin
    return bearable_heat_wh(buildings, day.hours, int(period.sum()), max(allowed, 0.0))
