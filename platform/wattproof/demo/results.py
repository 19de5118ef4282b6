"""What came of the day: checks and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import col, or_, select

from market import certificate
from market.certificate import CertificateError, Commitment
from market.ev_battery import MANIFEST
from market.order import SignedOrder
from market.settlement import Settlement
from market.units import SCALE, ceil_div
from twin.ev_fleet.model import FloatArray, PriceSignal
from twin.ev_fleet.plan import FleetOutcome, energy_served_wh, outcome_cost
from twin.ev_fleet.twin import FleetModel
from wattproof.audit import Report
from wattproof.demo.cast import Cast
from wattproof.demo.report import Check, DemoReport, Figures
from wattproof.demo.scene import Scene
from wattproof.gateway.models import OutboxRow
from wattproof.meters.models import ClosureRow
from wattproof.orders.service import SignedReceipt
from wattproof.rounds.facts import get_round
from wattproof.rounds.models import RoundRow
from wattproof.runtime import Platform

_WH_PER_KWH = 1_000.0
_MICRO = 1e6
_NANO = 1e9
_RULES = MANIFEST.rules


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from."""

    scene: Scene
    platform: Platform
    cast: Cast
    round: int
    first_slot: int
    signed: Sequence[SignedOrder]
    receipts: Sequence[SignedReceipt]
    receipts_hold: bool
    settlement: Settlement
    positions_wh: Mapping[str, FloatArray]
    outcome: FleetOutcome
    closures: Mapping[str, ClosureRow]
    corrected: FleetModel
    replay: Report


def report_on(results: Results, seconds: Mapping[str, float]) -> DemoReport:
    """Check everything that must hold, and count."""
    with results.platform.transaction() as session:
        row = get_round(session, results.cast.market, results.round)
    return DemoReport(
        title=results.scene.title,
        input=results.scene.input,
        figures=_figures(results, row),
        checks=tuple(_checks(results, row)),
        seconds=dict(seconds),
    )


# -- figures ---------------------------------------------------------------------------------------


def _figures(results: Results, row: RoundRow) -> Figures:
    scene, settlement = results.scene, results.settlement
    traded = sum(
        entry.quantity_wh
        for leaf in settlement.positions
        for entry in leaf.entries
        if entry.quantity_wh > 0
    )
    prices = [
        price
        for price, indicative in zip(
            settlement.clearing.prices, settlement.clearing.indicative, strict=True
        )
        if not indicative
    ]
    base_w = scene.metered_load_w()
    peak_w = float(results.outcome.feeder_w(scene.horizon, base_w).max())
    uncontrolled_w = float(scene.baseline.feeder_w(scene.horizon, base_w).max())
    owners = _owner_accounts(results)
    need = float(scene.stays.need_wh.sum())
    served = float(energy_served_wh(results.outcome, scene.stays).sum())
    gas = _settlement_gas(results)
    return Figures(
        orders=settlement.book.count,
        filled_orders=sum(1 for fill in settlement.clearing.fills if fill),
        traded_kwh=traded / _WH_PER_KWH,
        discharged_kwh=float(results.outcome.discharge_wh.sum()) / _WH_PER_KWH,
        lowest_price=min(prices, default=0) / _NANO,
        highest_price=max(prices, default=0) / _NANO,
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
        gas_per_order=gas / max(settlement.book.count, 1),
        chunks=row.chunks or 0,
        gap_micro=int(row.gap_micro or 0),
        welfare=int(row.welfare_micro or 0) / _MICRO,
        dust_micro=settlement.dust_micro,
    )


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
    price = np.array(results.settlement.clearing.prices, dtype=float) / _NANO
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

    payments = _payments(results.settlement)
    bought = penalties = 0.0
    savings: list[float] = []
    for owner in scene.owner_ids:
        own = [place for place, name in enumerate(vehicles.owner_ids) if name == owner]
        address = results.cast.members[owner].address
        metered_wh = results.outcome.energy_wh[own].sum(axis=0)
        deviation_wh = metered_wh - results.positions_wh[owner]
        deviated = float(deviation_wh @ price) / _WH_PER_KWH
        closure = results.closures.get(address)
        penalty = (closure.charge_micro or 0) / _MICRO - deviated if closure else 0.0
        energy = payments.get(address, 0) / _MICRO + deviated
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


def _payments(settlement: Settlement) -> Mapping[str, int]:
    """Micro-units by trader, positive paid."""
    paid: dict[str, int] = {}
    for signed, payment in zip(settlement.book.orders, settlement.payments_micro, strict=True):
        paid[signed.order.trader] = paid.get(signed.order.trader, 0) + payment
    return paid


def _settlement_gas(results: Results) -> int:
    """Gas of the gate's commitment and of all settlement transactions of the round."""
    place = f"{results.cast.market}:{results.round}"
    with results.platform.transaction() as session:
        used = session.exec(
            select(OutboxRow.gas_used).where(
                or_(
                    col(OutboxRow.key).in_([f"gate:{place}", f"settle:{place}"]),
                    col(OutboxRow.key).startswith(f"verify:{place}:"),
                    col(OutboxRow.key).startswith(f"apply:{place}:"),
                )
            )
        ).all()
    return sum(gas or 0 for gas in used)


