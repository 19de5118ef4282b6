from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from twin.mall.building import Mall, MallError, check_mall
from twin.mall.published import published_building
from twin.mall.thermal import thermal_network

MALL = published_building()
NETWORK = thermal_network(MALL, 0.25)
ZONES = len(MALL.zones)


def _slope(mall: Mall, state: np.ndarray, outdoor: float, air_w: np.ndarray, is_open: bool):
    """The balance written out node by node, to hold the exact solution against."""
    air, mass = state[:ZONES], state[ZONES:]
    heat = air_w + mall.of_zones("coupling_w_per_k") * (mass - air)
    loss = mall.of_zones("air_loss_w_per_k") + is_open * mall.of_zones("ventilation_w_per_k")
    heat = heat + loss * (outdoor - air)
    names = mall.zone_names
    for passage in mall.passages:
        first, second = names.index(passage.first), names.index(passage.second)
        flow = passage.conductance_w_per_k * (air[second] - air[first])
        heat[first] += flow
        heat[second] -= flow
    into_mass = mall.of_zones("coupling_w_per_k") * (air - mass) + mall.of_zones(
        "mass_loss_w_per_k"
    ) * (outdoor - mass)
    return np.concatenate(
        [heat / mall.of_zones("air_wh_per_k"), into_mass / mall.of_zones("mass_wh_per_k")]
    )


@pytest.mark.parametrize("is_open", [True, False])
def test_a_slot_is_solved_as_a_fine_integration_solves_it(is_open: bool) -> None:
    rng = np.random.default_rng(1)
    start = rng.uniform(18.0, 30.0, 2 * ZONES)
    heat = rng.uniform(-5e5, 5e5, ZONES)
    step = NETWORK.step(is_open)
    exact = step.transition @ start + step.outdoor * 33.0 + step.air @ heat
    fine = solve_ivp(
        lambda _, state: _slope(MALL, state, 33.0, heat, is_open),
        (0.0, 0.25),
        start,
        rtol=1e-10,
        atol=1e-10,
    )
    assert exact == pytest.approx(fine.y[:, -1], abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(-20.0, 45.0), st.booleans())
def test_a_mall_at_outdoor_temperature_stays_there(outdoor: float, is_open: bool) -> None:
    step = NETWORK.step(is_open)
    start = np.full(2 * ZONES, outdoor)
    assert step.transition @ start + step.outdoor * outdoor == pytest.approx(start, abs=1e-8)


def test_without_exchange_with_outdoors_heat_put_in_is_heat_stored() -> None:
    sealed = replace(
        MALL,
        zones=tuple(
            replace(zone, air_loss_w_per_k=0.0, mass_loss_w_per_k=0.0, ventilation_w_per_k=0.0)
            for zone in MALL.zones
        ),
    )
    step = thermal_network(sealed, 0.25).open
    capacity = np.concatenate([MALL.of_zones("air_wh_per_k"), MALL.of_zones("mass_wh_per_k")])
    rng = np.random.default_rng(2)
    start = rng.uniform(18.0, 30.0, 2 * ZONES)
    air_w, mass_w = rng.uniform(-5e5, 5e5, (2, ZONES))
    end = step.transition @ start + step.air @ air_w + step.mass @ mass_w
    put_in_wh = 0.25 * (air_w.sum() + mass_w.sum())
    assert capacity @ (end - start) == pytest.approx(put_in_wh, rel=1e-8)
    assert step.outdoor == pytest.approx(np.zeros(2 * ZONES), abs=1e-12)


def test_a_warmer_start_ends_no_colder_and_heat_warms_every_node() -> None:
    for step in (NETWORK.open, NETWORK.closed):
        assert (step.transition >= -1e-12).all()
        assert (step.air > 0.0).all()
        assert (step.mass > 0.0).all()


def test_four_quarters_of_an_hour_are_an_hour() -> None:
    hour = thermal_network(MALL, 1.0).open.transition
    quarter = NETWORK.open.transition
    assert np.linalg.matrix_power(quarter, 4) == pytest.approx(hour, abs=1e-10)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"air_wh_per_k": 0.0}, "zone atrium: air_wh_per_k must be above 0"),
        ({"mass_wh_per_k": float("nan")}, "zone atrium: mass_wh_per_k is negative or unbounded"),
        ({"air_loss_w_per_k": 0.0, "mass_loss_w_per_k": 0.0}, "no heat with outdoors"),
        ({"customer_share": 0.9}, "add up to"),
        ({"name": "food court"}, "same name"),
    ],
)
def test_a_zone_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    first = replace(MALL.zones[0], **change)  # type: ignore[arg-type]
    with pytest.raises(MallError, match=said):
        check_mall(replace(MALL, zones=(first, *MALL.zones[1:])))


def test_a_passage_to_nowhere_is_refused() -> None:
    lost = replace(MALL.passages[0], second="cellar")
    with pytest.raises(MallError, match="'cellar', which is no zone"):
        check_mall(replace(MALL, passages=(lost,)))
