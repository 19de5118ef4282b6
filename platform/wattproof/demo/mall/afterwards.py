"""What becomes of credits: sold on the market, redeemed, spent on energy, expired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from market import energy_credits, mall_energy
from market.energy_credits.bids import credit_ask, credit_bid
from market.energy_credits.rules import expiry_slot
from market.quantise import price_nano_per_kwh
from market.supply import consumer_bids
from wattproof.demo import cast as casting
from wattproof.demo import metering, trading
from wattproof.demo.calendar import DAY_S
from wattproof.demo.cast import Member
from wattproof.demo.mall import crediting
from wattproof.demo.mall.participants import Joined
from wattproof.demo.mall.scene import OFFICE, RETAILER, SUPPLIER, Scene
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.errors import InvalidError
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow

REDEMPTION = price_nano_per_kwh(0.25)
_RULES = mall_energy.MANIFEST.rules
_RETAILER_WORTH = 0.32
_OFFICE_WORTH = 0.28
_OFFICE_LIMIT = 0.5
_LEAST_CREDITS_WH = 1_000
_ROUNDING = 1.01
"""A hundredth more than bids need: every bid is rounded up to a micro-unit."""
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Used:
    """Credits redeemed and spent, Wh, the round in which they bought energy, and its closing."""

    redeemed_wh: int
    spent_wh: int
    bought: TradedRound
    closures: Mapping[str, ClosureRow]


def sell(
    stage: Stage, joined: Joined, scene: Scene, issued: Mapping[str, int], expiry: int
) -> TradedRound:
    """Malls offer their credits; who must show savings and who buys energy with them bid.

    Raises:
        InvalidError: nothing worth trading was credited.
    """
    cast, manifest = joined.cast, energy_credits.MANIFEST
    earned = {name: wh for name, wh in issued.items() if wh > 0}
    total = sum(earned.values())
    if total < _LEAST_CREDITS_WH:
        raise InvalidError(
            f"the malls' meters show {total} Wh of reduction on this day: there is nothing to "
            "sell. Choose a day with more cooling (--day)"
        )
    for name, wh in earned.items():
        crediting.offer(stage, cast[name], joined.credits, expiry, wh)
    bids = (
        *(credit_ask(name, wh, REDEMPTION) for name, wh in earned.items()),
        credit_bid(RETAILER, total // 2, _RETAILER_WORTH),
        credit_bid(OFFICE, min(total // 3, _office_credits_wh(scene)), _OFFICE_WORTH),
    )
    casting.set_margins_aside(stage, cast, joined.credits, manifest, bids, "credits")
    opened = trading.open_round(
        stage,
        joined.credits,
        gate_at=stage.now() + trading.GATE_LEAD_S,
        first_slot=expiry_slot(expiry),
        slots=1,
    )
    signed, receipts = trading.hand_in(stage, cast, opened, bids)
    return trading.settle(stage, opened, manifest.rules, signed, receipts)


def use(stage: Stage, joined: Joined, scene: Scene, series: int) -> Used:
    """The retailer redeems a half of what it bought; the office spends all on energy."""
    cast = joined.cast
    redeemed_wh = crediting.held_wh(stage, cast[RETAILER], series) // 2
    crediting.redeem(stage, cast[RETAILER], series, redeemed_wh)
    spent_wh = crediting.held_wh(stage, cast[OFFICE], series)
    crediting.spend(stage, cast[OFFICE], series, spent_wh, joined.energy)
    covered = min(1.0, spent_wh / _office_credits_wh(scene))
    wanted = consumer_bids(
        OFFICE, np.floor(covered * scene.office_wh), _OFFICE_LIMIT, _RULES.price_cap
    )
    supply = scene.supply()
    casting.set_margins_aside(stage, cast, joined.energy, mall_energy.MANIFEST, supply, "next day")
    period = stage.now() // DAY_S + 1
    opened = trading.open_round(
        stage,
        joined.energy,
        gate_at=stage.now() + trading.GATE_LEAD_S,
        first_slot=period * _RULES.period_slots,
        slots=_RULES.period_slots,
    )
    signed, receipts = trading.hand_in(stage, cast, opened, (*wanted, *supply))
    bought = trading.settle(stage, opened, _RULES, signed, receipts)
    stage.advance_to((period + 1) * DAY_S)
    positions = bought.positions_wh(cast)
    drawn = {name: positions[name] for name in (OFFICE, SUPPLIER)}
    metering.post_energy(stage, cast, joined.energy, period, drawn)
    stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
    closures = metering.closures(stage, joined.energy, period)
    return Used(redeemed_wh, spent_wh, bought, closures)


def _office_credits_wh(scene: Scene) -> int:
    """Credits whose value is the margin that the office's bids need, Wh."""
    margin_per_kwh = _OFFICE_LIMIT + _RULES.imbalance_cap / _NANO
    factor = _ROUNDING * margin_per_kwh * _NANO / REDEMPTION
    return max(1, int(factor * float(scene.office_wh.sum())))


def expire(stage: Stage, issuer: Member, series: int, expiry: int) -> int:
    """What is neither redeemed nor spent by then; the utility gets its escrow back."""
    standing = crediting.standing(stage, series)
    stage.advance_to(expiry)
    crediting.sweep(stage, issuer, series)
    return standing.issued_wh - standing.spent_wh
