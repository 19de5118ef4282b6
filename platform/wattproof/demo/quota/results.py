"""What came of the year: checks and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from market.quantise import price_nano_per_kwh
from market.units import SCALE, ceil_div
from wattproof.demo.checks import MICRO, closed, money, replayed, round_checks
from wattproof.demo.quota.certified import certificate_checks
from wattproof.demo.quota.figures import figures_of
from wattproof.demo.quota.lived import Results
from wattproof.demo.quota.participants import GOVERNMENT_DELAY_S
from wattproof.demo.quota.scene import GOVERNMENT
from wattproof.demo.quota.supervising import seen_withheld_wh
from wattproof.demo.quota.tables import ComplianceTable, YearTable
from wattproof.demo.report import Check, DemoReport
from wattproof.quotas.service import CONTRACT, PUBLICATION_DELAY_S

_MWH = 1e6


def report_on(results: Results, seconds: Mapping[str, float]) -> DemoReport:
    """Check everything that must hold, and count."""
    return DemoReport(
        title=results.scene.title,
        input=results.scene.input,
        figures=figures_of(results),
        checks=tuple(_checks(results)),
        notes=(*results.scene.notes, *_said(results)),
        seconds=dict(seconds),
        further=_supervision(results),
        parts={"year": YearTable.of(results), "compliance": ComplianceTable.of(results)},
    )


def _supervision(results: Results) -> dict[str, Any]:
    if results.supervised is None:
        return {}
    findings = [
        {"kind": finding.kind.value, "market": finding.market, "sentence": finding.sentence}
        for finding in results.supervised.findings
    ]
    return {"supervisor": {"findings": findings}}


def _said(results: Results) -> list[str]:
    """What the supervisor's report says of certificates."""
    if results.supervised is None:
        return []
    return [
        f"Supervisor: {finding.sentence}"
        for finding in results.supervised.findings
        if finding.market in (results.joined.certificates, None)
    ]


def _checks(results: Results) -> list[Check]:
    stage, joined = results.stage, results.joined
    return [
        *_every(
            round_checks(stage, month.traded, "every month of power") for month in results.power
        ),
        *_every([closed(joined.cast, month.traded, month.closures)] for month in results.power),
        _announced(results),
        _dispute(results),
        *certificate_checks(results),
        *_every(round_checks(stage, month.traded, "every vintage") for month in results.sold),
        _capped(results),
        _withheld(results),
        _seen(results),
        _owed(results),
        _banked(results),
        _short(results),
        _penalties(results),
        _bonds(results),
        money(stage, joined.cast, [joined.electricity, joined.certificates]),
        replayed(results.replay),
    ]


def _every(rounds: Iterable[list[Check]]) -> list[Check]:
    """The same checks of several rounds as one each: the first that fails, or how many hold."""
    merged = []
    for same in zip(*rounds, strict=True):
        failed = [check for check in same if not check.ok]
        detail = failed[0].detail if failed else f"{len(same)} rounds"
        merged.append(Check(same[0].name, not failed, detail))
    return merged


def _announced(results: Results) -> Check:
    early = [
        results.year.starts(quota.plan.vintages[0]) - quota.made_at for quota in results.quotas
    ]
    waited = [quota.made_at - quota.announced_at for quota in results.quotas]
    return Check(
        "every quota was announced a day before it was made, and made a week before it counts",
        min(waited) >= GOVERNMENT_DELAY_S and min(early) >= PUBLICATION_DELAY_S,
        f"{min(early) / 86_400:.1f} days ahead",
    )


def _dispute(results: Results) -> Check:
    found = [month.disputed for month in results.power if month.disputed is not None]
    wrong = [each for each in found if each.disputed_at != each.last_second]
    return Check(
        "a wrong reading was disputed in its last second and replaced",
        len(found) == 1 and not wrong and found[0].posted_wh != found[0].replaced_wh,
        ", ".join(
            f"{each.name}: {-sum(each.posted_wh) / _MWH:,.0f} MWh became "
            f"{-sum(each.replaced_wh) / _MWH:,.0f}"
            for each in found
        ),
    )


def _capped(results: Results) -> Check:
    """Beyond the penalty nobody has to buy."""
    highest = {
        quota.number: max(results.sold[vintage].price_per_kwh for vintage in quota.plan.vintages)
        for quota in results.quotas
    }
    return Check(
        "no vintage cost more than the penalty it saves",
        all(
            highest[quota.number] <= quota.plan.penalty_per_kwh + 1e-12 for quota in results.quotas
        ),
        ", ".join(
            f"{highest[quota.number]:.4f} of {quota.plan.penalty_per_kwh:.4f}"
            for quota in results.quotas
        ),
    )


