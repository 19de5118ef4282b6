"""A round from opening to settlement, as participants and operator go through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from market.bid import OrderTerms, orders
from market.messages import Receipt
from market.order import Order, SignedOrder, order_hash, sign_order
from market.product import Product
from market.rules import MarketRules
from market.settlement import Settlement
from wattproof.demo.calendar import Calendar
from wattproof.demo.cast import Cast
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.gateway.keys import Role
from wattproof.orders import service as order_desk
from wattproof.orders.service import SignedReceipt
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.rounds.models import RoundRow
from wattproof.rounds.settlement import stored_settlement

GATE_LEAD_S = 3_600
_NANO = 1e9


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round that takes orders; ``first_slot`` is its first delivery slot."""

    market: int
    number: int
    first_slot: int
    slots: int
    gate_at: int


@dataclass(frozen=True, slots=True)
class TradedRound:
    """A settled round with what was handed in for it."""

    opened: OpenRound
    rules: MarketRules
    signed: Sequence[SignedOrder]
    receipts: Sequence[SignedReceipt]
    settlement: Settlement

    @property
    def payments_micro(self) -> Mapping[str, int]:
        """Micro-units by trader's address, positive paid."""
        paid: dict[str, int] = {}
        settled = self.settlement
        for signed, payment in zip(settled.book.orders, settled.payments_micro, strict=True):
            paid[signed.order.trader] = paid.get(signed.order.trader, 0) + payment
        return paid

    @property
    def traded_wh(self) -> int:
        """Energy that changed hands."""
        return sum(
            entry.quantity_wh
            for leaf in self.settlement.positions
            for entry in leaf.entries
            if entry.quantity_wh > 0
        )

    @property
    def price_range(self) -> tuple[float, float]:
        """Lowest and highest price at which something was traded, tokens a kWh; else zeros."""
        clearing = self.settlement.clearing
        traded = [
            price / _NANO
            for price, indicative in zip(clearing.prices, clearing.indicative, strict=True)
            if not indicative
        ]
        return min(traded, default=0.0), max(traded, default=0.0)

    @property
    def fills(self) -> tuple[int, ...]:
        """Units filled of every order, as they were handed in."""
        settled = self.settlement
        by_digest = {
            each.digest: fill
            for each, fill in zip(settled.book.orders, settled.clearing.fills, strict=True)
        }
        return tuple(by_digest[each.digest] for each in self.signed)

    @property
    def filled_orders(self) -> int:
        """How many orders were filled, at least in part."""
        return sum(1 for fill in self.settlement.clearing.fills if fill)

    def row(self, session: Session) -> RoundRow:
        """The round as the database has it."""
        return get_round(session, self.opened.market, self.opened.number)

    def positions_wh(self, cast: Cast, carrier: int = 0) -> dict[str, NDArray[np.float64]]:
        """What everybody traded of a carrier, Wh a slot by name, positive bought.

        Over all zones, as a meter reads it.
        """
        names = cast.names
        positions = {name: np.zeros(self.opened.slots) for name in cast.members}
        for leaf in self.settlement.positions:
            own = positions[names[leaf.trader]]
            for entry in leaf.entries:
                product = Product.from_id(entry.product)
                if product.carrier == carrier:
                    own[product.slot - self.opened.first_slot] += entry.quantity_wh
        return positions


def open_round(
    stage: Stage, market: int, *, gate_at: int, first_slot: int, slots: int
) -> OpenRound:
    """Let the operator open a round of ``slots`` delivery slots."""
    with stage.platform.transaction() as session:
        number = rounds.open_round(
            stage.platform, session, market, gate_at=gate_at, first_slot=first_slot, slots=slots
        ).number
    stage.rest()
    return OpenRound(market, number, first_slot, slots, gate_at)


def open_day(
    stage: Stage, market: int, calendar: Calendar, rules: MarketRules, gate_hour: float
) -> OpenRound:
    """Open a round of the whole day, with its gate on the eve."""
    return open_round(
        stage,
        market,
        gate_at=calendar.at(calendar.eve, gate_hour),
        first_slot=calendar.day * rules.period_slots,
        slots=rules.period_slots,
    )


def hand_in(
    stage: Stage,
    cast: Cast,
    opened: OpenRound,
    bids: Sequence[OrderTerms],
    further: Sequence[Order] = (),
) -> tuple[list[SignedOrder], list[SignedReceipt]]:
    """Everybody signs its orders and hands them in, as over REST; those of the bids first.

    ``further`` are orders that were not made of bids.
    """
    keys = {member.address: bytes(member.account.key) for member in cast.members.values()}
    domain = stage.platform.domain
    made = orders(
        bids,
        market=opened.market,
        round=opened.number,
        first_slot=opened.first_slot,
        traders=cast.addresses,
    )
    signed = [
        SignedOrder(order, sign_order(domain, order, keys[order.trader]), order_hash(domain, order))
        for order in (*made, *further)
    ]
    receipts: list[SignedReceipt] = []
    for trader in dict.fromkeys(each.order.trader for each in signed):
        own = [(each.order, each.signature) for each in signed if each.order.trader == trader]
        with stage.platform.transaction() as session:
            receipts += order_desk.submit_many(stage.platform, session, own)
    return signed, receipts


def settle(
    stage: Stage,
    opened: OpenRound,
    rules: MarketRules,
    signed: Sequence[SignedOrder],
    receipts: Sequence[SignedReceipt],
) -> TradedRound:
    """Let the gate close, the round clear and settle on-chain.

    Raises:
        WattproofError: the round was not settled; says why.
    """
    stage.advance_to(opened.gate_at)
    with stage.platform.transaction() as session:
        row = get_round(session, opened.market, opened.number)
        if row.chain_status != "Settled":
            raise WattproofError(f"the round is {row.state}, not settled: {row.error}")
        settlement = stored_settlement(session, opened.market, opened.number)
    return TradedRound(opened, rules, signed, receipts, settlement)


def receipts_hold(stage: Stage, traded: TradedRound) -> bool:
    """Whether the operator signed every receipt."""
    operator = stage.platform.keys.address(Role.OPERATOR)
    domain = stage.platform.domain
    return all(
        Receipt(each.market, each.round, each.order_hash, each.received_at).signer(
            domain, each.signature
        )
        == operator
        for each in traded.receipts
    )
