"""A desk whose first trader has a session delegate: naming, dismissing, signing for it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.delegation import Session
from market.order import Order, sign_order
from wattproof.delegations import service
from wattproof.gateway import outbox
from wattproof.orders.service import SignedReceipt
from wattproof.tasks.flow import run_until_idle

ONE = 1_000_000
PRICE = 100_000_000


def _key() -> LocalAccount:
    account: LocalAccount = Account.create()
    return account


@dataclass
class Delegating:
    """``desk`` is the test market's; ``delegate`` signs for its trader 0 once it is named."""

    desk: Any
    delegate: LocalAccount = field(default_factory=_key)

    @property
    def principal(self) -> str:
        return str(self.desk.traders[0].address)

    def session(self, **bounds: Any) -> Session:
        """A day, 5 kWh each way a round, between 0.1 and 0.3; changed as asked."""
        whole = Session(
            delegate=str(self.delegate.address),
            until=self.desk.now() + 86_400,
            buy_wh=5_000,
            sell_wh=5_000,
            max_price=3 * PRICE,
            min_price=PRICE,
        )
        return replace(whole, **bounds)

    def authorise(self, session: Session | None = None, *, trader: int = 0) -> Session:
        """The trader names the delegate on the chain, by its own transaction."""
        named = session or self.session()
        self._send(trader, "authorise", self.desk.market, named.to_chain())
        return named

    def revoke(self, *, trader: int = 0) -> None:
        self._send(trader, "revoke", self.desk.market)

    def order(
        self,
        number: int,
        wh: int,
        price: int,
        slot: int = 0,
        *,
        by: LocalAccount | None = None,
        trader: int = 0,
    ) -> tuple[Order, bytes]:
        """Buys (positive Wh) or sells for the trader, signed by the delegate."""
        sign = 1 if wh > 0 else -1
        order, _ = self.desk.order(trader, number, abs(wh), sign * price, (slot, sign * ONE))
        key = bytes((by or self.delegate).key)
        return order, sign_order(self.desk.platform.domain, order, key)

    def trade(self, number: int, wh: int, price: int, slot: int = 0) -> SignedReceipt:
        """The delegate's order, handed in."""
        receipt: SignedReceipt = self.desk.submit(self.order(number, wh, price, slot))[0]
        return receipt

    def indexed(self) -> service.Delegated:
        with self.desk.platform.transaction() as session:
            return service.delegated(session, self.desk.market, self.principal)

    def _send(self, trader: int, function: str, *args: Any) -> None:
        platform, key = self.desk.platform, f"test:{uuid.uuid4()}"
        with platform.transaction() as session:
            outbox.call(
                session,
                platform.chain,
                service.CONTRACT,
                function,
                *args,
                key=key,
                signer=str(self.desk.traders[trader].address),
                gas_limit=300_000,
            )
        run_until_idle(platform)
        with platform.transaction() as session:
            row = outbox.find(session, key)
            assert row is not None
            assert row.status == outbox.MINED, row.error
