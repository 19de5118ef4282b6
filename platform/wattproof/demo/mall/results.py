"""What came of the days: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.dispatch import COST
from market.reference.baseline import BaselineRule
from market.units import SCALE
from twin.mall.assessment import assess
from twin.mall.building import FloatArray
from twin.mall.plan import MallOutcome, MallPlan, energy_cost
from twin.mall.votes import band_shift_k
from wattproof.audit import Report
from wattproof.credits.service import Series
from wattproof.demo.checks import (
    MICRO,
    closed,
    money,
    plan_checks,
    replayed,
    round_checks,
    settlement_gas,
)
from wattproof.demo.deviations import counted_once, ten_of_ten_wh
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.mall import crediting
from wattproof.demo.mall.crediting import OpenWindow
from wattproof.demo.mall.figures import MallFigures
from wattproof.demo.mall.participants import Joined
from wattproof.demo.mall.scene import ARCADE, MALL, OFFICE, RETAILER, Scene
from wattproof.demo.metering import whole_wh
from wattproof.demo.report import Check, Comparison, DemoReport
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.meters.models import ClosureRow

_KWH = 1_000.0
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from.

    Attributes:
        planned: the twin's plan with the dispatcher's edits; ``outcome`` what came of it.
        metered_wh: what every meter showed on the day, Wh a slot by name.
        caps_wh: what each mall promised at most; ``issued_wh`` what it was credited.
        sold: the round in which credits were sold; ``bought`` that in which they bought energy.
        series: as it stands at the end. ``expired_wh`` is what nobody used in time.
        corrected: the inputs of the mall's next plan.
    """

    scene: Scene
    stage: Stage
    joined: Joined
    reviewed: Reviewed
    planned: MallPlan
    outcome: MallOutcome
    metered_wh: Mapping[str, FloatArray]
    traded: TradedRound
    closures: Mapping[str, ClosureRow]
    window: OpenWindow
    rule: BaselineRule
    caps_wh: Mapping[str, int]
    issued_wh: Mapping[str, int]
    sold: TradedRound
    bought: TradedRound
    bought_closures: Mapping[str, ClosureRow]
    series: Series
    redeemed_wh: int
    spent_wh: int
    expired_wh: int
    corrected: Mapping[str, Any]
    replay: Report

    def values_wh(self, name: str) -> tuple[int, ...]:
        """A meter's reading of the day, whole Wh a slot."""
        return whole_wh(self.metered_wh[name])

    def used_wh(self, name: str) -> list[int]:
        """Reductions that credits are issued for, recomputed, Wh a slot of the day."""
        day = self.values_wh(name)
        past = self.scene.past.whole_wh(name)
        baseline = ten_of_ten_wh(past, day, self.window.place, self.rule)
        used = [0] * len(day)
        left = self.caps_wh[name]
        for slot, usual in enumerate(baseline, start=self.window.first_slot):
            used[slot] = min(max(0, usual - day[slot]), left)
            left -= used[slot]
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


def _figures(results: Results) -> MallFigures:
    scene, settlement = results.scene, results.traded.settlement
    inputs = scene.mall.inputs
    horizon, signal = inputs.site.horizon, inputs.signal
    lowest, highest = results.traded.price_range
    before, after = scene.mall.uncontrolled, results.outcome
    judged = assess(inputs.model(), signal, after, horizon)
    votes = inputs.site.votes or {}
    changes = {each.name: each.change for each in results.reviewed.changed.indicators}
    shifts = [band_shift_k(votes.get(name, {})) for name in inputs.site.mall.zone_names]
    closures = (*results.closures.values(), *results.bought_closures.values())
    gas = settlement_gas(results.stage, results.traded)
    return MallFigures(
        orders=settlement.book.count,
        filled_orders=results.traded.filled_orders,
        traded_kwh=results.traded.traded_wh / _KWH,
        lowest_price=lowest,
        highest_price=highest,
        peak_kwh=_peak_kwh(scene, after),
        uncontrolled_peak_kwh=_peak_kwh(scene, before),
        energy_cost=energy_cost(after.electricity_w, signal, horizon),
        uncontrolled_cost=energy_cost(before.electricity_w, signal, horizon),
        comfort_share=judged.in_band,
        mean_dissatisfied=judged.dissatisfied,
        votes=round(sum(sum(tally.values()) for tally in votes.values())),
        votes_shift_k=float(np.mean(shifts)),
        edits=len(results.reviewed.edits),
        edit_cost=changes[COST] / MICRO,
        edit_response_kwh=changes["peak_response"] / _KWH,
        promised_kwh=sum(results.caps_wh.values()) / _KWH,
        issued_kwh=sum(results.issued_wh.values()) / _KWH,
        credit_price=results.sold.settlement.clearing.prices[0] / _NANO,
        sold_kwh=_sold_wh(results) / _KWH,
        redeemed_kwh=results.redeemed_wh / _KWH,
        spent_kwh=results.spent_wh / _KWH,
        expired_kwh=results.expired_wh / _KWH,
        imbalance=sum(row.charge_micro or 0 for row in closures) / MICRO,
        gas_per_order=gas / max(settlement.book.count, 1),
        dust_micro=settlement.dust_micro,
    )


def _peak_kwh(scene: Scene, outcome: MallOutcome) -> float:
    return float(outcome.electricity_w[scene.peak].sum()) * scene.slot_hours / _KWH


def _sold_wh(results: Results) -> int:
    settled = results.sold.settlement
    return sum(
        fill
        for each, fill in zip(settled.book.orders, settled.clearing.fills, strict=True)
        if each.order.legs[0].coefficient > 0
    )


# -- checks ----------------------------------------------------------------------------------------


