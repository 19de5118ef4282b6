"""Certificates of a vintage: issued for what meters show; some given into the store, less out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session

from wattproof.certificates import service
from wattproof.certificates import transactions as certificates
from wattproof.certificates.ids import BatchId
from wattproof.certificates.models import BatchRow
from wattproof.certificates.service import StoreState
from wattproof.certificates.transactions import Amount, Charge
from wattproof.demo.cast import Member
from wattproof.demo.quota.electricity import Values
from wattproof.demo.quota.participants import TECHNOLOGY, Joined
from wattproof.demo.quota.scene import Scene
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Holding:
    """Certificates of one batch that somebody holds."""

    batch: BatchRow
    amount_wh: int


@dataclass(frozen=True, slots=True)
class StoreMonth:
    """A store's vintage.

    Attributes:
        charges: certificates given for what was charged.
        issued_wh: certificates that came out.
        after: what it holds by its accounting afterwards.
    """

    charges: tuple[Charge, ...]
    issued_wh: int
    after: StoreState

    @property
    def given_wh(self) -> int:
        """Certificates that went in."""
        return sum(each.amount_wh for each in self.charges)


def holdings(session: Session, member: Member) -> list[Holding]:
    """All that somebody holds, oldest interval first."""
    found = service.holdings(session, member.address, limit=_MOST)
    return [Holding(batch, held) for batch, held in found]


def of_vintages(held: Iterable[Holding], periods: range) -> list[Holding]:
    """Those of some vintages, by their numbers on the chain."""
    return [each for each in held if each.batch.vintage in periods]


def total_wh(held: Iterable[Holding]) -> int:
    """Wh of all together."""
    return sum(each.amount_wh for each in held)


def fill_store(
    stage: Stage,
    joined: Joined,
    scene: Scene,
    year: Year,
    vintage: int,
    giver: str,
    metered_wh: Values,
) -> StoreMonth:
    """A wind park hands the store certificates of the very days on which it charged; the store's
    owner gives them in, and gets the green share of what it discharged.

    Args:
        metered_wh: the store's final reading.
    """
    platform, cast, period = stage.platform, joined.cast, year.period(vintage)
    store, park = cast[scene.store.name], cast[giver]
    charges = _charges(stage, str(park.device.address), period, metered_wh)
    if charges:
        amounts = [Amount(each.batch, each.amount_wh) for each in charges]
        stage.transact(
            park.address, certificates.transfer(platform, park.address, store.address, amounts)
        )
    device = str(store.device.address)
    with platform.transaction() as session:
        call = certificates.account_store(platform, session, device, period, charges)
    stage.transact(store.address, call)
    with platform.transaction() as session:
        given_out = service.batches(session, device=device, vintage=period, limit=_MOST)
        issued = sum(batch.issued_wh for batch in given_out)
    return StoreMonth(tuple(charges), issued, service.store_of(platform, device))


def _charges(stage: Stage, device: str, period: int, metered_wh: Values) -> list[Charge]:
    """For each day of charging, what the park's certificates of that day cover of it."""
    charged = {day: wh for day, wh in enumerate(metered_wh) if wh > 0}
    charges = []
    with stage.platform.transaction() as session:
        made = service.batches(session, device=device, vintage=period, limit=_MOST)
        of_day = {batch.slot: batch.issued_wh for batch in made}
    for day, wh in charged.items():
        amount = min(wh, of_day.get(day, 0))
        if amount > 0:
            batch = BatchId(device, period, day, int(TECHNOLOGY)).number
            charges.append(Charge(day, batch, amount))
    return charges
