"""How large a station should be, and where: capacity, power and site explored in batch.

Each scenario is a case: a site, a power and a capacity drawn from those in question, and periods
(days, or months where the peak is billed by the month) drawn from the site's past, one from each of
as many equal parts of it, so that every season has its share. Its operation is optimised over those
periods and priced over the station's life.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twin.batch import Arrays, Executor, batch_function, run_batch
from twin.storage_station.price_programme import PriceProgramme
from twin.storage_station.station import (
    HOURS_PER_YEAR,
    WH_PER_KWH,
    FloatArray,
    StationError,
    StorageStation,
)

_W_PER_KW = 1000.0
_REFERENCE = "twin.storage_station.sizing:sized_cases"


@dataclass(frozen=True, slots=True)
class SizingSite:
    """A place to build at.

    Attributes:
        price_per_kwh: past prices, shape (period, slot), currency per kWh.
        load_w: the load behind the same meter, shape (period, slot), W; None: none.
        peak_per_kw: what each kW of a period's highest draw costs, currency.
    """

    name: str
    price_per_kwh: FloatArray
    slot_hours: float = 1.0
    load_w: FloatArray | None = None
    peak_per_kw: float = 0.0

    def __post_init__(self) -> None:
        if self.price_per_kwh.ndim != 2 or not np.isfinite(self.price_per_kwh).all():
            raise StationError(f"{self.name}: prices must be finite, shaped (period, slot)")
        if self.load_w is not None and self.load_w.shape != self.price_per_kwh.shape:
            raise StationError(f"{self.name}: load_w must be shaped as the prices are")
        if self.peak_per_kw < 0.0 or (self.peak_per_kw > 0.0 and self.load_w is None):
            raise StationError(f"{self.name}: a price of the peak is not negative and needs a load")


@dataclass(frozen=True, slots=True)
class InvestmentTerms:
    """What building and ageing cost.

    Attributes:
        energy_per_kwh, power_per_kw: investment, currency.
        maintenance_share: of the investment, a year.
        discount_rate: a year.
        calendar_years: life at rest; ``cycle_life`` full cycles end it earlier.
        fade: share of the capacity lost at the end of life; earnings fall with it, linearly.
    """

    energy_per_kwh: float
    power_per_kw: float
    maintenance_share: float = 0.015
    discount_rate: float = 0.07
    calendar_years: float = 20.0
    cycle_life: float = 7_000.0
    fade: float = 0.2

    def __post_init__(self) -> None:
        if min(self.energy_per_kwh, self.power_per_kw, self.maintenance_share) < 0.0:
            raise StationError("investment and maintenance must not be negative")
        if min(self.calendar_years, self.cycle_life) <= 0.0 or self.discount_rate <= -1.0:
            raise StationError("lives must be positive and the discount rate above -1")
        if not 0.0 <= self.fade < 1.0:
            raise StationError(f"fade is {self.fade:g}: it must lie in [0, 1)")

    @property
    def wear_per_kwh(self) -> float:
        """What a kWh into or out of the store takes of the store's price by cycling it."""
        return self.energy_per_kwh / (2.0 * self.cycle_life)


@dataclass(frozen=True, slots=True)
class SizingQuestion:
    """``station`` gives what is the same for all sizes: efficiencies, shares, self-discharge."""

    sites: tuple[SizingSite, ...]
    powers_w: tuple[float, ...]
    capacities_wh: tuple[float, ...]
    station: StorageStation
    terms: InvestmentTerms
    periods_per_case: int = 14

    def __post_init__(self) -> None:
        if not (self.sites and self.powers_w and self.capacities_wh):
            raise StationError("sizing needs a site, a power and a capacity at least")
        if min(*self.powers_w, *self.capacities_wh) <= 0.0:
            raise StationError("powers and capacities must be positive")
        fewest = min(site.price_per_kwh.shape[0] for site in self.sites)
        if not 1 <= self.periods_per_case <= fewest:
            raise StationError(f"periods_per_case must lie in 1 .. {fewest}, the fewest of a site")


@dataclass(frozen=True, slots=True)
class SizedStation:
    """A size at a site, judged by all its cases: net present value (currency) and its error."""

    site: str
    power_w: float
    capacity_wh: float
    cases: int
    net_present_value: float
    standard_error: float
    earnings_per_year: float
    years: float


