"""Quotas, what accounts owe under them, and what they have surrendered.

The chain is the only place where they live; terms are read from the event that fixed them, the rest
from what the indexer keeps. Energy in Wh, one certificate is one Wh, money in micro-units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from sqlmodel import Session, col, select, tuple_

from wattproof.errors import NotFoundError
from wattproof.indexer import history
from wattproof.indexer.models import EventRow, argument
from wattproof.quotas.models import ObligationRow, ReportRow
from wattproof.rounds.facts import get_market

CONTRACT = "QuotaRegistry"
MILLION = 1_000_000
PUBLICATION_DELAY_S = 7 * 86_400
"""The contract's constant: terms and ratios are known so long before the compliance period."""


class Basis(IntEnum):
    """What is obliged: energy fed in, or energy taken out."""

    GENERATION = 0
    CONSUMPTION = 1


class Standing(StrEnum):
    """How an account stands to its obligation."""

    PENDING = "pending"
    """Nothing is owed so far."""
    COVERED = "covered"
    """Everything owed so far was surrendered."""
    SHORT = "short"
    """Certificates lack so far; there is time."""
    COMPLIANT = "compliant"
    """Settled without a shortfall."""
    IN_DEFAULT = "in_default"
    """Settled with a shortfall."""


@dataclass(frozen=True, slots=True)
class QuotaTerms:
    """A compliance period: whose meters count, by when and with what.

    Attributes:
        penalty_nano_per_kwh: for certificates that lack.
        bank_limit: millionths of an obligation that older certificates may meet.
        bank_s: how much older they may be, seconds.
        surrender_by: the last second for surrendering.
        technologies: those that count.
        beneficiary: who receives penalties.
    """

    market: int
    carrier: int
    first_period: int
    periods: int
    penalty_nano_per_kwh: int
    bank_limit: int
    bank_s: int
    surrender_by: int
    technologies: frozenset[int]
    beneficiary: str

    def on_chain(self) -> dict[str, Any]:
        """As the contract takes them."""
        return {
            "market": self.market,
            "carrier": self.carrier,
            "firstPeriod": self.first_period,
            "periods": self.periods,
            "penalty": self.penalty_nano_per_kwh,
            "bankLimit": self.bank_limit,
            "bankSeconds": self.bank_s,
            "surrenderBy": self.surrender_by,
            "technologies": sum(1 << each for each in self.technologies),
            "beneficiary": self.beneficiary,
        }


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota; the compliance period is ``[starts_at, ends_at)``, Unix seconds."""

    quota: int
    terms: QuotaTerms
    asset: str
    period_s: int

    @property
    def starts_at(self) -> int:
        return self.terms.first_period * self.period_s

    @property
    def ends_at(self) -> int:
        return self.starts_at + self.terms.periods * self.period_s


@dataclass(frozen=True, slots=True)
class Surrendered:
    """Certificates given up for an obligation; ``banked`` are older than the compliance period."""

    batch: int
    amount_wh: int
    banked: bool
    transaction: str
    block_number: int
    log_index: int


# -- quotas ----------------------------------------------------------------------------------------


def all_quotas(session: Session) -> list[Quota]:
    """Every quota, in its order."""
    return [_quota(session, e) for e in history.events(session, CONTRACT, "QuotaOpened")]


def get_quota(session: Session, number: int) -> Quota:
    """Raises NotFoundError."""
    event = session.exec(
        select(EventRow).where(
            EventRow.contract == CONTRACT,
            EventRow.name == "QuotaOpened",
            argument("quota") == str(number),
        )
    ).first()
    if event is None:
        raise NotFoundError(f"nobody opened quota {number}; GET /quotas lists them all")
    return _quota(session, event)


# -- obligations -----------------------------------------------------------------------------------


def obligations(
    session: Session, quota: int, *, after: str | None = None, limit: int = 100
) -> Sequence[ObligationRow]:
    """Who is obliged under a quota and how it stands, by address: open to everybody."""
    query = select(ObligationRow).where(ObligationRow.quota == quota)
    if after is not None:
        query = query.where(col(ObligationRow.account) > after)
    return session.exec(query.order_by(col(ObligationRow.account)).limit(limit)).all()


def obligations_of(session: Session, account: str) -> Sequence[ObligationRow]:
    """All that an account was ever obliged to, newest quota first."""
    return session.exec(
        select(ObligationRow)
        .where(ObligationRow.account == account)
        .order_by(col(ObligationRow.quota).desc())
    ).all()


def get_obligation(session: Session, quota: int, account: str) -> ObligationRow:
    """Raises NotFoundError."""
    get_quota(session, quota)
    row = session.get(ObligationRow, (quota, account))
    if row is None:
        raise NotFoundError(
            f"quota {quota} does not oblige {account}; GET /quotas/{quota}/compliance lists whom "
            "it does",
            code="not_obliged",
        )
    return row


def left_wh(obligation: ObligationRow) -> int:
    """Certificates that lack for what was reported so far."""
    return obligation.owed_wh - obligation.surrendered_wh


def bank_left_wh(quota: Quota, obligation: ObligationRow) -> int:
    """Certificates from before the compliance period that may still be surrendered."""
    most = quota.terms.bank_limit * obligation.owed_wh // MILLION
    return most - obligation.banked_wh


def standing(obligation: ObligationRow) -> Standing:
    """How an account stands now."""
    if obligation.settled:
        return Standing.IN_DEFAULT if obligation.shortfall_wh else Standing.COMPLIANT
    if obligation.owed_wh == 0:
        return Standing.PENDING
    return Standing.SHORT if left_wh(obligation) else Standing.COVERED


def reports(session: Session, quota: int, account: str) -> Sequence[ReportRow]:
    """Metered energy by period, as far as it was reported."""
    return session.exec(
        select(ReportRow)
        .where(ReportRow.quota == quota, ReportRow.account == account)
        .order_by(col(ReportRow.period))
    ).all()


def surrendered(
    session: Session,
    quota: int,
    account: str,
    *,
    after: tuple[int, int] | None = None,
    limit: int = 100,
) -> list[Surrendered]:
    """What an account gave up, oldest first; ``after`` is block and place of an event."""
    place = col(EventRow.block_number), col(EventRow.log_index)
    query = select(EventRow).where(
        EventRow.contract == CONTRACT,
        EventRow.name == "Surrendered",
        argument("quota") == str(quota),
        argument("account") == account,
    )
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return [
        Surrendered(
            batch=int(row.args["id"]),
            amount_wh=int(row.args["amount"]),
            banked=row.args["banked"],
            transaction=row.transaction_hash,
            block_number=row.block_number,
            log_index=row.log_index,
        )
        for row in session.exec(query.order_by(*place).limit(limit)).all()
    ]


# -- parts -----------------------------------------------------------------------------------------


def _quota(session: Session, event: EventRow) -> Quota:
    view: Mapping[str, Any] = event.args["terms"]
    terms = QuotaTerms(
        market=view["market"],
        carrier=view["carrier"],
        first_period=view["firstPeriod"],
        periods=view["periods"],
        penalty_nano_per_kwh=int(view["penalty"]),
        bank_limit=view["bankLimit"],
        bank_s=view["bankSeconds"],
        surrender_by=view["surrenderBy"],
        technologies=_bits(int(view["technologies"])),
        beneficiary=view["beneficiary"],
    )
    params = get_market(session, terms.market).params
    period_s = int(params["periodSlots"]) * int(params["slotSeconds"])
    return Quota(int(event.args["quota"]), terms, event.args["asset"], period_s)


def _bits(mask: int) -> frozenset[int]:
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)
