"""Who may sign orders for whom, as indexed, and what an account signs to change it.

An account changes its own session: by a transaction of its own, or by a signed message that
somebody hands in (protocol section 16). The operator hands it in and pays for it: see `relay`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from market import delegation
from market.delegation import Authorisation, Revocation
from market.order import Domain
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.delegations.models import NamedRow, SessionRow
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

CONTRACT = "Delegations"


@dataclass(frozen=True, slots=True)
class Delegated:
    """An account's session in a market: ``session`` from round ``from_round`` on, ``before`` up to
    there; None: nobody signs for the account."""

    market: int
    account: str
    from_round: int
    session: delegation.Session | None
    before: delegation.Session | None

    def in_round(self, number: int) -> delegation.Session | None:
        """The session that a round is judged by."""
        return self.session if number >= self.from_round else self.before


def domain(platform: Platform) -> Domain:
    """What signed changes of sessions are bound to."""
    return Domain(platform.deployment.chain_id, platform.chain.address(CONTRACT))


# -- reading ---------------------------------------------------------------------------------------


def delegated(session: Session, market: int, account: str) -> Delegated:
    """The account's session; of an account that never named anybody: nobody, from round 0 on."""
    row = session.get(SessionRow, (market, account))
    return Delegated(market, account, 0, None, None) if row is None else _delegated(row)


def session_in(
    session: Session, market: int, account: str, number: int
) -> delegation.Session | None:
    """The session that a round is judged by, as indexed."""
    return delegated(session, market, account).in_round(number)


def is_named(session: Session, market: int, account: str, delegate: str) -> bool:
    """Whether the account ever named the delegate: whether its signature is genuine."""
    return session.get(NamedRow, (market, account, delegate)) is not None


def list_delegated(
    session: Session, address: str, *, after: tuple[int, str] | None = None, limit: int = 100
) -> Sequence[Delegated]:
    """Sessions that an address gave, and those it was given; by market and account, for pages."""
    query = (
        select(SessionRow)
        .where(or_(col(SessionRow.account) == address, col(SessionRow.delegate) == address))
        .order_by(col(SessionRow.market), col(SessionRow.account))
        .limit(limit)
    )
    if after is not None:
        market, account = after
        query = query.where(
            or_(
                col(SessionRow.market) > market,
                (col(SessionRow.market) == market) & (col(SessionRow.account) > account),
            )
        )
    return [_delegated(row) for row in session.exec(query).all()]


def require_delegate(
    session: Session, market: int, account: str, number: int, delegate: str
) -> None:
    """Raises RefusedError unless the address signs for the account in a round."""
    found = session_in(session, market, account, number)
    if found is None or found.delegate != delegate:
        raise RefusedError(
            f"{account} has not named you as its delegate in market {market} for round {number}",
            code="not_yours",
        )


def _delegated(row: SessionRow) -> Delegated:
    def read(stored: dict[str, object] | None) -> delegation.Session | None:
        return None if stored is None else delegation.Session.of_chain(stored)

    return Delegated(row.market, row.account, row.from_round, read(row.session), read(row.before))


# -- what an account signs -------------------------------------------------------------------------


def authorise_transaction(
    platform: Platform, account: str, market: int, session: delegation.Session
) -> UnsignedTransaction:
    """Name a delegate by the account's own transaction.

    Raises:
        InvalidError: the contract would take no such session.
    """
    _require_takable(platform, account, session)
    return unsigned(
        platform, "name the delegate", CONTRACT, "authorise", market, session.to_chain()
    )


def revoke_transaction(platform: Platform, market: int) -> UnsignedTransaction:
    """Dismiss the delegate by the account's own transaction."""
    return unsigned(platform, "dismiss the delegate", CONTRACT, "revoke", market)


def authorisation(
    platform: Platform, account: str, market: int, session: delegation.Session, deadline: int
) -> Authorisation:
    """The message that names a delegate, with the account's next nonce.

    Raises:
        InvalidError: the contract would take no such session, or no such deadline.
    """
    _require_takable(platform, account, session)
    _require_deadline(platform, deadline)
    return Authorisation(account, market, session, next_nonce(platform, account), deadline)


def revocation(platform: Platform, account: str, market: int, deadline: int) -> Revocation:
    """The message that dismisses the delegate, with the account's next nonce.

    Raises:
        InvalidError: the contract would take no such deadline.
    """
    _require_deadline(platform, deadline)
    return Revocation(account, market, next_nonce(platform, account), deadline)


def next_nonce(platform: Platform, account: str) -> int:
    """How many changes the account made, on the chain now."""
    return int(platform.chain.call(CONTRACT, "nonce", account))


def require_market(session: Session, market: int) -> None:
    """Raises NotFoundError."""
    get_market(session, market)


def require_session(session: Session, market: int, account: str) -> Delegated:
    """The account's session. Raises NotFoundError where nobody signs for it."""
    found = delegated(session, market, account)
    if found.session is None:
        raise NotFoundError(f"nobody signs for {account} in market {market}")
    return found


def _require_takable(platform: Platform, account: str, session: delegation.Session) -> None:
    if session.delegate == account:
        raise InvalidError("an account is not its own delegate", code="bad_delegate")
    if session.until <= platform.clock.now():
        raise InvalidError(
            f"a session ends in the future, not at {session.until} (seconds, UTC); it is "
            f"{platform.clock.now()}",
            code="bad_end",
        )


def _require_deadline(platform: Platform, deadline: int) -> None:
    if deadline <= platform.clock.now():
        raise InvalidError(
            f"the deadline {deadline} has passed: choose one ahead", code="bad_deadline"
        )
