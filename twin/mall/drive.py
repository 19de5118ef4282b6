"""What drives the temperatures apart from cooling: weather, sunshine, people, light, fans.

Everything is linear in outdoor temperature, customers and sunshine, so the effect on the end of
every slot is computed for all scenarios at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.mall.building import FloatArray, InternalLoads, Mall
from twin.mall.model import DayAhead, MallSamples
from twin.mall.thermal import Network
from twin.weather.moist_air import humidity_ratio, relative_humidity_percent, wet_bulb_c

_AIR_J_PER_KG_K = 1006.0
_EVAPORATION_J_PER_KG = 2.45e6
_INDOOR_C = 24.0
_INDOOR_RATIO = 0.0093
"""The room that dehumidification is reckoned for: 24 C at 50 %."""
_LATENT_MOST = 1.0


@dataclass(frozen=True, slots=True)
class Drive:
    """``offset_c`` (slot, scenario, 2 zone) is added to what a slot makes of its start.

    ``coil_ratio`` (scenario, slot) is what the chillers take out for each W of sensible cooling,
    at least 1: the rest dries the air. ``condenser_c`` (scenario, slot) enters the condensers;
    ``other_w`` (slot,) is electricity for anything but chillers.
    """

    offset_c: FloatArray
    coil_ratio: FloatArray
    condenser_c: FloatArray
    other_w: FloatArray

    @property
    def scenarios(self) -> int:
        return int(self.offset_c.shape[1])


def other_electricity_w(mall: Mall, is_open: FloatArray) -> FloatArray:
    """Light, plugs and fans of the whole mall in every slot, (slot,), W."""
    loads = mall.loads
    area = float(mall.of_zones("floor_m2").sum())
    use = loads.closed_share + (1.0 - loads.closed_share) * is_open
    density = (loads.lighting_w_per_m2 + loads.plug_w_per_m2) * use + loads.fan_w_per_m2 * is_open
    return loads.other_load_scale * area * density


def drive_of(mall: Mall, network: Network, day: DayAhead, samples: MallSamples) -> Drive:
    """What the scenarios of a day do to the mall, and to its chillers."""
    is_open = day.open.astype(float)
    loads = mall.loads
    scale = mall.of_zones("gain_scale")
    share = mall.of_zones("customer_share") * scale
    area = mall.of_zones("floor_m2")
    sun_w = day.sun_w_per_m2 @ mall.of_zones("aperture_m2").T
    steady_w = other_electricity_w(mall, is_open)[:, None] * (area / area.sum())
    steady_w = steady_w * scale / max(loads.other_load_scale, 1e-9)
    bias_w = mall.of_zones("bias_w")
    causes = np.stack(
        [
            _slot_effect(network, day, loads.person_sensible_w * share, loads.radiant_share),
            _slot_effect(network, day, sun_w, 1.0 - loads.solar_to_air),
            _slot_effect(network, day, steady_w, loads.radiant_share)
            + _slot_effect(network, day, bias_w, 0.0),
            np.where(day.open[:, None], network.open.outdoor, network.closed.outdoor),
        ],
        axis=1,
    )
    amounts = np.stack(
        [
            samples.customers.T,
            samples.sun_factor.T,
            np.ones_like(samples.customers.T),
            samples.outdoor_c.T,
        ],
        axis=2,
    )
    return Drive(
        offset_c=amounts @ causes,
        coil_ratio=_coil_ratio(mall, loads, day, samples, sun_w.sum(axis=1), steady_w.sum(axis=1)),
        condenser_c=_condenser_c(mall, day, samples),
        other_w=other_electricity_w(mall, is_open),
    )


def expected(drive: Drive) -> Drive:
    """The mean over the scenarios, as one scenario."""
    return Drive(
        drive.offset_c.mean(axis=1, keepdims=True),
        drive.coil_ratio.mean(axis=0, keepdims=True),
        drive.condenser_c.mean(axis=0, keepdims=True),
        drive.other_w,
    )


def _slot_effect(
    network: Network, day: DayAhead, heat_w: FloatArray, radiant_share: float
) -> FloatArray:
    """Effect (slot, 2 zone) of a heat (zone,) or (slot, zone) shared between air and mass."""
    heat = np.broadcast_to(heat_w, (day.open.size, heat_w.shape[-1]))
    effect = [
        ((1.0 - radiant_share) * heat) @ step.air.T + (radiant_share * heat) @ step.mass.T
        for step in (network.open, network.closed)
    ]
    return np.where(day.open[:, None], effect[0], effect[1])


def _coil_ratio(
    mall: Mall,
    loads: InternalLoads,
    day: DayAhead,
    samples: MallSamples,
    sun_w: FloatArray,
    steady_w: FloatArray,
) -> FloatArray:
    """Total over sensible cooling: water from people and fresh air follows the sensible gains."""
    is_open = day.open.astype(float)
    fresh = mall.of_zones("ventilation_w_per_k").sum() * is_open
    through = fresh + mall.of_zones("air_loss_w_per_k").sum()
    wet = np.maximum(humidity_ratio(day.outdoor_c, day.humidity_percent) - _INDOOR_RATIO, 0.0)
    latent = (
        samples.customers * loads.person_latent_w
        + fresh * wet * _EVAPORATION_J_PER_KG / _AIR_J_PER_KG_K
    )
    sensible = (
        samples.customers * loads.person_sensible_w
        + samples.sun_factor * sun_w
        + steady_w
        + through * np.maximum(samples.outdoor_c - _INDOOR_C, 0.0)
    )
    ratio: FloatArray = 1.0 + np.minimum(latent / np.maximum(sensible, 1.0), _LATENT_MOST)
    return ratio


def _condenser_c(mall: Mall, day: DayAhead, samples: MallSamples) -> FloatArray:
    """A scenario keeps the forecast's water in the air, so its wet bulb follows its warmth."""
    wet_bulb = wet_bulb_c(day.outdoor_c, day.humidity_percent)
    warmer = day.outdoor_c + 1.0
    water = humidity_ratio(day.outdoor_c, day.humidity_percent)
    slope = wet_bulb_c(warmer, relative_humidity_percent(warmer, water)) - wet_bulb
    strayed = samples.outdoor_c - day.outdoor_c
    return mall.chillers.condenser_c(wet_bulb + np.clip(slope, 0.0, 1.0) * strayed)
