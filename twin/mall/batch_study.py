"""The mall's batch function: what comes of many days of customers and weather."""

from __future__ import annotations

import numpy as np

from twin.batch import Arrays, batch_function
from twin.mall.drive import drive_of
from twin.mall.model import MallModel
from twin.mall.physics import electricity_w, initial_state, run, thermostats
from twin.mall.sampling import draw_samples
from twin.mall.thermal import thermal_network


@batch_function
def thermostat_days(
    rng: np.random.Generator, count: int, *, model: MallModel, offset_k: float = 0.0
) -> Arrays:
    """``count`` sampled days with set points ``offset_k`` above today's.

    ``electricity_w`` (scenario, slot) is what the mall draws, ``operative_c`` (scenario, slot,
    zone; single precision) what customers feel at the end of slots, ``in_band`` (scenario,) the
    share of open slots and zones within the comfort band.
    """
    samples = draw_samples(model.forecast, model.errors, model.horizon, rng, count)
    network = thermal_network(model.mall, model.horizon.slot_hours)
    day = model.forecast
    drive = drive_of(model.mall, network, day, samples)
    cooler = thermostats(network, day, model.set_point_c + offset_k)
    course = run(model.mall, network, day, drive, initial_state(model.state, count), cooler)
    draw, _ = electricity_w(model.mall, drive, course.cooling_w)
    felt = course.operative_c
    judged = felt[day.open]
    inside = (judged >= model.band.low_c) & (judged <= model.band.high_c)
    return {
        "electricity_w": draw,
        "operative_c": np.ascontiguousarray(felt.transpose(1, 0, 2), dtype=np.float32),
        "in_band": inside.mean(axis=(0, 2)),
    }
