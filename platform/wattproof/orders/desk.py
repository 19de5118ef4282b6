"""What an order must satisfy to be accepted into a round before the gate: the gate's own rules, as
far as the index knows."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from market import delegation
from market.delegation import SessionBreach, Traded, session_breach
from market.eligibility import margin_need_micro, sold_energy_wh, traded_energy
from market.order import Order, SignedOrder, check_well_formed
from market.product import ProductGrid
from wattproof.accounts.models import CredentialRow, MarginRow
from wattproof.delegations.service import is_named, session_in
from wattproof.errors import RefusedError
from wattproof.orders.book import to_order
from wattproof.orders.models import OrderRow
from wattproof.rounds.facts import (
    get_market,
    get_round,
    grid_of,
    has_capacity_source,
    network_of,
    read_sellable,
    role_of,
    rules_of,
)
from wattproof.rounds.models import MarketRow
from wattproof.runtime import Platform

_BREACHES = {
    SessionBreach.DELEGATE: (
        "not_delegate",
        "who signed the order is not the trader's delegate for this round (any more)",
    ),
    SessionBreach.ENDED: ("session_ended", "the delegate's session ends before the round's gate"),
    SessionBreach.PRICE: ("session_price", "the limit is beyond what the delegate may sign"),
    SessionBreach.BUY: (
        "session_buy",
        "with its open orders in the round the delegate would buy more than it may",
    ),
    SessionBreach.SELL: (
        "session_sell",
        "with its open orders in the round the delegate would sell more than it may",
    ),
}
_UNCOVERED = {
    "margin": "the trader's margin does not cover this order with those that are open",
    "capacity": "the trader's attested capacity does not cover this order with those that are open",
    "not_offered": "what the trader offered for sale does not cover this order",
}


def check_order(order: Order, market: MarketRow, grid: ProductGrid) -> None:
    """Raises OrderError."""
    rules = rules_of(market)
    check_well_formed(
        order,
        grid,
        rules.price_cap,
        takes_coupled=rules.takes_coupled,
        open_carriers=rules.open_carriers,
        network=network_of(market),
    )


@dataclass(frozen=True, slots=True)
class _Named(Container[str]):
    """The delegates that a trader ever named in a market; looked up only when asked."""

    session: Session
    market: int
    trader: str

    def __contains__(self, signer: object) -> bool:
        return is_named(self.session, self.market, self.trader, str(signer))


class Desk:
    """What accepting orders of one round needs, read once."""

    def __init__(self, platform: Platform, session: Session, market: int, number: int) -> None:
        self._chain = platform.chain
        self._session = session
        self.market = get_market(session, market)
        self.row = get_round(session, market, number, lock="share")
        self.rules = rules_of(self.market)
        self.grid = grid_of(self.market, self.row)
        self._role = role_of(self.market)
        self._accounts: dict[str, MarginRow | None] = {}
        self._standing: dict[str, bool] = {}
        self._open: dict[str, tuple[int, int]] = {}
        self._delegated: dict[str, Traded] = {}
        self._sessions: dict[str, delegation.Session | None] = {}
        self._sellable: dict[str, int] = {}

    def require_eligible(self, order: Order) -> None:
        """Raises RefusedError for an old epoch or a missing credential."""
        epoch = epoch_of(self._account(order.trader), order.round)
        if order.epoch != epoch:
            raise RefusedError(
                f"the order has epoch {order.epoch}, the trader's is {epoch}: sign it anew",
                code="wrong_epoch",
            )
        if order.trader not in self._standing:
            self._standing[order.trader] = self._stands(order.trader)
        if not self._standing[order.trader]:
            raise RefusedError(
                "the trader has no credential for this market that stands at the gate",
                code="no_credential",
            )

    def named_by(self, trader: str) -> Container[str]:
        """The accounts whose signatures for the trader are genuine."""
        return _Named(self._session, self.row.market, trader)

    def require_delegation(self, signed: SignedOrder, *, counted: bool) -> None:
        """Raises RefusedError where the session of the round does not cover a delegate's order
        together with its open ones."""
        if signed.delegate is None:
            return
        order, trader = signed.order, signed.order.trader
        session = self._session_of(trader)
        if trader not in self._delegated:
            self._delegated[trader] = self._committed_by_delegate(trader)
        before, amount = self._delegated[trader], traded_energy(order)
        if counted:
            before = Traded(before.bought_wh - amount.bought_wh, before.sold_wh - amount.sold_wh)
        breach = session_breach(session, signed.delegate, order, amount, before, self.row.gate_at)
        if breach is not None:
            code, said = _BREACHES[breach]
            raise RefusedError(said, code=code)
        self._delegated[trader] = before + amount

    def require_cover(self, signed: SignedOrder, *, counted: bool) -> None:
        """Raises RefusedError where margin or capacity do not cover the trader's open orders.

        What the trader has is not for its delegate to know.
        """
        try:
            self._require_cover(signed.order, counted=counted)
        except RefusedError as error:
            if signed.delegate is None:
                raise
            raise RefusedError(_UNCOVERED[error.code], code=error.code) from None

    def _require_cover(self, order: Order, *, counted: bool) -> None:
        trader = order.trader
        if trader not in self._open:
            self._open[trader] = self._committed(trader)
        need, sold = self._open[trader]
        if not counted:
            need += margin_need_micro(order, self.rules)
            sold += sold_energy_wh(order)
        account = self._account(trader)
        margin = available_margin(account, order.round)
        if need > margin:
            raise RefusedError(
                f"open orders need {need} micro-units of margin, available are {margin}",
                code="margin",
            )
        if self.rules.tokenised:
            if sold > 0 and sold > self._offered(trader):
                raise RefusedError(
                    f"open orders sell {sold} Wh, offered for sale are {self._offered(trader)} Wh: "
                    "offer what is to be sold first",
                    code="not_offered",
                )
        elif has_capacity_source(self.market):
            capacity = (account.capacity if account else 0) * self.rules.capacity_unit_wh
            if sold > capacity:
                raise RefusedError(
                    f"open orders sell {sold} Wh, attested capacity is {capacity} Wh",
                    code="capacity",
                )
        self._open[trader] = (need, sold)

    def _offered(self, trader: str) -> int:
        if trader not in self._sellable:
            (self._sellable[trader],) = read_sellable(self._chain, self.market, self.row, [trader])
        return self._sellable[trader]

    def _account(self, trader: str) -> MarginRow | None:
        if trader not in self._accounts:
            self._accounts[trader] = self._session.get(MarginRow, (self.row.market, trader))
        return self._accounts[trader]

    def _stands(self, trader: str) -> bool:
        if self._role is None:
            return True
        grant = self._session.get(CredentialRow, (trader, "0x" + self._role.hex()))
        if grant is None:
            return False
        until = min(grant.expires_at, grant.revoked_at or grant.expires_at)
        return grant.valid_from <= self.row.gate_at < until

    def _session_of(self, trader: str) -> delegation.Session | None:
        if trader not in self._sessions:
            market, number = self.row.market, self.row.number
            self._sessions[trader] = session_in(self._session, market, trader, number)
        return self._sessions[trader]

    def _committed_by_delegate(self, trader: str) -> Traded:
        """What the orders already there buy and sell that the trader's present delegate signed."""
        session = self._session_of(trader)
        rows = [] if session is None else self._rows(trader)
        named = None if session is None else session.delegate
        amounts = [traded_energy(to_order(row)) for row in rows if row.delegate == named]
        return sum(amounts, Traded())

    def _rows(self, trader: str) -> Sequence[OrderRow]:
        return self._session.exec(
            select(OrderRow).where(
                OrderRow.market == self.row.market,
                OrderRow.round == self.row.number,
                OrderRow.trader == trader,
                or_(col(OrderRow.cancelled_at).is_(None), col(OrderRow.forced).is_(True)),
            )
        ).all()

    def _committed(self, trader: str) -> tuple[int, int]:
        """Margin needed and energy sold by the orders already there.

        What a former delegate signed does not count at the gate, so it needs nothing.
        """
        rows = self._rows(trader)
        if any(row.delegate for row in rows):
            session = self._session_of(trader)
            signers = {None, session.delegate} if session else {None}
            rows = [row for row in rows if row.delegate in signers]
        orders = [to_order(row) for row in rows]
        return (
            sum(margin_need_micro(order, self.rules) for order in orders),
            sum(sold_energy_wh(order) for order in orders),
        )


def available_margin(account: MarginRow | None, number: int) -> int:
    """Margin that backs orders of a round, micro-units."""
    if account is None:
        return 0
    if account.exit_round == 0 or number < account.exit_round:
        return account.margin_micro
    return max(0, account.margin_micro - account.exit_micro)


def epoch_of(account: MarginRow | None, number: int) -> int:
    """The epoch by which a round judges the account's orders."""
    if account is None:
        return 0
    return account.epoch if number >= account.epoch_round else account.prev_epoch
