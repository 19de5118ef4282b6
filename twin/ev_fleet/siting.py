"""How many charging piles, how strong, and where: explored in batch.

Every candidate site has its own demand. Vehicles come as a Poisson process that follows the hour
of the day, take a free pile, wait for one up to their patience, or drive on. A vehicle keeps its
pile for its stay; what the stay is too short for is not served. Days are sampled once per site and
every design meets the same days (common random numbers), so designs differ by design alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from twin.batch import Arrays, Executor, batch_function, run_batch
from twin.ev_fleet.model import FloatArray

_HOUR = 3600.0
_DAY = 86_400.0
_PILE_DAYS = f"{__name__}:pile_days"


@dataclass(frozen=True, slots=True)
class CandidateSite:
    """Demand and ground of a place.

    ``arrivals_per_hour`` is shaped (24,), local clock. Stays are log-normal around
    ``stay_median_s`` with ``stay_log_sd``; needs (Wh at the grid) gamma with shape 2 around
    ``need_mean_wh``. ``patience_s`` is the longest wait. ``ground_cost_per_day`` is paid if
    anything is built; ``grid_capacity_w`` bounds count times power.
    """

    name: str
    arrivals_per_hour: FloatArray
    stay_median_s: float
    stay_log_sd: float
    need_mean_wh: float
    patience_s: float
    ground_cost_per_day: float
    grid_capacity_w: float

    def __post_init__(self) -> None:
        if self.arrivals_per_hour.shape != (24,) or (self.arrivals_per_hour < 0).any():
            raise ValueError(f"{self.name}: arrivals_per_hour needs 24 values of at least 0")


@dataclass(frozen=True, slots=True)
class PileEconomics:
    """Money a day: a pile costs ``per_pile + per_kw * power``; a sold kWh earns ``margin``.

    ``lost_kwh_cost`` is what a needed kWh that was not delivered costs in goodwill.
    """

    per_pile_per_day: float = 1.5
    per_kw_per_day: float = 0.12
    margin_per_kwh: float = 0.15
    lost_kwh_cost: float = 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """``count`` piles of ``power_w`` each; no pile stands for not building."""

    count: int
    power_w: float


@dataclass(frozen=True, slots=True)
class DesignResult:
    """Means over the sampled days. ``served_share`` of the energy wanted, ``blocked_share`` of the
    vehicles, ``wait_s`` of those who charged, ``used_share`` of the piles' time;
    ``profit_per_day`` after costs.
    """

    site: str
    design: Design
    served_share: float
    blocked_share: float
    wait_s: float
    used_share: float
    cost_per_day: float
    profit_per_day: float
    profit_standard_error: float


@batch_function
def pile_days(
    rng: np.random.Generator,
    count: int,
    *,
    site: CandidateSite,
    designs: tuple[Design, ...],
) -> Arrays:
    """Days at a site under every design; arrays shaped (scenario, design).

    ``wanted_wh``, ``served_wh``, ``vehicles``, ``blocked``, ``waited_s``, ``occupied_s``.
    """
    arrival, stay, need = _arrivals(rng, count, site)
    names = ("wanted_wh", "served_wh", "vehicles", "blocked", "waited_s", "occupied_s")
    result = {name: np.zeros((count, len(designs))) for name in names}
    present = np.isfinite(arrival)
    result["wanted_wh"][:] = np.where(present, need, 0.0).sum(axis=1)[:, None]
    result["vehicles"][:] = present.sum(axis=1)[:, None]
    for place, design in enumerate(designs):
        served, blocked, waited, occupied = _queue(arrival, stay, need, site, design)
        result["served_wh"][:, place] = served
        result["blocked"][:, place] = blocked
        result["waited_s"][:, place] = waited
        result["occupied_s"][:, place] = occupied
    return dict(result)


def _arrivals(
    rng: np.random.Generator, count: int, site: CandidateSite
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sorted arrival times (infinity pads), stays and needs, each (scenario, vehicle)."""
    per_hour = rng.poisson(site.arrivals_per_hour, (count, 24))
    vehicles = int(max(per_hour.sum(axis=1).max(), 1))
    arrival = np.full((count, vehicles), np.inf)
    for scenario in range(count):
        hours = np.repeat(np.arange(24.0), per_hour[scenario])
        arrival[scenario, : hours.size] = np.sort(hours + rng.random(hours.size)) * _HOUR
    shape = (count, vehicles)
    stay = site.stay_median_s * np.exp(site.stay_log_sd * rng.standard_normal(shape))
    need = site.need_mean_wh * rng.gamma(2.0, 0.5, shape)
    return arrival, stay, need


