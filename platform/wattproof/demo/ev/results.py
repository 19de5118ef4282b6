"""What came of the day: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from market.dispatch import COST
from twin.ev_fleet.model import FloatArray, PriceSignal
from twin.ev_fleet.plan import FleetOutcome, energy_served_wh, outcome_cost
from wattproof.audit import Report
from wattproof.demo.cast import Cast
from wattproof.demo.checks import (
    MICRO,
    closed,
    money,
    plan_checks,
    replayed,
    round_checks,
    settlement_gas,
)
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.ev.figures import EvFigures
from wattproof.demo.ev.scene import Scene
from wattproof.demo.report import Check, DemoReport
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.meters.models import ClosureRow
from wattproof.rounds.models import RoundRow

_WH_PER_KWH = 1_000.0
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from; ``reviewed`` where a plan was made beforehand."""

    scene: Scene
    stage: Stage
    cast: Cast
    capacity_wh: Mapping[str, int]
    traded: TradedRound
    positions_wh: Mapping[str, FloatArray]
    outcome: FleetOutcome
    closures: Mapping[str, ClosureRow]
    reviewed: Reviewed | None
    days_learnt: int
    replay: Report


def report_on(results: Results, seconds: Mapping[str, float]) -> DemoReport:
    """Check everything that must hold, and count."""
    with results.stage.platform.transaction() as session:
        row = results.traded.row(session)
    return DemoReport(
        title=results.scene.title,
        input=results.scene.input,
        figures=_figures(results, row),
        checks=tuple(_checks(results)),
        notes=_notes(results.scene),
        seconds=dict(seconds),
    )


def _notes(scene: Scene) -> tuple[str, ...]:
    return (
        *scene.input.get("days", []),
        *(
            f"{scene.input[key]} bad rows of the {key.removeprefix('skipped_')} skipped"
            for key in ("skipped_sessions", "skipped_prices")
            if scene.input.get(key)
        ),
    )


# -- figures ---------------------------------------------------------------------------------------


def _figures(results: Results, row: RoundRow) -> EvFigures:
    scene, settlement = results.scene, results.traded.settlement
    lowest, highest = results.traded.price_range
    base_w = scene.metered_load_w()
    peak_w = float(results.outcome.feeder_w(scene.horizon, base_w).max())
    uncontrolled_w = float(scene.baseline.feeder_w(scene.horizon, base_w).max())
    owners = _owner_accounts(results)
    need = float(scene.stays.need_wh.sum())
    served = float(energy_served_wh(results.outcome, scene.stays).sum())
    gas = settlement_gas(results.stage, results.traded)
    return EvFigures(
        orders=settlement.book.count,
        filled_orders=results.traded.filled_orders,
        traded_kwh=results.traded.traded_wh / _WH_PER_KWH,
        discharged_kwh=float(results.outcome.discharge_wh.sum()) / _WH_PER_KWH,
        lowest_price=lowest,
        highest_price=highest,
        peak_kw=peak_w / _WH_PER_KWH,
        uncontrolled_peak_kw=uncontrolled_w / _WH_PER_KWH,
        energy_served=served / need if need else 1.0,
        uncontrolled_cost=owners.uncontrolled,
        energy_cost=owners.energy,
        imbalance_cost=owners.imbalance,
        wear_cost=owners.wear,
        missing_cost=owners.missing,
        best_owner_saving=owners.best,
        owners=len(scene.owner_ids),
        edits=len(results.reviewed.edits) if results.reviewed else 0,
        edit_cost=_edit_cost(results.reviewed),
        gas_per_order=gas / max(settlement.book.count, 1),
        chunks=row.chunks or 0,
        gap_micro=int(row.gap_micro or 0),
        welfare=int(row.welfare_micro or 0) / MICRO,
        dust_micro=settlement.dust_micro,
    )


def _edit_cost(reviewed: Reviewed | None) -> float:
    """What the dispatcher's edits cost, in settlement tokens."""
    changes = reviewed.changed.indicators if reviewed else ()
    return sum(each.change for each in changes if each.name == COST) / MICRO


@dataclass(frozen=True, slots=True)
class _Owners:
    """Of all owners together, in settlement tokens; `best` is the largest saving of one."""

    uncontrolled: float
    energy: float
    imbalance: float
    wear: float
    missing: float
    best: float


