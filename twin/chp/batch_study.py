"""The plant's batch functions: what comes of a plan on many sampled days."""

from __future__ import annotations

import numpy as np

from twin.batch import Arrays, batch_function
from twin.chp.model import ChpModel, FloatArray, GridSignal
from twin.chp.operation import curtailed_w
from twin.chp.outlook import heat_load_w
from twin.chp.sampling import draw_days
from twin.chp.thermal import simulate


@batch_function
def days_under_plan(
    rng: np.random.Generator,
    count: int,
    *,
    model: ChpModel,
    signal: GridSignal,
    power_w: FloatArray,
    supply_w: FloatArray,
) -> Arrays:
    """``count`` sampled days under fixed power and heat to the district, both (slot,), W.

    All arrays are (scenario, slot): ``outdoor_c``, ``heat_load_w`` (what heat-led operation would
    deliver), ``wind_w``, ``curtailed_w``, ``residual_w`` and ``indoor_c``.
    """
    samples = draw_days(model, rng, count)
    curtailed = curtailed_w(signal, power_w, samples.wind_w)
    indoor, _ = simulate(
        model.plant.buildings,
        model.horizon.slot_hours,
        model.state.indoor_c,
        model.state.structure_c,
        supply_w - samples.hot_water_w,
        samples.outdoor_c,
    )
    return {
        "outdoor_c": samples.outdoor_c,
        "heat_load_w": heat_load_w(model, samples),
        "wind_w": samples.wind_w,
        "curtailed_w": curtailed,
        "residual_w": signal.load_w - power_w - samples.wind_w + curtailed,
        "indoor_c": indoor,
    }
