"""The programme against the same one written in cvxpy, on a day of few slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from twin.chp.decision import day_of
from twin.chp.model import ChpSamples, ChpSite, DayAhead, GridSignal, PlantState
from twin.chp.operation_programme import OperationProgramme
from twin.chp.plan import Strategy
from twin.chp.published import PLANT
from twin.chp.twin import ChpTwin
from twin.horizon import Horizon

MW = 1e6


@pytest.mark.parametrize("prices", [(0.01, 0.09), (-0.05, 0.02), (0.05, 0.05)])
def test_the_least_cost_is_that_of_the_programme_written_out_plainly(prices):
    cp = pytest.importorskip("cvxpy")
    slots = 12
    horizon = Horizon(datetime(2026, 1, 14, tzinfo=UTC), 7_200, slots)
    plant = replace(PLANT, unit=replace(PLANT.unit, min_up_h=4.0, min_down_h=4.0))
    unit, tank, homes = plant.unit, plant.store, plant.buildings
    outdoor = np.full(slots, 2.0)
    wind = np.linspace(150.0, 60.0, slots) * MW
    water = np.full(slots, 20.0) * MW
    state = PlantState(450 * MW, 21.0, 18.8, True, 20.0, 130 * MW, 110 * MW)
    model = ChpTwin().construct(ChpSite(horizon, plant, state, DayAhead(outdoor, wind, water)))
    load = np.repeat([260.0, 380.0, 480.0], 4) * MW
    price = np.repeat([prices[0], prices[1]], 6)
    signal = GridSignal(load, price, 50 * MW, 0.06, peak_per_kw=0.3)
    day = day_of(model, ChpSamples.certain(model.forecast), signal)
    ours = OperationProgramme(day, Strategy.FREE).solve(1e-6, 60.0)

    on = cp.Variable(slots + 1, boolean=True)
    start, stop = cp.Variable(slots, boolean=True), cp.Variable(slots, boolean=True)
    power, heat, boiler = (cp.Variable(slots, nonneg=True) for _ in range(3))
    fuel, curtailed = cp.Variable(slots), cp.Variable(slots, nonneg=True)
    into, stored = cp.Variable(slots), cp.Variable(slots + 1)
    x = cp.Variable((slots + 1, 2))
    steam = cp.hstack([130.0 + 0.15 * 110.0, power + 0.15 * heat])
    rest_indoor, rest_structure = day.rest_c()
    from twin.chp.thermal import thermal_step

    step = thermal_step(homes, 2.0)
    supply = heat + boiler - into
    limits = [
        on[0] == 1,
        on[1:] - on[:-1] == start - stop,
        start + stop <= 1,
        steam[1:] <= 215 * on[1:],
        steam[1:] >= 95 * on[1:],
        power >= 0.75 * heat + 20 * on[1:],
        heat <= 210 * on[1:],
        fuel >= 42 * on[1:] + 2.32 * steam[1:],
        fuel >= 10.5 * on[1:] + 2.50 * steam[1:],
        steam[1:] - steam[:-1] <= 258 * on[:-1] + 258 * start,
        steam[:-1] - steam[1:] <= 258 * on[1:] + 258 * stop,
        boiler <= 50,
        into <= 120,
        into >= -120,
        stored[0] == 450,
        stored[1:] == 0.999**2 * stored[:-1] + 2 * into,
        stored >= 0,
        stored <= 900,
        stored[-1] >= 450,
        supply >= 20,
        x[0] == [21.0, 18.8],
        x[1:, 0] <= np.maximum(22.0, rest_indoor),
        x[1:, 0] >= np.minimum(20.0, rest_indoor),
        60 * x[-1, 0] + 450 * x[-1, 1] >= 60 * rest_indoor[-1] + 450 * rest_structure[-1],
        power + wind / MW - curtailed <= load / MW - 50,
        curtailed <= wind / MW,
    ]
    for t in range(slots):
        limits.append(
            x[t + 1]
            == step.keep @ x[t]
            + step.heat * MW * (supply[t] - 20.0 + 15.0)
            + step.weather * outdoor[t]
        )
        if t:
            limits += [start[t - 1] + start[t] <= on[t + 1], stop[t - 1] + stop[t] <= 1 - on[t + 1]]
    hours = 2.0
    cost = hours * cp.sum(14.0 * fuel + 45.0 / 0.92 * boiler + 60.0 * curtailed)
    cost += -hours * 1000.0 * cp.sum(cp.multiply(price, power)) + 28_000.0 * cp.sum(start)
    cost += hours * 300.0 * cp.sum(cp.abs(x[1:, 0] - 21.0))
    cost += 300.0 * cp.max(load / MW - power - wind / MW + curtailed)
    reference = cp.Problem(cp.Minimize(cost), limits)
    reference.solve(solver=cp.HIGHS, mip_rel_gap=1e-6)
    assert ours.objective == pytest.approx(reference.value, rel=1e-4, abs=1.0)
    assert tank.capacity_wh == 900 * MW
    assert unit.condensing_max_w == 215 * MW
