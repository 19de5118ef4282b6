"""What came of the park's day: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from market.network.comparison import differences
from market.park_energy.delivery import stored_wh
from market.park_energy.rules import CARRIERS, RULES, ZONES
from market.units import SCALE, ceil_div
from twin.park.carriers import Carrier
from twin.park.site import FloatArray
from wattproof.demo.checks import (
    closed,
    money,
    plan_checks,
    replayed,
    round_checks,
)
from wattproof.demo.deviations import imbalance_scaled
from wattproof.demo.park.bound import bound_of
from wattproof.demo.park.figures import figures_of
from wattproof.demo.park.lived import Results
from wattproof.demo.park.scene import NETWORK
from wattproof.demo.report import Check, Comparison, DemoReport

_WH_PER_MWH = 1e6


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


def _checks(results: Results) -> list[Check]:
    stage, cast, traded = results.stage, results.cast, results.traded
    found: list[Check] = []
    for name, reviewed in results.reviewed.items():
        found += plan_checks(stage, reviewed, traded, name, [cast[name].address])
    return [
        *found,
        *round_checks(stage, traded),
        _traded_everywhere(results),
        _edits_run(results),
        _stores(results),
        _transport(results),
        _links(results),
        _bound(results),
        closed(cast, traded, results.closures),
        _imbalance(results),
        _failure(results),
        money(stage, cast, [traded.opened.market]),
        _learnt(results),
        replayed(results.replay),
    ]


def _traded_everywhere(results: Results) -> Check:
    """Every carrier that somebody needs was traded, and every process served at least in part."""
    energy = results.bought_wh().sum(axis=2)
    wanted = {int(part.carrier) for _, part in results.scene.park.processes()}
    idle = [CARRIERS[carrier] for carrier in sorted(wanted) if not energy[carrier].any()]
    places = int((energy > 0.0).sum())
    return Check(
        "every carrier that is needed was traded",
        not idle,
        f"{places} carriers and zones" if not idle else f"not {', '.join(idle)}",
    )


def _edits_run(results: Results) -> Check:
    """What a person fixed of a machine is what it was cleared to run, to a Wh a segment."""
    name = results.scene.desk_site
    reviewed = results.reviewed[name]
    site = results.scene.park.site(name)
    machines = {part.name: part for part in site.converters}
    wrong = []
    for edit in reviewed.edits:
        ran = sum(
            each.units
            for each in results.filled()
            if each.offer.part == edit.line
            and each.offer.bid.owner_id == name
            and each.offer.bid.legs[0].slot == edit.slot
        )
        wanted = edit.value_w * results.scene.slot_hours
        if abs(ran - wanted) > len(machines[edit.line].segments):
            wrong.append(f"{edit}: {ran} Wh")
    return Check(
        "the machine was cleared to run as the dispatcher fixed it",
        not wrong,
        "; ".join(wrong) or f"{len(reviewed.edits)} slots",
    )


def _stores(results: Results) -> Check:
    """With what was filled, no store is ever below empty or above full."""
    park, traded = results.scene.park, results.traded_wh()
    rounding = 2.0 * park.horizon.slots
    wrong, count = [], 0
    for site, store in park.stores():
        if (site.name, store.name) not in traded:
            continue
        net = traded[site.name, store.name][store.carrier]
        course = stored_wh(store, net, park.horizon.slot_hours)
        count += 1
        if course.min() < -rounding or course.max() > store.capacity_wh + rounding:
            wrong.append(f"{site.name} {store.name}: {course.min():.0f} to {course.max():.0f} Wh")
    return Check(
        "every store stays between empty and full",
        not wrong,
        "; ".join(wrong) or f"{count} stores, whatever the market filled of their plans",
    )


def _transport(results: Results) -> Check:
    """The network's account signed exactly what its published description derives."""
    settled = results.traded.settlement
    wrong = list(
        differences(
            results.network,
            settled.book,
            settled.maxima,
            RULES.slot_seconds,
            results.cast[NETWORK].address,
            0,
        )
    )
    return Check(
        "the network offered what its published description says, no more and no less",
        not wrong,
        "; ".join(f"{each.order} {each.what}" for each in wrong[:3])
        or f"{len(results.network.links)} links in every slot",
    )


