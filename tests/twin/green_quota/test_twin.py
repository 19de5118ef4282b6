from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.twin.green_quota.test_competitive import TWO, WINDY
from twin.green_quota.equilibrium import Mode, competitive_equilibrium
from twin.green_quota.model import QuotaOutcome, QuotaSignal, QuotaSite, Uncertainty
from twin.green_quota.published import published_system
from twin.green_quota.sampling import expected_samples, scenario_system
from twin.green_quota.system import Cost, FloatArray, Kind, QuotaError, QuotaSystem, Withholding
from twin.green_quota.twin import GreenQuotaTwin
from twin.protocol import Twin

TWIN = GreenQuotaTwin()


def settled(system: QuotaSystem, rounds: int, rng: np.random.Generator) -> QuotaOutcome:
    """What rounds of the true system come to, with a demand and fuel price of each."""
    model = TWIN.construct(QuotaSite(system))
    samples = TWIN.sample(model, rng, rounds)
    found = [
        competitive_equilibrium(scenario_system(system, samples, place)) for place in range(rounds)
    ]
    output = np.array([each.output for each in found])
    limits = np.array(
        [[producer.available_mwh or np.inf for producer in each.system.producers] for each in found]
    )
    return QuotaOutcome(
        wholesale_price=np.array([each.wholesale_price for each in found]),
        certificate_price=np.array([each.certificate_price for each in found]),
        output=output,
        fuel=samples.fuel,
        limited=output >= limits * (1.0 - 1e-9),
    )


def test_the_four_steps_are_those_of_every_twin():
    twin: Twin = TWIN
    model = twin.construct(QuotaSite(published_system()))
    samples = twin.sample(model, np.random.default_rng(1), 3)
    assert len(twin.decide(model, samples, QuotaSignal()).equilibria) == 3


def test_the_expected_scenario_is_the_system_itself():
    model = TWIN.construct(QuotaSite(TWO))
    plan = TWIN.decide(model, expected_samples(model), QuotaSignal())
    assert plan.mean_consumed == pytest.approx(6319.7026, abs=5e-5)
    assert plan.mean_certificate_price == pytest.approx(58.7361, abs=5e-5)


def test_the_same_seed_gives_the_same_scenarios():
    model = TWIN.construct(QuotaSite(published_system()))
    one, other = (TWIN.sample(model, np.random.default_rng(5), 20) for _ in range(2))
    assert np.array_equal(one.wind, other.wind)
    assert np.array_equal(one.fuel, other.fuel)
    assert np.array_equal(one.demand, other.demand)


def test_scenarios_have_the_means_and_spreads_that_were_asked_for():
    asked = Uncertainty(mean_wind_share=0.4, wind_spread=0.2, fuel_spread=0.1, demand_spread=0.05)
    model = TWIN.construct(QuotaSite(published_system(), asked))
    samples = TWIN.sample(model, np.random.default_rng(3), 40_000)
    renewable = np.array([each.kind is Kind.RENEWABLE for each in model.system.producers])
    assert (samples.wind[:, ~renewable] == 1.0).all()
    wind: FloatArray = samples.wind[:, renewable] * 0.4
    assert wind.mean(axis=0) == pytest.approx(0.4, abs=0.01)
    assert wind.std(axis=0) == pytest.approx(0.2, abs=0.01)
    assert wind.max() <= 1.0
    assert float(np.corrcoef(wind[:, 0], wind[:, 1]).ravel()[1]) == pytest.approx(0.6, abs=0.05)
    assert samples.fuel.mean() == pytest.approx(1.0, abs=0.01)
    assert np.log(samples.fuel).std() == pytest.approx(0.1, abs=0.01)
    assert samples.demand.mean() == pytest.approx(1.0, abs=0.01)


def test_dear_fuel_and_little_wind_make_electricity_dear():
    model = TWIN.construct(QuotaSite(published_system()))
    expected = expected_samples(model)
    base = TWIN.decide(model, expected, QuotaSignal(0.3))
    dear = TWIN.decide(model, replace(expected, fuel=np.array([1.5])), QuotaSignal(0.3))
    renewable = np.array([each.kind is Kind.RENEWABLE for each in model.system.producers])
    calm = replace(expected, wind=np.where(renewable, 0.3, 1.0)[None, :])
    still = TWIN.decide(model, calm, QuotaSignal(0.3))
    assert dear.mean_wholesale_price > base.mean_wholesale_price + 5.0
    assert still.mean_certificate_price > base.mean_certificate_price + 5.0


