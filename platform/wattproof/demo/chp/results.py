"""What came of the day: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from market.dispatch import energy_of
from market.units import SCALE, ceil_div
from wattproof.demo.checks import (
    MICRO,
    closed,
    money,
    plan_checks,
    replayed,
    round_checks,
)
from wattproof.demo.chp.figures import figures_of, target_wh
from wattproof.demo.chp.lived import Results
from wattproof.demo.chp.scene import FOUNDRY, PLANT
from wattproof.demo.deviations import counted_once
from wattproof.demo.report import Check, Comparison, DemoReport
from wattproof.flexibility import service as flexibility
from wattproof.flexibility.service import PartStatus

_WH_PER_MWH = 1e6
_W_PER_MW = 1e6


def report_on(results: Results, strategies: Comparison, seconds: Mapping[str, float]) -> DemoReport:
    """Check everything that must hold, and count."""
    return DemoReport(
        title=results.scene.title,
        input=results.scene.input,
        figures=figures_of(results),
        checks=tuple(_checks(results)),
        strategies=strategies,
        notes=results.scene.notes,
        seconds=dict(seconds),
    )


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
        target = target_wh(results, event, results.targets_w[event, name])
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
