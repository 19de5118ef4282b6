"""A mall finer than its twin, to try calibration upon: six capacities a zone, sunshine that lags.

Each zone has air, furnishings, a slab in two layers and an outer wall in two layers; sunshine
through glass is first taken up by furnishings and slab, sunshine on walls and roof warms the wall's
outer layer. It is solved in steps of three minutes, thermostats acting in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from twin.horizon import Horizon
from twin.mall.building import FloatArray, Mall
from twin.mall.drive import drive_of, other_electricity_w
from twin.mall.metered import MeteredHistory
from twin.mall.model import DayAhead, MallSamples
from twin.mall.thermal import thermal_network

NODES = ("air", "furnishings", "slab face", "slab core", "wall inside", "wall outside")
_STEP_SECONDS = 180


@dataclass(frozen=True, slots=True)
class LayeredBuilding:
    """A hidden truth around a nominal mall: its numbers differ from the nominal by a spread.

    ``capacity_wh_per_k`` and ``outdoor_w_per_k`` are (node,) and ``flows_w_per_k`` (node, node)
    with zones one after another; ``person_scale``, ``load_scale``, ``solar_scale`` (zone,) and
    ``cop_scale`` are what people, light and goods, sunshine and chillers really do against the
    nominal.
    """

    mall: Mall
    capacity_wh_per_k: FloatArray
    outdoor_w_per_k: FloatArray
    ventilation_w_per_k: FloatArray
    flows_w_per_k: FloatArray
    person_scale: FloatArray
    load_scale: FloatArray
    solar_scale: FloatArray
    cop_scale: float


def layered_building(mall: Mall, rng: np.random.Generator, spread: float = 0.2) -> LayeredBuilding:
    """Draw a finer building whose zones are like the nominal ones, give or take ``spread``."""
    zones = len(mall.zones)
    nodes = len(NODES)
    capacity = np.zeros(zones * nodes)
    outdoor = np.zeros(zones * nodes)
    flows = np.zeros((zones * nodes, zones * nodes))

    def about(value: float) -> float:
        return float(value * np.exp(spread * rng.uniform(-1.0, 1.0)))

    def join(first: int, second: int, conductance: float) -> None:
        flows[first, second] += conductance
        flows[second, first] += conductance

    for place, zone in enumerate(mall.zones):
        air, goods, face, core, inside, outside = (nodes * place + node for node in range(nodes))
        capacity[air] = about(0.5 * zone.air_wh_per_k)
        capacity[goods] = about(0.5 * zone.air_wh_per_k + 0.1 * zone.mass_wh_per_k)
        capacity[face] = about(0.35 * zone.mass_wh_per_k)
        capacity[core] = about(0.35 * zone.mass_wh_per_k)
        capacity[inside] = about(0.12 * zone.mass_wh_per_k)
        capacity[outside] = about(0.12 * zone.mass_wh_per_k)
        join(air, goods, about(0.6 * zone.coupling_w_per_k))
        join(air, face, about(0.5 * zone.coupling_w_per_k))
        join(face, core, about(0.8 * zone.coupling_w_per_k))
        join(air, inside, about(0.2 * zone.coupling_w_per_k))
        join(inside, outside, about(1.6 * zone.mass_loss_w_per_k))
        outdoor[outside] = about(4.0 * zone.mass_loss_w_per_k)
        outdoor[air] = about(zone.air_loss_w_per_k)
    names = mall.zone_names
    for passage in mall.passages:
        first, second = names.index(passage.first), names.index(passage.second)
        join(nodes * first, nodes * second, about(passage.conductance_w_per_k))
    ventilation = np.array([about(zone.ventilation_w_per_k) for zone in mall.zones])
    person, load, solar = (np.array([about(1.0) for _ in mall.zones]) for _ in range(3))
    cop = about(1.0) ** 0.25
    return LayeredBuilding(mall, capacity, outdoor, ventilation, flows, person, load, solar, cop)


def metered_days(
    truth: LayeredBuilding,
    horizon: Horizon,
    day: DayAhead,
    set_point_c: FloatArray,
    rng: np.random.Generator,
    sensor_noise_k: float = 0.2,
) -> tuple[MeteredHistory, FloatArray]:
    """Run the truth by thermostats at set points (slot, zone) over a horizon of any length.

    Returns what meters and sensors say, and the air's true temperature at the end of every slot,
    (slot, zone). Cooling runs in opening hours and at an hour's notice before.
    """
    mall = truth.mall
    zones, nodes = len(mall.zones), len(NODES)
    steps_per_slot = horizon.slot_seconds // _STEP_SECONDS
    solved = {flag: _solved_step(truth, flag) for flag in (True, False)}
    heat = _heat_w(truth, horizon, day)
    state = np.full(zones * nodes, float(np.mean(set_point_c)) + 1.0)
    air = nodes * np.arange(zones)
    cooling = np.zeros((horizon.slots, zones))
    true_c = np.zeros((horizon.slots, zones))
    acts = day.open.copy()
    for ahead in range(1, 5):
        acts[:-ahead] |= day.open[ahead:]
    most = mall.of_zones("cooling_max_w")
    for slot in range(horizon.slots):
        transition, outdoor, effect = solved[bool(day.open[slot])]
        for _ in range(steps_per_slot):
            free = transition @ state + outdoor * day.outdoor_c[slot] + effect @ heat[slot]
            taken = np.zeros(zones)
            if acts[slot]:
                wanted = (free[air] - set_point_c[slot]) / effect[air, air]
                taken = np.clip(0.5 * wanted, 0.0, most)
            state = free - effect[:, air] @ taken
            cooling[slot] += taken / steps_per_slot
        true_c[slot] = state[air]
    network = thermal_network(mall, horizon.slot_hours)
    drive = drive_of(mall, network, day, MallSamples.certain(day))
    total = cooling.sum(axis=1)
    chiller = mall.chillers.power_w(total * drive.coil_ratio[0], drive.condenser_c[0])
    share = cooling / np.maximum(total, 1e-9)[:, None]
    history = MeteredHistory(
        horizon=horizon,
        day=day,
        air_c=true_c + sensor_noise_k * rng.standard_normal(true_c.shape),
        chiller_w=chiller / truth.cop_scale,
        zone_share=np.where(total[:, None] > 0.0, share, 0.0),
    )
    return history, true_c


def _solved_step(
    truth: LayeredBuilding, is_open: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    nodes = truth.capacity_wh_per_k.size
    outdoor = truth.outdoor_w_per_k.copy()
    if is_open:
        outdoor[:: len(NODES)] += truth.ventilation_w_per_k
    flows = truth.flows_w_per_k - np.diag(truth.flows_w_per_k.sum(axis=1) + outdoor)
    extended = np.zeros((2 * nodes + 1, 2 * nodes + 1))
    extended[:nodes, :nodes] = flows / truth.capacity_wh_per_k[:, None]
    extended[:nodes, nodes] = outdoor / truth.capacity_wh_per_k
    extended[:nodes, nodes + 1 :] = np.diag(1.0 / truth.capacity_wh_per_k)
    solved = expm(extended * _STEP_SECONDS / 3600.0)
    return solved[:nodes, :nodes], solved[:nodes, nodes], solved[:nodes, nodes + 1 :]


def _heat_w(truth: LayeredBuilding, horizon: Horizon, day: DayAhead) -> FloatArray:
    """Heat on every node, (slot, node), W: sunshine is held back for about an hour."""
    mall, loads = truth.mall, truth.mall.loads
    area = mall.of_zones("floor_m2")
    people = np.outer(day.customers, mall.of_zones("customer_share") * truth.person_scale)
    people = people * loads.person_sensible_w
    steady = np.outer(
        other_electricity_w(mall, day.open.astype(float)) / area.sum(), area * truth.load_scale
    )
    sun = day.sun_w_per_m2 @ mall.of_zones("aperture_m2").T * truth.solar_scale
    lagged = np.empty_like(sun)
    keep = float(np.exp(-horizon.slot_hours))
    held = sun[0]
    for slot in range(sun.shape[0]):
        held = keep * held + (1.0 - keep) * sun[slot]
        lagged[slot] = held
    heat = np.zeros((horizon.slots, truth.capacity_wh_per_k.size))
    nodes = len(NODES)
    heat[:, 0::nodes] = 0.6 * (people + steady) + 0.15 * lagged
    heat[:, 1::nodes] = 0.2 * (people + steady) + 0.25 * lagged
    heat[:, 2::nodes] = 0.2 * (people + steady) + 0.45 * lagged
    heat[:, 5::nodes] = 0.15 * sun
    return heat
