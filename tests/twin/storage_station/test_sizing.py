from __future__ import annotations

import numpy as np
import pytest

from twin.batch import InProcessExecutor, PoolExecutor, run_batch
from twin.storage_station.sizing import (
    InvestmentTerms,
    SizedStation,
    SizingQuestion,
    SizingSite,
    explore_sizes,
    net_present_value,
)
from twin.storage_station.station import StationError, StorageStation

HOURS = np.arange(24)
RNG = np.random.default_rng(3)
DAYS = 0.06 + 0.04 * np.sin((HOURS - 13.0) / 24.0 * 2.0 * np.pi)
CALM = DAYS * (1.0 + 0.1 * RNG.standard_normal((30, 24)))
LIVELY = 0.06 + 3.0 * (CALM - 0.06)
STATION = StorageStation(1.0, 1.0, 1.0, 0.95, 0.95)
TERMS = InvestmentTerms(energy_per_kwh=150.0, power_per_kw=80.0)
QUESTION = SizingQuestion(
    sites=(SizingSite("calm", CALM), SizingSite("lively", LIVELY)),
    powers_w=(1e6, 2e6),
    capacities_wh=(1e6, 2e6, 4e6, 8e6),
    station=STATION,
    terms=TERMS,
    periods_per_case=6,
)
CASES = "twin.storage_station.sizing:sized_cases"


@pytest.fixture(scope="module")
def found() -> tuple[SizedStation, ...]:
    return explore_sizes(QUESTION, 200, seed=1)


def test_the_same_seed_gives_the_same_numbers_whoever_computes():
    reference = run_batch(CASES, {"question": QUESTION}, 70, seed=7)
    for executor in (InProcessExecutor(), PoolExecutor(2)):
        again = run_batch(CASES, {"question": QUESTION}, 70, 7, executor, 1)
        assert all(np.array_equal(reference[name], again[name]) for name in reference)


def test_the_livelier_site_is_the_better_one_and_sizes_are_ranked(found):
    assert len(found) == 16
    values = [size.net_present_value for size in found]
    assert values == sorted(values, reverse=True)
    assert found[0].site == "lively"
    by_size = {(size.site, size.power_w, size.capacity_wh): size for size in found}
    for (site, power, capacity), size in by_size.items():
        if site == "calm":
            other = by_size["lively", power, capacity]
            assert other.earnings_per_year > size.earnings_per_year
            assert other.net_present_value > size.net_present_value


def test_another_kwh_is_worth_less_the_larger_the_store_is(found):
    lively = [size for size in found if size.site == "lively" and size.power_w == 1e6]
    earned = {size.capacity_wh: size.earnings_per_year for size in lively}
    per_kwh = [earned[capacity] / capacity for capacity in (2e6, 4e6, 8e6)]
    assert per_kwh == sorted(per_kwh, reverse=True)


def test_the_value_follows_its_formula():
    terms = InvestmentTerms(100.0, 50.0, 0.02, 0.05, calendar_years=2.0, cycle_life=1e6, fade=0.2)
    value, years = net_present_value(
        terms, np.array([1e6]), np.array([2e6]), np.array([200_000.0]), np.array([300.0])
    )
    invested, maintenance = 250_000.0, 5_000.0
    first = (200_000 * 0.95 - maintenance) / 1.05
    second = (200_000 * 0.85 - maintenance) / 1.05**2
    assert years == pytest.approx([2.0])
    assert value == pytest.approx([first + second - invested])


def test_cycling_ends_a_life_before_the_calendar_does():
    terms = InvestmentTerms(100.0, 50.0, cycle_life=3_000.0)
    _, years = net_present_value(
        terms, np.full(2, 1e6), np.full(2, 2e6), np.full(2, 1e5), np.array([300.0, 10.0])
    )
    assert years == pytest.approx([10.0, 20.0])


def test_a_price_of_the_peak_pays_for_shaving_it():
    """A load's peak of 1 MW for an hour: 1 MWh takes 1 MW off it, worth 10 a kW and period."""
    load = np.full((30, 24), 1e6)
    load[:, 18] = 2e6
    flat = np.full((30, 24), 0.1)
    site = SizingSite("works", flat, load_w=load, peak_per_kw=10.0)
    lossless = StorageStation(1.0, 1.0, 1.0, 1.0, 1.0)
    terms = InvestmentTerms(0.0, 0.0)
    question = SizingQuestion((site,), (1e6,), (1e6,), lossless, terms, 5)
    (size,) = explore_sizes(question, 64, seed=2)
    # 18 hours at 1 MW before it and the peak at 2 MW: levelled, all 19 draw 20 MWh / 19.
    shaved_kw = 2_000.0 - 20_000.0 / 19.0
    assert size.earnings_per_year == pytest.approx(365 * 10.0 * shaved_kw, rel=1e-6)
    assert size.standard_error == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SizingSite("x", np.ones(3)), "shaped"),
        (lambda: SizingSite("x", CALM, peak_per_kw=1.0), "needs a load"),
        (lambda: InvestmentTerms(-1.0, 1.0), "must not be negative"),
        (lambda: InvestmentTerms(1.0, 1.0, fade=1.0), "fade is 1"),
        (lambda: SizingQuestion((), (1.0,), (1.0,), STATION, TERMS), "needs a site"),
        (
            lambda: SizingQuestion(QUESTION.sites, (1.0,), (1.0,), STATION, TERMS, 31),
            "1 .. 30, the fewest",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(make, said):
    with pytest.raises(StationError, match=said):
        make()
