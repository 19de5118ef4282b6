"""What came of the day: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.dispatch import COST, PEAK, energy_of
from market.reference.programmes import Direction
from market.units import SCALE, ceil_div
from twin.chp.model import FloatArray
from twin.chp.plan import ChpOutcome, ChpPlan
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
from wattproof.demo.chp.figures import ChpFigures
from wattproof.demo.chp.response import CalledEvent
from wattproof.demo.chp.scene import FOUNDRY, PLANT, Scene
from wattproof.demo.deviations import counted_once, ten_of_ten_wh
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.metering import whole_wh
from wattproof.demo.report import Check, Comparison, DemoReport
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.flexibility import service as flexibility
from wattproof.flexibility.service import Part, PartStatus
from wattproof.meters.models import ClosureRow

_WH_PER_MWH = 1e6
_W_PER_MW = 1e6
_SLOT_S = 900


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from.

    Attributes:
        plan: the twin's plan with the dispatcher's edits; ``heat_led`` what the plant does without.
        metered_wh: what every meter showed, Wh a slot by name.
        targets_w: by event and name; ``parts`` likewise what came of them.
        corrected: the inputs of the plant's next plan.
    """

    scene: Scene
    stage: Stage
    cast: Cast
    traded: TradedRound
    reviewed: Reviewed
    plan: ChpPlan
    outcome: ChpOutcome
    heat_led: ChpOutcome
    metered_wh: Mapping[str, FloatArray]
    peak: CalledEvent
    trough: CalledEvent
    targets_w: Mapping[tuple[int, str], int]
    parts: Mapping[tuple[int, str], Part]
    closures: Mapping[str, ClosureRow]
    corrected: Mapping[str, Any]
    replay: Report

    @property
    def events(self) -> Mapping[int, CalledEvent]:
        """By number."""
        return {called.event: called for called in (self.peak, self.trough)}

    def values_wh(self, name: str) -> tuple[int, ...]:
        """A meter's reading of the day, whole Wh a slot."""
        return whole_wh(self.metered_wh[name])

    def performed_wh(self, event: int, name: str) -> list[int]:
        """What an account did in each slot of an event, recomputed from readings."""
        called = self.events[event]
        day = self.values_wh(name)
        past = self.scene.past.whole_wh(name)
        baseline = ten_of_ten_wh(past, day, called.window, called.terms.rule)
        target = self.targets_w[event, name] * _SLOT_S // 3_600
        sign = 1 if called.terms.direction is Direction.REDUCE else -1
        return [
            max(0, min(sign * (usual - metered), target))
            for usual, metered in zip(baseline, day[called.window], strict=True)
        ]

    def used_wh(self, name: str) -> list[int]:
        """What of an account's deviations demand response used, Wh a slot of the day, signed."""
        used = [0] * len(self.values_wh(name))
        for event, each in self.targets_w:
            if each != name:
                continue
            called = self.events[event]
            sign = 1 if called.terms.direction is Direction.REDUCE else -1
            for slot, wh in enumerate(self.performed_wh(event, name), start=called.first_slot):
                used[slot] = sign * wh
        return used


def report_on(results: Results, strategies: Comparison, seconds: Mapping[str, float]) -> DemoReport:
    """Check everything that must hold, and count."""
    return DemoReport(
        title=results.scene.title,
        input=results.scene.input,
        figures=_figures(results),
        checks=tuple(_checks(results)),
        strategies=strategies,
        notes=results.scene.notes,
        seconds=dict(seconds),
    )


# -- figures ---------------------------------------------------------------------------------------


def residual_w(scene: Scene, outcome: ChpOutcome) -> FloatArray:
    """What plant and wind leave of the real load for other stations, shape (slot,), W."""
    residual: FloatArray = scene.real_load_w - outcome.power_w - outcome.wind_taken_w
    return residual


def _figures(results: Results) -> ChpFigures:
    scene, settlement = results.scene, results.traded.settlement
    lowest, highest = results.traded.price_range
    blown = max(float(results.outcome.wind_w.sum()), 1.0)
    changes = {each.name: each.change for each in results.reviewed.changed.indicators}
    parts = results.parts.values()
    gas = settlement_gas(results.stage, results.traded)
    return ChpFigures(
        orders=settlement.book.count,
        filled_orders=results.traded.filled_orders,
        traded_mwh=results.traded.traded_wh / _WH_PER_MWH,
        lowest_price=lowest,
        highest_price=highest,
        peak_residual_mw=float(residual_w(scene, results.outcome).max()) / _W_PER_MW,
        uncontrolled_peak_residual_mw=float(residual_w(scene, results.heat_led).max()) / _W_PER_MW,
        planned_peak_mw=results.plan.proof.peak_w / _W_PER_MW,
        bound_peak_mw=results.plan.proof.peak_bound_w / _W_PER_MW,
        wind_taken=float(results.outcome.wind_taken_w.sum()) / blown,
        uncontrolled_wind_taken=float(results.heat_led.wind_taken_w.sum()) / blown,
        plan_gap=results.plan.proof.gap,
        satisfaction=float(results.plan.satisfaction.mean()),
        edits=len(results.reviewed.edits),
        edit_cost=changes[COST] / MICRO,
        edit_peak_mw=changes[PEAK] / _W_PER_MW,
        targeted_mwh=sum(
            _target_wh(results, event, watts) for (event, _), watts in results.targets_w.items()
        )
        / _WH_PER_MWH,
        performed_mwh=sum(part.performance_wh for part in parts) / _WH_PER_MWH,
        incentive=sum(part.incentive_micro for part in parts) / MICRO,
        penalty=sum(part.penalty_micro for part in parts) / MICRO,
        imbalance=sum(row.charge_micro or 0 for row in results.closures.values()) / MICRO,
        gas_per_order=gas / max(settlement.book.count, 1),
        dust_micro=settlement.dust_micro,
    )


