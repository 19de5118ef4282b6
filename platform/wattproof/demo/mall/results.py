"""What came of the days: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping

from market.units import SCALE
from twin.mall.assessment import assess
from wattproof.demo.checks import (
    MICRO,
    closed,
    money,
    plan_checks,
    replayed,
    round_checks,
)
from wattproof.demo.deviations import counted_once
from wattproof.demo.mall import crediting
from wattproof.demo.mall.figures import figures_of, peak_kwh, sold_wh
from wattproof.demo.mall.lived import Results
from wattproof.demo.mall.scene import ARCADE, MALL, OFFICE, RETAILER
from wattproof.demo.report import Check, Comparison, DemoReport

_KWH = 1_000.0


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
        and sold_wh(results) > 0,
        f"{sold_wh(results) / _KWH:,.1f} kWh changed hands",
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
    after = peak_kwh(results.scene, results.outcome)
    before = peak_kwh(results.scene, results.scene.mall.uncontrolled)
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
