"""What a plan must be good for: the scenarios, condensed without giving their extremes away.

Everything decided ahead (commitment, power, heat, store) is the same in all scenarios. Wind is
answered scenario by scenario: a few days stand for all, picked evenly from the order of wind
energy, each with equal weight. Weather and hot water only shift indoor temperature, by an amount
that no decision changes (the network is linear); so the acceptable range is narrowed, slot by
slot, by the exact quantiles of that shift over *all* scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.chp.model import ChpModel, ChpSamples, FloatArray
from twin.chp.thermal import simulate, steady_load_w

COMFORT_SHARE = 0.95
"""Share of the scenarios in which indoors stays within its range, in every slot."""

_REPRESENTATIVES = 10


@dataclass(frozen=True, slots=True)
class Outlook:
    """``wind_w`` is (representative, slot), of equal weight; the others (slot,).

    ``outdoor_c`` and ``hot_water_w`` are means, ``hot_water_high_w`` is not passed in
    COMFORT_SHARE of the scenarios. ``heat_load_w`` is the mean of what heat-led operation
    delivers, hot water included. ``colder_k`` and ``warmer_k`` (at least 0) is how far indoors may
    lie below and above its mean.
    """

    wind_w: FloatArray
    outdoor_c: FloatArray
    hot_water_w: FloatArray
    hot_water_high_w: FloatArray
    heat_load_w: FloatArray
    colder_k: FloatArray
    warmer_k: FloatArray


def heat_load_w(model: ChpModel, samples: ChpSamples) -> FloatArray:
    """Heat load of every scenario: heating curve and hot water, shape (scenario, slot), W."""
    load: FloatArray = steady_load_w(model.plant.buildings, samples.outdoor_c) + samples.hot_water_w
    return load


def outlook_of(model: ChpModel, samples: ChpSamples) -> Outlook:
    """Condense the scenarios; a single one counts as known."""
    indoor, _ = simulate(
        model.plant.buildings,
        model.horizon.slot_hours,
        model.state.indoor_c,
        model.state.structure_c,
        -samples.hot_water_w,
        samples.outdoor_c,
    )
    shift = indoor - indoor.mean(axis=0)
    low, high = np.quantile(shift, [1.0 - COMFORT_SHARE, COMFORT_SHARE], axis=0)
    return Outlook(
        wind_w=_representatives(samples.wind_w),
        outdoor_c=samples.outdoor_c.mean(axis=0),
        hot_water_w=samples.hot_water_w.mean(axis=0),
        hot_water_high_w=np.quantile(samples.hot_water_w, COMFORT_SHARE, axis=0),
        heat_load_w=heat_load_w(model, samples).mean(axis=0),
        colder_k=np.maximum(-low, 0.0),
        warmer_k=np.maximum(high, 0.0),
    )


def _representatives(wind_w: FloatArray) -> FloatArray:
    scenarios = wind_w.shape[0]
    count = min(scenarios, _REPRESENTATIVES)
    order = np.argsort(wind_w.sum(axis=1), kind="stable")
    ranks = ((np.arange(count) + 0.5) * scenarios / count).astype(int)
    picked: FloatArray = wind_w[order[ranks]]
    return picked
