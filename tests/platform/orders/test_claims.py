from __future__ import annotations

from bisect import bisect_left
from typing import Any

from market import merkle
from market.messages import Cancellation
from market.order import SignedOrder, address_bytes, order_to_json
from market.settlement import pack_prices
from wattproof.accounts import service as ledger
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.orders import service as orders
from wattproof.orders.book import to_order
from wattproof.orders.models import OrderRow
from wattproof.privacy import erasure
from wattproof.rounds.facts import get_round
from wattproof.rounds.settlement import stored_settlement
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000
ABSENT: tuple[bool, int, str, bytes, list[bytes]] = (False, 0, "0x" + "00" * 20, bytes(32), [])


def _claim(desk: Any, number: int, receipt: Any, *, erase: bool = False) -> None:
    """The trader of a receipted order claims that the book lacks it.

    Args:
        erase: take the order out of the database again, before the platform sees the claim.
    """
    platform = desk.platform
    with platform.transaction() as session:
        row = orders.get_order(session, "0x" + receipt.order_hash.hex())
        order, signature = to_order(row), bytes.fromhex(row.signature[2:])
        book = stored_settlement(session, desk.market, number).book
        places = [(address_bytes(o.order.trader), o.digest) for o in book.orders]
        at = bisect_left(places, (address_bytes(order.trader), receipt.order_hash))

        def neighbour(index: int) -> Any:
            if not 0 <= index < book.count:
                return ABSENT
            found: SignedOrder = book.orders[index]
            proof = merkle.proof(book.leaves, index)
            return (True, index, found.order.trader, found.digest, proof)

        fields = order_to_json(order)
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "claimOmission",
            {
                **{name: fields[name] for name in ("market", "round", "trader", "epoch")},
                "legs": [(leg.product, leg.coefficient) for leg in order.legs],
                "maxUnits": order.max_units,
                "limit": order.limit,
                "salt": order.salt,
            },
            signature,
            (receipt.received_at, receipt.signature),
            neighbour(at - 1),
            neighbour(at),
            key="claim",
            signer=order.trader,
        )
        if erase:
            session.delete(row)
    run_until_idle(platform)
    with platform.transaction() as session:
        write = outbox.find(session, "claim")
        assert write is not None
        assert write.status == outbox.MINED, write.error


def _events(desk: Any) -> list[str]:
    chain = desk.platform.chain
    return [event.name for event in chain.events(0, chain.head().number)]


def test_a_claim_on_a_cancelled_order_is_rebutted_with_the_traders_own_signature(
    desk: Any,
) -> None:
    number = desk.open_round()
    receipt = desk.buy(0, number, 0, 1_000, 3 * PRICE)
    desk.buy(2, number, 0, 1_000, 3 * PRICE)
    desk.sell(1, number, 0, 1_000, PRICE)
    platform = desk.platform
    word = Cancellation(desk.market, number, receipt.order_hash).sign(
        platform.domain, bytes(desk.traders[0].key)
    )
    with platform.transaction() as session:
        orders.cancel(platform, session, "0x" + receipt.order_hash.hex(), word)
    desk.close_gate(number)
    run_until_idle(platform)
    _claim(desk, number, receipt)
    run_until_idle(platform)
    assert "OmissionRebutted" in _events(desk)


def test_an_order_the_operator_really_left_out_is_paid_from_its_bond(desk: Any) -> None:
    number = desk.open_round()
    omitted = desk.buy(0, number, 0, 1_000, 3 * PRICE)
    desk.buy(2, number, 0, 1_000, 2 * PRICE)
    desk.sell(1, number, 0, 1_000, PRICE)
    platform = desk.platform
    digest = "0x" + omitted.order_hash.hex()
    with platform.transaction() as session:
        # A dishonest operator: the order vanishes from its books before the gate.
        row = orders.get_order(session, digest)
        kept = row.model_dump()
        session.delete(row)
    desk.close_gate(number)
    run_until_idle(platform)
    with platform.transaction() as session:
        session.add(OrderRow(**kept))
    _claim(desk, number, omitted)
    assert "OmissionRebutted" not in _events(desk)
    operator = platform.keys.address(Role.OPERATOR)
    with platform.transaction() as session:
        before = ledger.balances(session, operator).markets[0].bond_micro
        settlement = stored_settlement(session, desk.market, number)
        order = to_order(orders.get_order(session, digest))
    desk.move_to(desk.now() + 86_400 + 10)
    fields = order_to_json(order)
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            "Exchange",
            "payOmission",
            {
                **{name: fields[name] for name in ("market", "round", "trader", "epoch")},
                "legs": [(leg.product, leg.coefficient) for leg in order.legs],
                "maxUnits": order.max_units,
                "limit": order.limit,
                "salt": order.salt,
            },
            order.trader,
            pack_prices(settlement.clearing.prices),
            key="pay",
            signer=str(desk.traders[3].address),
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        after = ledger.balances(session, operator).markets[0].bond_micro
    owed = (order.limit - settlement.clearing.prices[0]) * order.max_units // 1_000_000
    assert before - after == owed > 0


def test_a_claim_on_a_cancelled_order_is_rebutted_after_its_trader_had_it_erased(
    desk: Any,
) -> None:
    number = desk.open_round()
    receipt = desk.buy(0, number, 0, 1_000, 3 * PRICE)
    desk.buy(2, number, 0, 1_000, 3 * PRICE)
    desk.sell(1, number, 0, 1_000, PRICE)
    platform, digest = desk.platform, "0x" + receipt.order_hash.hex()
    with platform.transaction() as session:
        kept = orders.get_order(session, digest).model_dump()
    word = Cancellation(desk.market, number, receipt.order_hash).sign(
        platform.domain, bytes(desk.traders[0].key)
    )
    with platform.transaction() as session:
        orders.cancel(platform, session, digest, word)
    desk.close_gate(number)
    run_until_idle(platform)
    with platform.transaction() as session:
        row = get_round(session, desk.market, number)
        row.state = "closed"
        session.add(row)
        erasure.erase(platform, session, str(desk.traders[0].address))
        assert session.get(OrderRow, digest) is None
        # The claim below is made by the order's trader, who still has the order.
        session.add(OrderRow(**kept | {"cancellation_signature": None}))
    _claim(desk, number, receipt, erase=True)
    run_until_idle(platform)
    assert "OmissionRebutted" in _events(desk)