def _queue(
    arrival: FloatArray, stay: FloatArray, need: FloatArray, site: CandidateSite, design: Design
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """First come, first served at equal piles; every scenario of a vehicle's rank at once."""
    scenarios, vehicles = arrival.shape
    zero = np.zeros(scenarios)
    if design.count == 0:
        return zero, np.isfinite(arrival).sum(axis=1).astype(float), zero.copy(), zero.copy()
    free_at = np.zeros((scenarios, design.count))
    served, blocked, waited, occupied = (zero.copy() for _ in range(4))
    rows = np.arange(scenarios)
    for vehicle in range(vehicles):
        comes = arrival[:, vehicle]
        here = np.isfinite(comes)
        pile = np.argmin(free_at, axis=1)
        wait = np.maximum(free_at[rows, pile] - np.where(here, comes, 0.0), 0.0)
        takes = here & (wait <= site.patience_s)
        stays = np.where(takes, stay[:, vehicle], 0.0)
        served += np.where(takes, np.minimum(need[:, vehicle], design.power_w * stays / _HOUR), 0.0)
        blocked += here & ~takes
        waited += np.where(takes, wait, 0.0)
        begin = np.where(takes, comes + wait, 0.0)
        occupied += np.maximum(np.minimum(begin + stays, _DAY) - begin, 0.0)
        free_at[rows, pile] = np.where(takes, begin + stays, free_at[rows, pile])
    return served, blocked, waited, occupied


def evaluate_designs(
    site: CandidateSite, designs: Sequence[Design], economics: PileEconomics, days: Arrays
) -> tuple[DesignResult, ...]:
    """Results of each design from :func:`pile_days`; designs beyond the grid fall out."""
    results = []
    for place, design in enumerate(designs):
        if design.count * design.power_w > site.grid_capacity_w:
            continue
        wanted = days["wanted_wh"][:, place]
        served = days["served_wh"][:, place]
        vehicles = float(days["vehicles"][:, place].sum())
        blocked = float(days["blocked"][:, place].sum())
        cost = design.count * (
            economics.per_pile_per_day + economics.per_kw_per_day * design.power_w / 1000.0
        ) + (site.ground_cost_per_day if design.count else 0.0)
        profit = (
            economics.margin_per_kwh * served - economics.lost_kwh_cost * (wanted - served)
        ) / 1000.0 - cost
        results.append(
            DesignResult(
                site=site.name,
                design=design,
                served_share=float(served.sum() / wanted.sum()) if wanted.sum() else 1.0,
                blocked_share=blocked / vehicles if vehicles else 0.0,
                wait_s=float(days["waited_s"][:, place].sum() / max(vehicles - blocked, 1.0)),
                used_share=float(days["occupied_s"][:, place].mean() / (design.count * _DAY))
                if design.count
                else 0.0,
                cost_per_day=cost,
                profit_per_day=float(profit.mean()),
                profit_standard_error=float(profit.std(ddof=1) / np.sqrt(profit.size))
                if profit.size > 1
                else 0.0,
            )
        )
    return tuple(results)


def explore_sites(
    sites: Sequence[CandidateSite],
    designs: Sequence[Design],
    economics: PileEconomics,
    days: int,
    seed: int,
    executor: Executor | None = None,
) -> tuple[DesignResult, ...]:
    """Every design at every site on ``days`` sampled days; each site draws its own days.

    Not building is always among the designs.
    """
    explored = tuple(dict.fromkeys((Design(0, 0.0), *designs)))
    results: list[DesignResult] = []
    for place, site in enumerate(sites):
        own_seed = int(np.random.SeedSequence(seed, spawn_key=(place,)).generate_state(1)[0])
        arrays = run_batch(
            _PILE_DAYS, {"site": site, "designs": explored}, days, own_seed, executor
        )
        results += evaluate_designs(site, explored, economics, arrays)
    return tuple(results)


def choose_sites(
    results: Sequence[DesignResult], budget_per_day: float, max_piles: int | None = None
) -> tuple[DesignResult, ...]:
    """At most one design a site: the highest total profit within budget and number of piles.

    A multiple-choice knapsack, solved exactly (HiGHS). Not building at a site must be among the
    results to be priced (its lost demand); a site without a chosen design contributes nothing.
    Raises ValueError if no choice is possible.
    """
    if not results:
        return ()
    sites = sorted({result.site for result in results})
    one_each = np.array([[result.site == site for result in results] for site in sites], float)
    cost = np.array([[result.cost_per_day for result in results]])
    piles = np.array([[float(result.design.count) for result in results]])
    must = np.array([any(r.site == s and r.design.count == 0 for r in results) for s in sites])
    answer = milp(
        -np.array([result.profit_per_day for result in results]),
        integrality=np.ones(len(results), dtype=int),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(one_each, must.astype(float), 1.0),
            LinearConstraint(cost, -np.inf, budget_per_day),
            LinearConstraint(piles, -np.inf, np.inf if max_piles is None else max_piles),
        ],
    )
    if answer.x is None:
        raise ValueError(f"no choice of designs fits: {answer.message}")
    return tuple(result for result, taken in zip(results, answer.x, strict=True) if taken > 0.5)