def _links(results: Results) -> Check:
    """No link carries more than it can, and none pays for carrying."""
    found = results.flows()
    wrong = [each for each in found if abs(each.flow_wh) > each.limit_wh or each.revenue_micro < 0]
    full = sum(1 for each in found if abs(each.flow_wh) == each.limit_wh > 0)
    return Check(
        "no link carries more than it can or pays for carrying",
        not wrong,
        f"{full} of {len(found)} links and slots full",
    )


def _bound(results: Results) -> Check:
    """The market's welfare against what one plan of the whole park, with the same forecast, could
    reach at best: never above, and close below."""
    bound = bound_of(results)
    return Check(
        "the market reaches what one plan of the whole park could, and no more",
        0.99 * bound.most <= bound.reached <= bound.most * (1.0 + 1e-6),
        f"{bound.reached:,.0f} of at most {bound.most:,.0f}, {bound.reached / bound.most:.3%}",
    )


def _imbalance(results: Results) -> Check:
    """Every account's charge, recomputed from positions, readings and prices of all carriers."""
    settled = results.traded.settlement
    slots = results.scene.park.horizon.slots
    zones = len(ZONES)
    wrong = []
    for name, member in results.cast.members.items():
        closure = results.closures.get(member.address)
        if closure is None:
            continue
        total = 0
        for carrier in range(len(CARRIERS)):
            if (name, carrier) not in results.metered_wh:
                continue
            first = carrier * zones * slots
            position = results.traded.positions_wh(results.cast, carrier)[name]
            total += imbalance_scaled(
                [int(wh) for wh in position],
                results.metered_wh[name, carrier],
                [0] * slots,
                settled.clearing.prices[first : first + slots],
                results.traded.rules,
            )
        if closure.charge_micro != ceil_div(total, SCALE):
            wrong.append(f"{name}: {closure.charge_micro}, not {ceil_div(total, SCALE)}")
    return Check(
        "imbalance of every account follows from its meters, carrier by carrier",
        not wrong,
        "; ".join(wrong[:3]) or f"{len(results.metered_wh)} meters recomputed",
    )


def _failure(results: Results) -> Check:
    """A machine that fails is short of what it gives and long in what it takes."""
    failure = results.scene.failure
    site = results.scene.park.site(failure.site)
    (part,) = (each for each in site.converters if each.name == failure.part)
    deviation = _deviation_wh(results, failure.site)
    inside = deviation[:, list(failure.slots)].sum(axis=1)
    ran = any(
        each.units
        for each in results.filled()
        if (each.offer.bid.owner_id, each.offer.part) == (failure.site, failure.part)
        and each.offer.bid.legs[0].slot in failure.slots
    )
    good = not ran or (
        inside[Carrier.ELECTRICITY] > 0.0 and all(inside[carrier] < 0.0 for carrier in part.inputs)
    )
    return Check(
        "a failing machine is charged for what it did not give, carrier by carrier",
        good,
        ", ".join(
            f"{inside[carrier] / _WH_PER_MWH:+.2f} MWh {carrier.label}" for carrier in part.carriers
        )
        if ran
        else "it did not run then",
    )


def _deviation_wh(results: Results, name: str) -> FloatArray:
    """Metered less traded of an account, Wh, shape (carrier, slot)."""
    slots = results.scene.park.horizon.slots
    deviation = np.zeros((len(CARRIERS), slots))
    for carrier in range(len(CARRIERS)):
        if (name, carrier) in results.metered_wh:
            position = results.traded.positions_wh(results.cast, carrier)[name]
            deviation[carrier] = np.array(results.metered_wh[name, carrier]) - position
    return deviation


def _learnt(results: Results) -> Check:
    """The desk site's next plan starts from what its machines really gave."""
    failure = results.scene.failure
    before = results.scene.park.site(failure.site)
    rates = {
        each["name"]: each["segments"][0]["rates"]
        for each in results.corrected["site"]["converters"]
    }
    known = {part.name for part in before.converters}
    return Check(
        "the twin's next inputs come from the meters",
        known == set(rates) and results.corrected["price_per_kwh"] is not None,
        f"{len(rates)} machines of {failure.site}",
    )
