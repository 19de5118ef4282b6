"""Three rounds in which a gateway signs for its owner, within bounds and while it is let."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from market.delegation import Session
from market.mall_energy import MANIFEST
from market.order import Leg, Order, SignedOrder
from market.product import Product
from market.quantise import price_nano_per_kwh
from market.units import SCALE
from wattproof.accounts import service as accounts
from wattproof.delegations import service as delegations
from wattproof.demo import trading
from wattproof.demo.calendar import Calendar
from wattproof.demo.cast import Member
from wattproof.demo.identity.people import ADA, GATEWAY, HOMES, Joined
from wattproof.demo.stage import Stage
from wattproof.demo.trading import OpenRound, TradedRound
from wattproof.errors import WattproofError
from wattproof.orders import service as order_desk
from wattproof.orders.service import SignedReceipt

SLOTS = 4
FIRST_SLOT = 40
"""Ten o'clock."""
OFFERED_WH, WANTED_WH = 1_000, 100
"""By Ada and by every home, a slot."""
LOWEST_ASK = price_nano_per_kwh(0.08)
_ASK = price_nano_per_kwh(0.10)
_DUMPED = price_nano_per_kwh(0.01)
_GATE_HOUR = 16.0
_RULES = MANIFEST.rules


@dataclass(slots=True)
class Day:
    """The rounds as they were traded, and what was refused on the way.

    Attributes:
        refused: by what was tried, the platform's answer; empty where it was not refused.
        forced: id of the order that a thief forced into the second book.
        dismissed: ids of what the gateway had signed for the third round.
        uncertified: ids of what a home without its credential had handed in for it.
    """

    rounds: list[TradedRound] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    forced: bytes = b""
    dismissed: frozenset[bytes] = frozenset()
    uncertified: frozenset[bytes] = frozenset()


def authorise(stage: Stage, joined: Joined, calendar: Calendar) -> Session:
    """Ada lets her gateway sell four kWh a round, not below a price, until the day begins."""
    session = Session(
        delegate=joined.cast[GATEWAY].address,
        until=calendar.at(calendar.day),
        buy_wh=0,
        sell_wh=SLOTS * OFFERED_WH,
        max_price=0,
        min_price=LOWEST_ASK,
    )
    ada = joined.cast[ADA].address
    call = delegations.authorise_transaction(stage.platform, ada, joined.market, session)
    stage.transact(ada, call)
    return session


def dismiss(stage: Stage, joined: Joined) -> None:
    """Ada lets nobody sign for her any more, from this round's gate on."""
    call = delegations.revoke_transaction(stage.platform, joined.market)
    stage.transact(joined.cast[ADA].address, call)


@dataclass(frozen=True, slots=True)
class Desk:
    """A round that takes orders, and what it took."""

    stage: Stage
    joined: Joined
    opened: OpenRound
    signed: list[SignedOrder] = field(default_factory=list)
    receipts: list[SignedReceipt] = field(default_factory=list)

    @classmethod
    def open(cls, stage: Stage, joined: Joined, calendar: Calendar, number: int) -> Desk:
        """The day's round of that number, from 0, with its gate on the eve."""
        opened = trading.open_round(
            stage,
            joined.market,
            gate_at=calendar.at(calendar.eve, _GATE_HOUR + number),
            first_slot=calendar.day * _RULES.period_slots + FIRST_SLOT + number * SLOTS,
            slots=SLOTS,
        )
        return cls(stage, joined, opened)

    def homes_buy(self, names: Sequence[str] = HOMES) -> list[SignedOrder]:
        """Every home bids for every slot; each values energy a little more than the one before."""
        cast = self.joined.cast
        made = []
        for name in names:
            limit = price_nano_per_kwh(0.12 + 0.01 * HOMES.index(name))
            for slot in range(SLOTS):
                order = self.order(cast[name], slot, WANTED_WH, limit)
                made.append(self.hand_in(order, cast[name]))
        return made

    def sells(self, signer: Member) -> list[SignedOrder]:
        """What Ada has to offer in every slot, signed by her or in her name."""
        ada = self.joined.cast[ADA]
        return [
            self.hand_in(self.order(ada, slot, -OFFERED_WH, -_ASK), signer) for slot in range(SLOTS)
        ]

    def dumped(self) -> Order:
        """Ada's energy for next to nothing."""
        return self.order(self.joined.cast[ADA], 0, -OFFERED_WH, -_DUMPED)

    def order(self, trader: Member, slot: int, energy_wh: int, limit: int) -> Order:
        """An order of one leg; positive energy is bought. Its salt is its place in the book."""
        product = Product(0, 0, self.opened.first_slot + slot).id
        return Order(
            market=self.opened.market,
            round=self.opened.number,
            legs=(Leg(product, SCALE if energy_wh > 0 else -SCALE),),
            max_units=abs(energy_wh),
            limit=limit,
            trader=trader.address,
            epoch=0,
            salt=len(self.signed),
        )

    def hand_in(self, order: Order, signer: Member) -> SignedOrder:
        """Raises WattproofError where the platform refuses it."""
        signed = self._signed(order, signer)
        with self.stage.platform.transaction() as session:
            receipt = order_desk.submit(
                self.stage.platform, session, order, signed.signature, by=signer.address
            )
        self.signed.append(signed)
        self.receipts.append(receipt)
        return signed

    def refusal(self, order: Order, signer: Member) -> str:
        """Why the platform refuses an order; empty if it takes it."""
        try:
            self.hand_in(order, signer)
        except WattproofError as error:
            return error.message
        return ""

    def force(self, order: Order, signer: Member, sender: Member) -> SignedOrder:
        """Bring an order to the exchange itself, past the platform: the book must hold it."""
        signed = self._signed(order, signer)
        call = accounts.unsigned(
            self.stage.platform,
            "force an order",
            "Exchange",
            "submitOrder",
            _on_chain(order),
            signed.signature,
        )
        self.stage.transact(sender.address, call)
        return signed

    def _signed(self, order: Order, signer: Member) -> SignedOrder:
        delegate = None if signer.address == order.trader else signer.address
        key = bytes(signer.account.key)
        return SignedOrder.sign(self.stage.platform.domain, order, key, delegate=delegate)

    def settle(self) -> TradedRound:
        """Let the gate close, the round clear and settle on-chain."""
        return trading.settle(self.stage, self.opened, _RULES, self.signed, self.receipts)


def maxima(traded: TradedRound) -> Mapping[bytes, int]:
    """What every order of a round counted with at the gate, by its id."""
    settlement = traded.settlement
    return {
        each.digest: maximum
        for each, maximum in zip(settlement.book.orders, settlement.maxima, strict=True)
    }


def fills(traded: TradedRound) -> Mapping[bytes, int]:
    """Units filled of every order of a round, by its id."""
    settlement = traded.settlement
    filled = settlement.clearing.fills
    return {each.digest: fill for each, fill in zip(settlement.book.orders, filled, strict=True)}


def _on_chain(order: Order) -> dict[str, object]:
    """The order under its names in the contract."""
    return {
        "market": order.market,
        "round": order.round,
        "legs": [(leg.product, leg.coefficient) for leg in order.legs],
        "maxUnits": order.max_units,
        "limit": order.limit,
        "trader": order.trader,
        "epoch": order.epoch,
        "salt": order.salt,
    }