def _owner_accounts(results: Results) -> _Owners:
    """What owners paid, against charging at once on the same supplier's terms.

    Deviations are energy at the slot's price, and what they cost beyond it is imbalance. Somebody
    who traded nothing has no position to close: what such an owner drew is counted all the same.
    """
    scene = results.scene
    vehicles = scene.vehicles
    price = np.array(results.traded.settlement.clearing.prices, dtype=float) / _NANO
    nothing = np.zeros(price.size)
    before = PriceSignal(scene.uncontrolled_price_per_kwh(), nothing)
    uncontrolled = outcome_cost(scene.baseline, vehicles, before)
    wear = outcome_cost(results.outcome, vehicles, PriceSignal(nothing, nothing))
    missing_kwh = (
        (scene.stays.need_wh - energy_served_wh(results.outcome, scene.stays))
        / vehicles.charge_efficiency
        / _WH_PER_KWH
    )
    drawn_kwh = scene.baseline.charge_wh.sum(axis=1) / _WH_PER_KWH
    paid = scene.baseline.charge_wh @ before.price_per_kwh / _WH_PER_KWH
    mean_price = np.where(drawn_kwh > 1e-9, paid / np.maximum(drawn_kwh, 1e-9), 0.0)
    missing = missing_kwh * mean_price

    payments = results.traded.payments_micro
    bought = penalties = 0.0
    savings: list[float] = []
    for owner in scene.owner_ids:
        own = [place for place, name in enumerate(vehicles.owner_ids) if name == owner]
        address = results.cast.members[owner].address
        metered_wh = results.outcome.energy_wh[own].sum(axis=0)
        deviation_wh = metered_wh - results.positions_wh[owner]
        deviated = float(deviation_wh @ price) / _WH_PER_KWH
        closure = results.closures.get(address)
        penalty = (closure.charge_micro or 0) / MICRO - deviated if closure else 0.0
        energy = payments.get(address, 0) / MICRO + deviated
        bought, penalties = bought + energy, penalties + penalty
        other = float(wear[own].sum() + missing[own].sum())
        savings.append(float(uncontrolled[own].sum()) - energy - penalty - other)
    return _Owners(
        uncontrolled=float(uncontrolled.sum()),
        energy=bought,
        imbalance=penalties,
        wear=float(wear.sum()),
        missing=float(missing.sum()),
        best=max(savings),
    )


# -- checks ----------------------------------------------------------------------------------------


def _checks(results: Results) -> list[Check]:
    owners = [results.cast[name].address for name in results.scene.owner_ids]
    dispatched = (
        plan_checks(results.stage, results.reviewed, results.traded, "fleet", owners)
        if results.reviewed is not None
        else []
    )
    return [
        *dispatched,
        *round_checks(results.stage, results.traded),
        _capacity(results),
        closed(results.cast, results.traded, results.closures),
        money(results.stage, results.cast, [results.traded.opened.market]),
        Check(
            "the twin learnt from the meters",
            results.days_learnt == 1,
            f"{results.days_learnt} day more",
        ),
        _peak(results),
        replayed(results.replay),
    ]


def _capacity(results: Results) -> Check:
    attested = results.capacity_wh
    names = results.cast.names
    beyond = [
        names[leaf.trader]
        for leaf in results.traded.settlement.positions
        if -sum(min(entry.quantity_wh, 0) for entry in leaf.entries)
        > attested.get(names[leaf.trader], 0)
    ]
    return Check(
        "nobody sold more than its passport attests",
        not beyond,
        ", ".join(beyond) or f"{len(attested)} passports",
    )


def _peak(results: Results) -> Check:
    """With consumers and batteries the feeder's peak must not exceed the uncontrolled one."""
    scene = results.scene
    base_w = scene.metered_load_w()
    peak = float(results.outcome.feeder_w(scene.horizon, base_w).max())
    before = float(scene.baseline.feeder_w(scene.horizon, base_w).max())
    return Check(
        "the peak is not above uncontrolled charging",
        peak <= before * (1.0 + 1e-6),
        f"{peak / _WH_PER_KWH:.1f} kW instead of {before / _WH_PER_KWH:.1f} kW",
    )