def test_a_plan_with_market_power_is_no_better_for_consumers():
    model = TWIN.construct(QuotaSite(published_system()))
    samples = TWIN.sample(model, np.random.default_rng(2), 5)
    competitive = TWIN.decide(model, samples, QuotaSignal(0.3))
    power = TWIN.decide(model, samples, QuotaSignal(0.3, Mode.MARKET_POWER))
    for one, other in zip(competitive.equilibria, power.equilibria, strict=True):
        assert one is not None
        assert other is not None
        assert other.retail_price >= one.retail_price - 1e-6


def test_settled_rounds_correct_costs_that_were_described_wrongly():
    truth = QuotaSystem(
        "truth",
        tuple(
            replace(each, withholds=Withholding.NOTHING) for each in published_system().producers
        ),
        published_system().demand,
        0.4,
    )
    wrong = replace(
        truth,
        producers=tuple(
            replace(each, fuel=Cost(0.0, 38.0, 0.001)) if each.name == "combined cycle" else each
            for each in truth.producers
        ),
    )
    model = TWIN.construct(QuotaSite(wrong))
    learned = TWIN.close_loop(model, settled(truth, 400, np.random.default_rng(8)))
    gas = next(each for each in learned.system.producers if each.name == "combined cycle")
    real = next(each for each in truth.producers if each.name == "combined cycle")
    for output in (500.0, 2_000.0, 3_500.0):
        believed = sum(part.per_mwh + part.slope * output for part in gas.parts.values())
        true = sum(part.per_mwh + part.slope * output for part in real.parts.values())
        assert believed == pytest.approx(true, rel=0.03)
    assert model.system == wrong
    assert learned.belief.rounds_seen == 400
    before = competitive_equilibrium(wrong).wholesale_price
    after = competitive_equilibrium(learned.system).wholesale_price
    right = competitive_equilibrium(truth).wholesale_price
    assert abs(after - right) < 0.2 * abs(before - right)


def test_rounds_of_the_described_system_change_nothing():
    system = replace(published_system(), ratio=0.4)
    model = TWIN.construct(QuotaSite(system, Uncertainty(fuel_spread=0.0)))
    price_takers = tuple(replace(each, withholds=Withholding.NOTHING) for each in system.producers)
    outcome = settled(replace(system, producers=price_takers), 50, np.random.default_rng(4))
    learned = TWIN.close_loop(model, outcome)
    for told, believed in zip(system.producers, learned.system.producers, strict=True):
        for part, cost in told.parts.items():
            assert believed.parts[part].per_mwh == pytest.approx(cost.per_mwh, abs=0.05)


def test_a_producer_that_sets_its_output_teaches_nothing():
    system = published_system()
    model = TWIN.construct(QuotaSite(system))
    outcome = settled(system, 20, np.random.default_rng(4))
    learned = TWIN.close_loop(model, replace(outcome, wholesale_price=outcome.wholesale_price + 9))
    owner = next(place for place, each in enumerate(system.producers) if each.name == "wind north")
    assert learned.system.producers[owner] == system.producers[owner]
    assert learned.system.producers[1] != system.producers[1]


def test_outcomes_and_spreads_that_cannot_be_are_refused():
    model = TWIN.construct(QuotaSite(WINDY))
    good = settled(WINDY, 4, np.random.default_rng(1))
    for bad, complaint in (
        (replace(good, output=good.output[:2]), "output is shaped"),
        (replace(good, output=-good.output - 1.0), "outputs not below it"),
        (replace(good, fuel=0.0 * good.fuel), "fuel factors are above 0"),
        (replace(good, wholesale_price=np.full(4, np.nan)), "no finite numbers"),
    ):
        with pytest.raises(QuotaError, match=complaint):
            TWIN.close_loop(model, bad)
    for spread, complaint in (
        (Uncertainty(wind_spread=0.6), "spreads by less than"),
        (Uncertainty(mean_wind_share=0.0), "mean_wind_share is 0"),
        (Uncertainty(fuel_spread=-0.1), "fuel_spread is -0.1"),
        (Uncertainty(demand_spread=float("nan")), "demand_spread is nan"),
    ):
        with pytest.raises(QuotaError, match=complaint):
            TWIN.construct(QuotaSite(WINDY, spread))
    with pytest.raises(QuotaError, match="at least one scenario"):
        TWIN.sample(model, np.random.default_rng(1), 0)
