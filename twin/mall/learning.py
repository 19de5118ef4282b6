"""The loop closed: what meters say of a day corrects the model, a little, and never by one outlier.

Each zone's unexplained heat is the median over the day of what its air did beyond the model's
one-slot forecast; the load of light and plugs is the median ratio of metered to modelled.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.mall.drive import other_electricity_w
from twin.mall.model import DayAhead, MallModel, MallShapeError
from twin.mall.observer import follow
from twin.mall.plan import MallOutcome
from twin.mall.thermal import thermal_network

GAIN = 0.3
BIAS_MOST_W_PER_M2 = 15.0
SCALE_RANGE = (0.5, 2.0)
STEP_MOST_W_PER_M2 = 5.0
_SCALE_STEP = 0.1


def learned(model: MallModel, outcome: MallOutcome) -> MallModel:
    """The model after a metered day; raises MallShapeError for a day of another length.

    A day moves a zone's heat by at most 5 W/m2 and the load by at most a tenth; in all they stay
    within 15 W/m2 and a factor of two. The state becomes that of the day's end.
    """
    slots, zones = outcome.air_c.shape
    if slots != model.horizon.slots or zones != len(model.mall.zones):
        raise MallShapeError(
            f"the metered day is shaped ({slots}, {zones}), the model "
            f"({model.horizon.slots}, {len(model.mall.zones)})"
        )
    day = DayAhead(
        outdoor_c=outcome.outdoor_c,
        humidity_percent=outcome.humidity_percent,
        sun_w_per_m2=outcome.sun_w_per_m2,
        customers=outcome.customers,
        open=outcome.open,
    )
    followed = follow(
        model.mall, day, outcome.cooling_w, outcome.air_c, model.horizon.slot_hours, model.state
    )
    network = thermal_network(model.mall, model.horizon.slot_hours)
    area = model.mall.of_zones("floor_m2")
    unexplained = np.empty(zones)
    for zone in range(zones):
        effect = np.where(
            outcome.open, network.open.air[zone, zone], network.closed.air[zone, zone]
        )
        known = np.isfinite(followed.innovation_c[:, zone])
        heat = followed.innovation_c[known, zone] / effect[known]
        unexplained[zone] = np.median(heat) if heat.size else 0.0
    step = np.clip(GAIN * unexplained, -STEP_MOST_W_PER_M2 * area, STEP_MOST_W_PER_M2 * area)
    bias = np.clip(
        model.mall.of_zones("bias_w") + step, -BIAS_MOST_W_PER_M2 * area, BIAS_MOST_W_PER_M2 * area
    )
    zones_now = tuple(
        replace(zone, bias_w=float(heat)) for zone, heat in zip(model.mall.zones, bias, strict=True)
    )
    loads = replace(model.mall.loads, other_load_scale=_scale(model, outcome))
    return replace(
        model,
        mall=replace(model.mall, zones=zones_now, loads=loads),
        state=replace(followed.state, stored_wh=float(outcome.stored_wh[-1])),
        days_closed=model.days_closed + 1,
    )


def _scale(model: MallModel, outcome: MallOutcome) -> float:
    """The load of light and plugs after the day."""
    believed = model.mall.loads.other_load_scale
    modelled = other_electricity_w(model.mall, outcome.open.astype(float))
    metered = outcome.electricity_w - outcome.chiller_w
    known = np.isfinite(metered) & (modelled > 0.0)
    if not known.any():
        return believed
    ratio = float(np.median(metered[known] / modelled[known]))
    step = float(np.clip(GAIN * (ratio - 1.0), -_SCALE_STEP, _SCALE_STEP))
    return float(np.clip(believed * (1.0 + step), *SCALE_RANGE))