@batch_function
def sized_cases(rng: np.random.Generator, count: int, *, question: SizingQuestion) -> Arrays:
    """``count`` cases, arrays (scenario,).

    ``site``, ``power`` and ``capacity`` are places in the question's lists. ``earnings_per_year``
    is what energy and peak bring in a year (no wear: it is paid in ``years`` of life), new;
    ``cycles_per_year`` equivalent full cycles; ``net_present_value`` after investment, maintenance,
    fading and discount.
    """
    site = rng.integers(len(question.sites), size=count)
    power = rng.integers(len(question.powers_w), size=count)
    capacity = rng.integers(len(question.capacities_wh), size=count)
    earnings, cycles = np.empty(count), np.empty(count)
    for case in range(count):
        place = question.sites[site[case]]
        station = replace(
            question.station,
            charge_power_w=question.powers_w[power[case]],
            discharge_power_w=question.powers_w[power[case]],
            capacity_wh=question.capacities_wh[capacity[case]],
            wear_per_kwh=question.terms.wear_per_kwh,
        )
        count_there, drawn = place.price_per_kwh.shape[0], question.periods_per_case
        parts = np.arange(drawn) + rng.random(drawn)
        periods = (parts * count_there / drawn).astype(int)
        earnings[case], cycles[case] = _year(station, place, periods)
    power_w = np.array(question.powers_w)[power]
    capacity_wh = np.array(question.capacities_wh)[capacity]
    value, years = net_present_value(question.terms, power_w, capacity_wh, earnings, cycles)
    return {
        "site": site,
        "power": power,
        "capacity": capacity,
        "earnings_per_year": earnings,
        "cycles_per_year": cycles,
        "years": years,
        "net_present_value": value,
    }


def _year(
    station: StorageStation, site: SizingSite, periods: NDArray[np.int64]
) -> tuple[float, float]:
    """Earnings and full cycles a year, from these periods; each begins and ends empty."""
    slots = site.price_per_kwh.shape[1]
    programme = PriceProgramme(station, slots, site.slot_hours, site.peak_per_kw)
    least = station.least_wh
    earned = discharged_wh = 0.0
    for period in periods:
        price = site.price_per_kwh[period]
        load_w = None if site.load_w is None else site.load_w[period]
        counted = load_w if site.peak_per_kw > 0.0 else None
        schedule = programme.solve(price, least, least, load_w=counted)
        earned -= float(schedule.energy_wh @ price) / WH_PER_KWH
        discharged_wh += float(np.maximum(-schedule.energy_wh, 0.0).sum())
        if counted is not None:
            draw_w = counted + schedule.energy_wh / site.slot_hours
            saved_kw = (float(counted.max()) - float(draw_w.max())) / _W_PER_KW
            earned += site.peak_per_kw * saved_kw
    share = HOURS_PER_YEAR / (len(periods) * slots * site.slot_hours)
    cycles = discharged_wh / station.discharge_efficiency / station.capacity_wh
    return earned * share, cycles * share


def net_present_value(
    terms: InvestmentTerms,
    power_w: FloatArray,
    capacity_wh: FloatArray,
    earnings_per_year: FloatArray,
    cycles_per_year: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Net present value (currency) and years of life, arrays (case,).

    Life ends with the calendar or with the cycles, whichever comes first. The earnings of year k
    fade in proportion to the life gone at its middle; the last year counts by its part.
    """
    invested = terms.energy_per_kwh * capacity_wh / WH_PER_KWH
    invested = invested + terms.power_per_kw * power_w / _W_PER_KW
    years = np.minimum(terms.calendar_years, terms.cycle_life / np.maximum(cycles_per_year, 1e-9))
    year = np.arange(1.0, np.ceil(terms.calendar_years) + 1.0)
    lived = np.clip(years[:, None] - (year - 1.0), 0.0, 1.0)
    faded = 1.0 - terms.fade * np.minimum((year - 0.5) / years[:, None], 1.0)
    maintenance = terms.maintenance_share * invested
    cash = lived * (earnings_per_year[:, None] * faded - maintenance[:, None])
    value: FloatArray = cash @ (1.0 + terms.discount_rate) ** -year - invested
    return value, years


def explore_sizes(
    question: SizingQuestion, cases: int, seed: int, executor: Executor | None = None
) -> tuple[SizedStation, ...]:
    """All sizes and sites of which a case was drawn, the best net present value first.

    The same seed gives the same numbers whatever computes them (see :mod:`twin.batch`).
    """
    drawn = run_batch(_REFERENCE, {"question": question}, cases, seed, executor, 1)
    keys = np.stack([drawn["site"], drawn["power"], drawn["capacity"]], axis=1)
    sizes, member = np.unique(keys, axis=0, return_inverse=True)
    found = []
    for number, (site, power, capacity) in enumerate(sizes.tolist()):
        own = member.ravel() == number
        value = drawn["net_present_value"][own]
        error = float(value.std(ddof=1)) / value.size**0.5 if value.size > 1 else float("nan")
        found.append(
            SizedStation(
                site=question.sites[site].name,
                power_w=question.powers_w[power],
                capacity_wh=question.capacities_wh[capacity],
                cases=int(value.size),
                net_present_value=float(value.mean()),
                standard_error=error,
                earnings_per_year=float(drawn["earnings_per_year"][own].mean()),
                years=float(drawn["years"][own].mean()),
            )
        )
    return tuple(sorted(found, key=lambda size: -size.net_present_value))
