"""A market of two zones and a cable on the template's chain; the last trader runs the cable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from identity.signer import LocalSigner
from market.network import Link, Network, describe
from market.order import Leg, Order, sign_order
from market.product import Product
from market.rules import MarketRules
from wattproof.accounts import service as ledger
from wattproof.networks import service as networks
from wattproof.orders import service as orders
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_market, rules_of
from wattproof.rounds.models import MarketRow
from wattproof.tasks.flow import run_until_idle

CENT = 10_000_000
CABLE = Link("cable", carrier=0, from_zone=0, to_zone=1, capacity_w=20_000, loss_millionths=50_000)
NETWORK = Network(open_carriers=1, carriers=1, zones=2, links=(CABLE,))
OWNER = 3
MARGIN = 5 * 10**8
OFFERS = ((0, -9_000, 5 * CENT), (1, 8_000, 20 * CENT))
"""Cheap energy in zone 0, wanted in zone 1."""


@dataclass
class Linked:
    """The market, and short ways to trade in it."""

    desk: Any
    market: int
    first_slot: int = 0

    @property
    def owner(self) -> Any:
        return self.desk.traders[OWNER]

    @property
    def owner_key(self) -> bytes:
        return bytes(self.owner.key)

    def open_round(self, slots: int = 2) -> int:
        self.first_slot = int((self.desk.now() + 100) // 7_200 + 1) * 8
        with self.desk.platform.transaction() as session:
            number = rounds.open_round(
                self.desk.platform,
                session,
                self.market,
                gate_at=self.desk.now() + 100,
                first_slot=self.first_slot,
                slots=slots,
            ).number
        run_until_idle(self.desk.platform)
        return number

    def trade(self, number: int, offers: Sequence[tuple[int, int, int]] = OFFERS) -> None:
        """Hand in (zone, Wh, price) in the first slot, negative Wh to sell, by turns."""
        domain = self.desk.platform.domain
        for place, (zone, wh, price) in enumerate(offers):
            sign = 1 if wh > 0 else -1
            trader = self.desk.traders[place % OWNER]
            order = Order(
                market=self.market,
                round=number,
                legs=(Leg(Product(0, zone, self.first_slot).id, sign * 1_000_000),),
                max_units=abs(wh),
                limit=sign * price,
                trader=str(trader.address),
                epoch=0,
                salt=place,
            )
            self.desk.submit((order, sign_order(domain, order, trader.key)))

    def derived(self, number: int) -> tuple[Order, ...]:
        with self.desk.platform.transaction() as session:
            return networks.derive_orders(session, self.market, number)

    def hand_in(self, number: int) -> list[orders.SignedReceipt]:
        with self.desk.platform.transaction() as session:
            return networks.hand_in(
                self.desk.platform, session, self.market, number, LocalSigner(self.owner_key)
            )

    def submit(self, own: Sequence[Order]) -> None:
        """Orders of the network's account, whatever they are."""
        domain = self.desk.platform.domain
        self.desk.submit(*((order, sign_order(domain, order, self.owner_key)) for order in own))

    def settle(self, number: int) -> None:
        with self.desk.platform.transaction() as session:
            row = next(r for r in rounds.list_rounds(session, self.market) if r.number == number)
        self.desk.move_to(row.gate_at)
        run_until_idle(self.desk.platform)


def linked_rules(session: Any, market: int, network: Network = NETWORK) -> MarketRules:
    """The template's rules for the network's zones."""
    plain = rules_of(get_market(session, market))
    return replace(
        plain,
        carriers=network.carriers,
        zones=network.zones,
        open_carriers=network.open_carriers,
        imbalance_cap=plain.imbalance_cap // 10,
        gap_floor_micro=1_000,
    )


def make_linked(desk: Any, network: Network, name: str) -> Linked:
    """Create the market of a network on the desk's platform, with margin for everybody."""
    platform = desk.platform
    with platform.transaction() as session:
        rounds.create_market(
            platform,
            session,
            name,
            linked_rules(session, desk.market, network),
            network=str(desk.traders[OWNER].address),
            network_description=describe(network),
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, name)
        assert isinstance(row, MarketRow)
        for trader in desk.traders:
            address = str(trader.address)
            ledger.ledger_call(
                platform, session, address, "addMargin", row.market, MARGIN, key=address
            )
        number = row.market
    run_until_idle(platform)
    return Linked(desk, number)


@pytest.fixture
def linked(desk: Any) -> Linked:
    return make_linked(desk, NETWORK, "linked")