def _withheld(results: Results) -> Check:
    """The same bids cleared with everything on offer."""
    table = YearTable.of(results)
    raised = [row for row in table.rows if row.withheld_mwh > 0 and row.price > row.whole_price]
    lowered = [row for row in table.rows if row.price < row.whole_price]
    return Check(
        "holding certificates back raised their price and never lowered it",
        bool(raised) and not lowered,
        f"in {len(raised)} of {len(table.rows)} vintages",
    )


def _seen(results: Results) -> Check:
    """The supervisor knows books, balances and obligations; nobody told it of a plan."""
    document, joined = results.supervised, results.joined
    watched = results.sold[: results.scene.withholding]
    wrong = [
        month.traded.opened.number
        for month in watched
        if document is None or seen_withheld_wh(document, joined, month) != month.withheld_wh
    ]
    holders = {name for month in watched for name, wh in month.withheld_wh.items() if wh}
    return Check(
        "the supervisor sees from the chain alone who held back how much, to the Wh",
        not wrong and bool(holders),
        ", ".join(sorted(holders)) if not wrong else f"not in rounds {wrong}",
    )


def _owed(results: Results) -> Check:
    """Energy and obligations recomputed from final readings."""
    wrong = []
    for each in results.compliance:
        vintages = results.quota(each.quota).plan.vintages
        values = [wh for v in vintages for wh in results.power[v].metered_wh[each.name]]
        sign = 1 if each.obliged.basis else -1
        energy = sum(max(sign * wh, 0) for wh in values)
        owed = ceil_div(energy * each.obliged.ratio, SCALE)
        if (each.energy_wh, each.owed_wh) != (energy, owed):
            wrong.append(f"{each.name}: {each.owed_wh}, not {owed}")
    return Check(
        "obligations are the quota's share of what meters finally show",
        not wrong and bool(results.compliance),
        ", ".join(wrong) or f"{len(results.compliance)} obligations recomputed to the Wh",
    )


def _banked(results: Results) -> Check:
    beyond = [
        each.name
        for each in results.compliance
        if each.banked_wh > results.quota(each.quota).plan.bank_limit * each.owed_wh // SCALE
    ]
    total = sum(each.banked_wh for each in results.compliance if each.quota > 1)
    early = sum(each.banked_wh for each in results.compliance if each.quota == 1)
    return Check(
        "certificates of the first quota met part of the second, within the bank's limit",
        not beyond and total > 0 and early == 0,
        f"{total / _MWH:,.1f} MWh banked",
    )


def _short(results: Results) -> Check:
    """Whoever wanted all that it needed lacks some only if the last vintage was sold out."""
    short = [each for each in results.compliance if each.shortfall_wh]
    careless = [each for each in results.compliance if each.obliged.thrift < 1.0]
    unlucky = [each for each in short if each not in careless]
    sold_out = {
        quota.number: results.sold[quota.plan.vintages[-1]].is_sold_out for quota in results.quotas
    }
    return Check(
        "who bought too little fell short, others only where nothing more was on offer",
        bool(careless)
        and all(each.shortfall_wh for each in careless)
        and all(sold_out[each.quota] for each in unlucky),
        ", ".join(f"{each.name} by {each.shortfall_wh / _MWH:,.1f} MWh" for each in short),
    )


def _penalties(results: Results) -> Check:
    """Recomputed: no more than the bond, and paid into the government's balance."""
    wrong = []
    for each in results.compliance:
        quota = results.quota(each.quota)
        shortfall = max(0, each.owed_wh - each.surrendered_wh)
        penalty = ceil_div(shortfall * price_nano_per_kwh(quota.plan.penalty_per_kwh), SCALE)
        bond = quota.bonds_micro[each.name]
        said = (each.shortfall_wh, each.penalty_micro, each.paid_micro, each.bond_returned_micro)
        paid = min(penalty, bond)
        if said != (shortfall, penalty, paid, bond - paid):
            wrong.append(each.name)
    chain = results.stage.platform.chain
    received = chain.call(
        "Ledger",
        "free",
        chain.address("SettlementToken"),
        results.joined.cast[GOVERNMENT].address,
    )
    paid = sum(each.paid_micro for each in results.compliance)
    return Check(
        "bonds paid the penalties, never more than they held, and the rest returned",
        not wrong and received == paid > 0,
        ", ".join(wrong) or f"{paid / MICRO:,.2f} tokens to the government",
    )


def _bonds(results: Results) -> Check:
    chain = results.stage.platform.chain
    held = chain.call("SettlementToken", "balanceOf", chain.address(CONTRACT))
    return Check(
        "no bond stays behind once everybody is settled", held == 0, f"{held / MICRO:,.2f} tokens"
    )