# -- checks ----------------------------------------------------------------------------------------


def _checks(results: Results, row: RoundRow) -> list[Check]:
    settlement = results.settlement
    book = settlement.book
    in_book = {each.digest for each in book.orders}
    receipted = {receipt.order_hash for receipt in results.receipts}
    everybody = {member.address for member in results.cast.members.values()}
    traded = {leaf.trader for leaf in settlement.positions}
    return [
        Check(
            "every signed order got the operator's receipt",
            results.receipts_hold and receipted == {each.digest for each in results.signed},
            f"{len(receipted)} receipts",
        ),
        Check(
            "the committed book holds every receipted order",
            in_book == receipted and row.book_root == "0x" + book.root.hex(),
            f"{len(in_book)} orders under one root",
        ),
        Check(
            "the round was settled on-chain",
            row.chain_status == "Settled",
            f"status {row.chain_status}",
        ),
        _certificate(results, row),
        Check("energy balances in every quarter-hour", _balances(settlement), "exactly, in Wh"),
        Check(
            "payments add up to the dust",
            sum(settlement.payments_micro) == settlement.dust_micro >= 0,
            f"{settlement.dust_micro} micro-units",
        ),
        Check(
            "nobody paid beyond a signature",
            all(
                payment <= ceil_div(each.order.limit * fill, SCALE) and fill >= 0
                for each, payment, fill in zip(
                    book.orders,
                    settlement.payments_micro,
                    settlement.clearing.fills,
                    strict=True,
                )
            ),
            "payment of every order within its limit",
        ),
        _capacity(results),
        Check(
            "every traded position was closed against its meter",
            traded <= everybody and traded <= results.closures.keys(),
            f"{len(results.closures)} accounts",
        ),
        _money(results),
        Check(
            "the twin learnt from the meters",
            results.corrected.days_closed == results.scene.model.days_closed + 1,
            f"day {results.corrected.days_closed}",
        ),
        _peak(results),
        Check(
            "replay from the chain alone equals the database",
            results.replay.ok,
            f"{sum(results.replay.checked.values()):,} values, "
            f"{len(results.replay.findings)} differences",
        ),
    ]


def _certificate(results: Results, row: RoundRow) -> Check:
    """The solver-free checker's word, against the commitment and the gap the chain computed."""
    settlement = results.settlement
    commitment = Commitment(bytes.fromhex((row.book_root or "0x")[2:]), row.book_count or 0)
    name = "the certificate holds, checked without a solver"
    try:
        found = certificate.check(
            settlement.book, settlement.maxima, settlement.clearing, _RULES, commitment
        )
    except CertificateError as error:
        return Check(name, False, str(error))
    return Check(
        name,
        found.gap_micro == row.gap_micro == 0,
        f"gap {row.gap_micro} micro-units on-chain, welfare {found.welfare_micro / _MICRO:,.2f}",
    )


def _balances(settlement: Settlement) -> bool:
    sums: dict[int, int] = {}
    for leaf in settlement.positions:
        for entry in leaf.entries:
            sums[entry.product] = sums.get(entry.product, 0) + entry.quantity_wh
    return bool(sums) and not any(sums.values())


def _capacity(results: Results) -> Check:
    attested = results.cast.capacity_wh
    names = {address: name for name, address in results.cast.traders.items()}
    beyond = [
        names[leaf.trader]
        for leaf in results.settlement.positions
        if -sum(min(entry.quantity_wh, 0) for entry in leaf.entries)
        > attested.get(names[leaf.trader], 0)
    ]
    return Check(
        "nobody sold more than its passport attests",
        not beyond,
        ", ".join(beyond) or f"{len(attested)} passports",
    )


def _money(results: Results) -> Check:
    """All balances of the ledger, read from the contracts, against the tokens it holds."""
    platform, cast = results.platform, results.cast
    chain = platform.chain
    token = chain.address("SettlementToken")
    accounts = sorted(
        {member.address for member in cast.members.values()} | set(platform.keys.addresses())
    )
    free = chain.call_many([("Ledger", "free", (token, account)) for account in accounts])
    words = chain.call_many([("Ledger", "account", (cast.market, a)) for a in accounts])
    bonds = chain.call_many([("Ledger", "bondOf", (cast.market, a)) for a in accounts])
    total = (
        sum(free)
        + sum(word["margin"] + word["locked"] for word in words)
        + sum(bonds)
        + chain.call("Ledger", "dust", token)
    )
    held = chain.call("SettlementToken", "balanceOf", chain.address("Ledger"))
    return Check(
        "the ledger's balances, bonds and dust are the tokens it holds",
        total == held,
        f"{held / _MICRO:,.2f} tokens",
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
