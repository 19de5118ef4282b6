"""The government's quotas: announced by its role, made a day later, a week before they count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from market.green_quota.rules import DAY_SECONDS, VINTAGE_DAYS
from market.quantise import price_nano_per_kwh
from market.units import SCALE, ceil_div
from wattproof.accounts.roles import RestrictedCall
from wattproof.demo.cast import Member, give_tokens
from wattproof.demo.quota.participants import TECHNOLOGY, Joined
from wattproof.demo.quota.scene import GOVERNMENT, Obliged, QuotaPlan, Scene
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.quotas import transactions as quotas
from wattproof.quotas.service import Basis, QuotaTerms

_ANNOUNCED_DAYS = 9.5
_BANK_DAYS = 360
Call = Callable[[], RestrictedCall]


@dataclass(frozen=True, slots=True)
class OpenQuota:
    """A quota of the registry.

    Attributes:
        announced_at, made_at: Unix seconds of the government's word and of its deed.
        bonds_micro: by name of the obliged.
    """

    number: int
    plan: QuotaPlan
    announced_at: int
    made_at: int
    bonds_micro: dict[str, int]


def open_quota(stage: Stage, joined: Joined, scene: Scene, year: Year, which: int) -> OpenQuota:
    """Announce a quota and whom it obliges, do it a day later; the obliged post their bonds.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    plan, platform = scene.quotas[which], stage.platform
    government, number = joined.cast[GOVERNMENT], which + 1
    stage.advance_to(year.starts(plan.vintages[0], -_ANNOUNCED_DAYS))
    announced_at = stage.now()
    terms = QuotaTerms(
        market=joined.electricity,
        carrier=0,
        first_period=year.period(plan.vintages[0]),
        periods=len(plan.vintages),
        penalty_nano_per_kwh=price_nano_per_kwh(plan.penalty_per_kwh),
        bank_limit=plan.bank_limit,
        bank_s=_BANK_DAYS * DAY_SECONDS,
        surrender_by=year.surrender_by(plan),
        technologies=frozenset([int(TECHNOLOGY)]),
        beneficiary=government.address,
    )
    calls: list[Call] = [lambda: quotas.open_quota(platform, government.address, terms)]
    calls += [_oblige(stage, joined, number, each) for each in plan.obliged]
    enact(stage, government, calls)
    bonds = {each.name: bond_micro(scene, plan, each) for each in plan.obliged}
    _post(stage, joined, number, bonds)
    return OpenQuota(number, plan, announced_at, stage.now(), bonds)


def enact(stage: Stage, member: Member, calls: Sequence[Call]) -> None:
    """Announce all calls that the member's role has a delay for, wait, and make them.

    Raises:
        WattproofError: a call needed no announcement: the role has no delay.
    """
    announced = [call() for call in calls]
    due = [each.callable_at for each in announced if each.callable_at is not None]
    if len(due) != len(calls):
        raise WattproofError("the government's role has no delay: nothing was announced")
    stage.transact(member.address, *(each.transaction for each in announced))
    stage.advance_to(max(due) + 60)
    for call in calls:
        stage.transact(member.address, call().transaction)


def bond_micro(scene: Scene, plan: QuotaPlan, obliged: Obliged) -> int:
    """A share of the penalty on all that may be owed, micro-units, rounded up."""
    slots = len(plan.vintages) * VINTAGE_DAYS
    load = {each.name: float(each.forecast_wh.mean()) for each in scene.retailers}
    made = {each.name: each.available_wh for each in scene.plants}
    a_day = made[obliged.name] if obliged.basis is Basis.GENERATION else load[obliged.name]
    owed_wh = round(a_day * slots) * obliged.ratio // SCALE
    most = ceil_div(owed_wh * price_nano_per_kwh(plan.penalty_per_kwh), SCALE)
    return round(most * obliged.bond_share)


def _oblige(stage: Stage, joined: Joined, number: int, each: Obliged) -> Call:
    government, account = joined.cast[GOVERNMENT].address, joined.cast[each.name].address
    return lambda: quotas.oblige(
        stage.platform, government, number, account, each.basis, each.ratio
    )


def _post(stage: Stage, joined: Joined, number: int, bonds: dict[str, int]) -> None:
    cast = joined.cast
    wallets = {cast[name].address: micro for name, micro in bonds.items()}
    give_tokens(stage, wallets, key=f"bond of quota {number}")
    for name, micro in bonds.items():
        address = cast[name].address
        stage.queue(address, *quotas.post_bond(stage.platform, number, address, micro))
    stage.rest()