def _target_wh(results: Results, event: int, watts: int) -> int:
    return results.events[event].slots * (watts * _SLOT_S // 3_600)


# -- checks ----------------------------------------------------------------------------------------


def _checks(results: Results) -> list[Check]:
    stage, cast, traded = results.stage, results.cast, results.traded
    return [
        *plan_checks(stage, results.reviewed, traded, PLANT, [cast[PLANT].address]),
        *round_checks(stage, traded),
        _plan_traded(results),
        closed(cast, traded, results.closures),
        _performance(results),
        _payments(results),
        _penalty(results),
        *_once(results),
        _held(results),
        money(stage, cast, [traded.opened.market]),
        _bound(results),
        Check(
            "the plan's cost is proven to a thousandth",
            results.plan.proof.gap <= 1e-3,
            f"gap {results.plan.proof.gap:.4%}",
        ),
        Check(
            "the twin learnt from the meters",
            results.corrected["belief"]["days_seen"] == 1,
            "day 1",
        ),
        replayed(results.replay),
    ]


def _plan_traded(results: Results) -> Check:
    """Never more sold than planned; what the price did not cover is not sold."""
    plan = results.reviewed.approved.plan
    sold = -results.traded.positions_wh(results.cast)[PLANT]
    planned = np.array([-energy_of(w, plan.slot_seconds) for w in plan.lines["electricity"]])
    return Check(
        "the plant sold nothing that it did not plan to generate",
        bool(np.all(sold <= np.maximum(planned, 0)) and sold.sum() > 0),
        f"{sold.sum() / planned.sum():.1%} of the plan sold",
    )


def _performance(results: Results) -> Check:
    wrong = [
        f"{name} in event {event}"
        for (event, name), part in results.parts.items()
        if part.performance_wh != sum(results.performed_wh(event, name))
    ]
    return Check(
        "performance on-chain is what readings and baselines give",
        not wrong,
        ", ".join(wrong) or f"{len(results.parts)} reports recomputed to the Wh",
    )


def _payments(results: Results) -> Check:
    wrong = []
    for (event, name), part in results.parts.items():
        terms = results.events[event].terms
        target = _target_wh(results, event, results.targets_w[event, name])
        due = part.performance_wh * terms.incentive // SCALE
        missed = target * (10_000 - terms.tolerance_bp) // 10_000 - part.performance_wh
        owed = ceil_div(max(0, missed) * terms.penalty, SCALE)
        paid = (part.incentive_micro, part.penalty_micro)
        if part.status is not PartStatus.SETTLED or paid != (due, owed):
            wrong.append(f"{name} in event {event}: {part.status.name} {paid}, not {(due, owed)}")
    return Check(
        "incentive and penalty follow from performance",
        not wrong,
        "; ".join(wrong) or f"{len(results.parts)} parts settled",
    )


def _penalty(results: Results) -> Check:
    foundry = results.parts[results.peak.event, FOUNDRY]
    plant = [part for (_, name), part in results.parts.items() if name == PLANT]
    return Check(
        "who delivered pays no penalty, who did not does",
        foundry.penalty_micro > 0 and not any(part.penalty_micro for part in plant),
        f"foundry {foundry.performance_wh / _WH_PER_MWH:.2f} MWh, "
        f"penalty {foundry.penalty_micro / MICRO:,.2f}",
    )


def _once(results: Results) -> list[Check]:
    positions = results.traded.positions_wh(results.cast)
    return [
        counted_once(
            name,
            results.closures[results.cast[name].address].charge_micro or 0,
            [int(wh) for wh in positions[name]],
            results.values_wh(name),
            results.used_wh(name),
            results.traded.settlement.clearing.prices,
            results.traded.rules,
        )
        for name in (PLANT, FOUNDRY)
    ]


def _held(results: Results) -> Check:
    """Escrows and bonds of all programmes are the tokens the contract has."""
    platform = results.stage.platform
    chain = platform.chain
    token, contract = chain.address("SettlementToken"), chain.address("DemandResponse")
    programmes = flexibility.programmes(platform)
    with platform.transaction() as session:
        bonds = sum(
            enrolment.bond_micro
            for programme in programmes
            for enrolment in flexibility.enrolments(platform, session, programme.programme)
        )
    escrows = sum(programme.escrow_micro for programme in programmes)
    held = chain.call("SettlementToken", "balanceOf", contract)
    said = chain.call("DemandResponse", "held", token)
    return Check(
        "escrows and bonds are the tokens that demand response holds",
        escrows + bonds == held == said and not any(p.set_aside_micro for p in programmes),
        f"{held / MICRO:,.2f} tokens, nothing left set aside",
    )


def _bound(results: Results) -> Check:
    """A peak that no operation of this plant could reach would mean a wrong plan or proof."""
    proof = results.plan.proof
    return Check(
        "the planned peak is not below its proven lower bound",
        proof.peak_w >= proof.peak_bound_w * (1.0 - 1e-6),
        f"{proof.peak_w / _W_PER_MW:,.1f} MW, at least {proof.peak_bound_w / _W_PER_MW:,.1f} MW",
    )