def _checks(results: Results) -> list[Check]:
    stage, joined = results.stage, results.joined
    return [
        *plan_checks(stage, results.reviewed, results.traded, MALL, [joined.cast[MALL].address]),
        *round_checks(stage, results.traded, "the energy round"),
        closed(joined.cast, results.traded, results.closures),
        _issued(results),
        _promise(results),
        *_once(results),
        *round_checks(stage, results.sold, "the round of credits"),
        _moved(results),
        *round_checks(stage, results.bought, "the next day's round"),
        closed(joined.cast, results.bought, results.bought_closures, " of the next day"),
        _spent(results),
        _conserved(results),
        _escrow(results),
        money(stage, joined.cast, [joined.energy, joined.credits]),
        _peak(results),
        _comfort(results),
        Check(
            "the twin learnt from the meters",
            results.corrected["days_closed"] == 1,
            "day 1",
        ),
        replayed(results.replay),
    ]


def _issued(results: Results) -> Check:
    wrong = [
        f"{name}: {issued}, not {sum(results.used_wh(name))}"
        for name, issued in results.issued_wh.items()
        if issued != sum(results.used_wh(name))
    ]
    return Check(
        "credits are the metered reductions against the baseline",
        not wrong and any(results.issued_wh.values()),
        ", ".join(wrong) or f"{len(results.issued_wh)} malls recomputed to the Wh",
    )


def _promise(results: Results) -> Check:
    """A promise alone earns nothing, and bounds what is earned."""
    issued, caps = results.issued_wh, results.caps_wh
    return Check(
        "nobody is credited more than it promised",
        all(issued[name] <= caps[name] for name in caps),
        ", ".join(
            f"{name} {issued[name] / _KWH:,.1f} of {caps[name] / _KWH:,.1f} kWh" for name in caps
        ),
    )


def _once(results: Results) -> list[Check]:
    cast = results.joined.cast
    positions = results.traded.positions_wh(cast)
    return [
        counted_once(
            name,
            results.closures[cast[name].address].charge_micro or 0,
            [int(wh) for wh in positions[name]],
            results.values_wh(name),
            results.used_wh(name),
            results.traded.settlement.clearing.prices,
            results.traded.rules,
        )
        for name in (MALL, ARCADE)
    ]


def _moved(results: Results) -> Check:
    """Credits of sellers who sold nothing of them are still there; buyers hold or used theirs."""
    stage, cast, series = results.stage, results.joined.cast, results.window.series
    market, slot = results.joined.credits, results.sold.opened.first_slot
    chain = stage.platform.chain
    held = {
        name: crediting.held_wh(stage, cast[name], series)
        + chain.call("EnergyCredits", "offerOf", market, slot, cast[name].address)["offered"]
        for name in (MALL, ARCADE, RETAILER, OFFICE)
    }
    gone = {RETAILER: results.redeemed_wh, OFFICE: results.spent_wh}
    settled = results.sold.settlement
    moved = dict.fromkeys(held, 0)
    for each, fill in zip(settled.book.orders, settled.clearing.fills, strict=True):
        sign = 1 if each.order.legs[0].coefficient > 0 else -1
        moved[cast.names[each.order.trader]] += sign * fill
    return Check(
        "credits moved with the money, to the Wh",
        all(
            held[name] + gone.get(name, 0) == results.issued_wh.get(name, 0) + moved[name]
            for name in held
        )
        and _sold_wh(results) > 0,
        f"{_sold_wh(results) / _KWH:,.1f} kWh changed hands",
    )


def _spent(results: Results) -> Check:
    """The office never deposited in the energy market: its margin came from credits alone."""
    cast = results.joined.cast
    bought = results.bought.positions_wh(cast)[OFFICE]
    value = results.spent_wh * results.series.terms.redemption_nano_per_kwh // SCALE
    paid = results.bought.payments_micro[cast[OFFICE].address]
    return Check(
        "credits bought energy",
        0 < paid <= value and float(bought.sum()) > 0.0,
        f"{bought.sum() / _KWH:,.1f} kWh for {paid / MICRO:,.2f} of {value / MICRO:,.2f} spent",
    )


def _conserved(results: Results) -> Check:
    issued = sum(results.issued_wh.values())
    used = results.redeemed_wh + results.spent_wh
    return Check(
        "credits issued are redeemed, spent or expired",
        results.series.issued_wh == issued == used + results.expired_wh
        and results.series.spent_wh == used,
        f"{issued / _KWH:,.1f} = {results.redeemed_wh / _KWH:,.1f} + "
        f"{results.spent_wh / _KWH:,.1f} + {results.expired_wh / _KWH:,.1f} kWh",
    )


def _escrow(results: Results) -> Check:
    chain = results.stage.platform.chain
    held = chain.call("SettlementToken", "balanceOf", chain.address("EnergyCredits"))
    return Check(
        "nothing of an expired series' escrow stays behind",
        held == 0 and results.series.escrow_micro == 0 and results.series.open_budget_wh == 0,
        f"{held / MICRO:,.2f} tokens held",
    )


def _peak(results: Results) -> Check:
    after = _peak_kwh(results.scene, results.outcome)
    before = _peak_kwh(results.scene, results.scene.mall.uncontrolled)
    return Check(
        "the mall drew less in the grid's peak than without control",
        after < before,
        f"{after:,.0f} kWh instead of {before:,.0f} kWh",
    )


def _comfort(results: Results) -> Check:
    inputs = results.scene.mall.inputs
    share = assess(inputs.model(), inputs.signal, results.outcome, inputs.site.horizon).in_band
    wanted = inputs.site.comfort_share
    return Check(
        "customers were comfortable for as much of the day as planned for",
        share >= wanted,
        f"{share:.1%} of zones and opening hours, {wanted:.0%} wanted",
    )
