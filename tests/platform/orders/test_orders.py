from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from devnet import accounts
from identity.roles import role_id
from market.messages import Cancellation, Receipt
from market.order import Domain, Leg, Order, order_to_json, sign_order
from market.product import Product
from market.signature import HALF_ORDER
from wattproof.accounts import service as ledger
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.gateway.keys import Role
from wattproof.orders import service as orders
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_market, get_round, rules_of
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000
ONE = 1_000_000
CURVE_ORDER = 2 * HALF_ORDER + 1


def _life(desk: Any, digest: str) -> orders.OrderLife:
    with desk.platform.transaction() as session:
        return orders.life(session, digest)


def test_a_receipt_is_the_operators_signed_word(desk: Any) -> None:
    number = desk.open_round()
    receipt = desk.buy(0, number, 0, 1_000, PRICE)
    word = Receipt(desk.market, number, receipt.order_hash, receipt.received_at)
    operator = desk.platform.keys.address(Role.OPERATOR)
    assert word.signer(desk.platform.domain, receipt.signature) == receipt.operator == operator
    assert _life(desk, "0x" + receipt.order_hash.hex()).state == "open"


def test_the_same_order_gets_the_same_receipt(desk: Any) -> None:
    number = desk.open_round()
    signed = desk.order(0, number, 1_000, PRICE, (0, ONE))
    assert desk.submit(signed) == desk.submit(signed)


def test_a_template_is_accepted_once_signed(desk: Any) -> None:
    number = desk.open_round()
    trader = desk.traders[0]
    with desk.platform.transaction() as session:
        row = get_round(session, desk.market, number)
        template = orders.template(
            desk.platform,
            session,
            market=desk.market,
            round=None,
            trader=str(trader.address).lower(),
            legs=[(Product(0, 0, row.first_slot).id, ONE)],
            max_units=500,
            limit_nano_per_kwh=PRICE,
        )
    signed = Account.sign_typed_data(trader.key, full_message=template.typed_data)
    order, signature = orders.parse(order_to_json(template.order), "0x" + signed.signature.hex())
    assert order == template.order
    assert desk.submit((order, signature))[0].order_hash == template.order_hash
    assert template.margin_need_micro == 50_000 + 500_000


def test_a_template_of_a_malformed_order_is_refused(desk: Any) -> None:
    desk.open_round()
    with desk.platform.transaction() as session, pytest.raises(InvalidError, match="not traded"):
        orders.template(
            desk.platform,
            session,
            market=desk.market,
            round=None,
            trader=str(desk.traders[0].address),
            legs=[(5, ONE)],
            max_units=500,
            limit_nano_per_kwh=PRICE,
        )


@pytest.mark.parametrize("trader", ["", "0x12", "me", "0xF39fd6e51aad88f6f4ce6ab8827279cfffb92266"])
def test_a_template_for_no_address_is_refused(desk: Any, trader: str) -> None:
    desk.open_round()
    with desk.platform.transaction() as session, pytest.raises(InvalidError):
        orders.template(
            desk.platform,
            session,
            market=desk.market,
            round=None,
            trader=trader,
            legs=[],
            max_units=1,
            limit_nano_per_kwh=0,
        )


def test_an_order_signed_for_another_exchange_or_chain_is_refused(desk: Any) -> None:
    number = desk.open_round()
    order, _ = desk.order(0, number, 1_000, PRICE, (0, ONE))
    domain = desk.platform.domain
    key = bytes(desk.traders[0].key)
    for foreign in (
        Domain(domain.chain_id + 1, domain.exchange),
        Domain(domain.chain_id, desk.platform.chain.address("Ledger")),
    ):
        with pytest.raises(InvalidError) as refused:
            desk.submit((order, sign_order(foreign, order, key)))
        assert refused.value.code == "bad_signature"


def test_a_malleated_signature_is_refused(desk: Any) -> None:
    number = desk.open_round()
    order, signature = desk.order(0, number, 1_000, PRICE, (0, ONE))
    parity_and_s = int.from_bytes(signature[32:], "big")
    parity, s = parity_and_s >> 255, parity_and_s & ((1 << 255) - 1)
    high_s = (CURVE_ORDER - s).to_bytes(32, "big")
    with pytest.raises(InvalidError):
        desk.submit((order, signature[:32] + high_s))
    with pytest.raises(InvalidError, match="low s"):
        orders.compact_signature((signature[:32] + high_s + bytes([28 - parity])).hex())


def test_somebody_elses_signature_is_refused(desk: Any) -> None:
    number = desk.open_round()
    order, _ = desk.order(0, number, 1_000, PRICE, (0, ONE))
    _, signature = desk.order(1, number, 1_000, PRICE, (0, ONE))
    with pytest.raises(InvalidError, match="not by the trader"):
        desk.submit((order, signature))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"max_units": 0}, "malformed_order"),
        ({"limit": 4_000_000_001}, "malformed_order"),
        ({"legs": ()}, "malformed_order"),
        ({"epoch": 1}, "wrong_epoch"),
    ],
)
def test_an_order_that_could_not_count_gets_no_receipt(
    desk: Any, change: dict[str, Any], code: str
) -> None:
    number = desk.open_round()
    order, _ = desk.order(0, number, 1_000, PRICE, (0, ONE))
    order = replace(order, **change)
    signature = sign_order(desk.platform.domain, order, bytes(desk.traders[0].key))
    with pytest.raises((InvalidError, RefusedError)) as refused:
        desk.submit((order, signature))
    assert refused.value.code == code


def test_orders_of_a_trader_are_covered_together(desk: Any) -> None:
    number = desk.open_round()
    # Margin is 1,000 tokens; 400 kWh at 0.1 need 40 and 400 tokens of collateral.
    desk.buy(0, number, 0, 400_000, PRICE)
    desk.buy(0, number, 1, 400_000, PRICE)
    with pytest.raises(RefusedError) as refused:
        desk.buy(0, number, 2, 400_000, PRICE)
    assert refused.value.code == "margin"
    desk.buy(0, number, 2, 100_000, PRICE)


def test_all_of_a_batch_are_accepted_or_none(desk: Any) -> None:
    number = desk.open_round()
    good = desk.order(0, number, 1_000, PRICE, (0, ONE))
    bad = desk.order(1, number, 2_000_000, PRICE, (0, ONE))
    with pytest.raises(RefusedError):
        desk.submit(good, bad)
    with desk.platform.transaction() as session:
        assert list(orders.list_orders(session, round=number)) == []


def test_no_order_is_taken_after_the_gate(desk: Any) -> None:
    number = desk.open_round()
    signed = desk.order(0, number, 1_000, PRICE, (0, ONE))
    desk.close_gate(number)
    with pytest.raises(RefusedError) as refused:
        desk.submit(signed)
    assert refused.value.code == "gate_closed"
    run_until_idle(desk.platform)
    with pytest.raises(RefusedError):
        desk.submit(signed)


def test_a_cancelled_order_is_not_in_the_book(desk: Any) -> None:
    number = desk.open_round()
    receipt = desk.buy(0, number, 0, 1_000, PRICE)
    desk.buy(1, number, 0, 1_000, PRICE)
    digest = "0x" + receipt.order_hash.hex()
    message = Cancellation(desk.market, number, receipt.order_hash)
    platform = desk.platform
    with platform.transaction() as session:
        foreign = message.sign(platform.domain, bytes(desk.traders[1].key))
        with pytest.raises(InvalidError, match="not by the trader"):
            orders.cancel(platform, session, digest, foreign)
        own = message.sign(platform.domain, bytes(desk.traders[0].key))
        orders.cancel(platform, session, digest, own)
        orders.cancel(platform, session, digest, own)
    assert _life(desk, digest).state == "cancelled"
    desk.close_gate(number)
    run_until_idle(platform)
    assert _life(desk, digest).state == "cancelled"
    with platform.transaction() as session:
        assert get_round(session, desk.market, number).book_count == 1


def test_a_cancelled_order_cannot_be_sent_again_and_frees_its_cover(desk: Any) -> None:
    number = desk.open_round()
    signed = desk.order(0, number, 900_000, PRICE, (0, ONE))
    receipt = desk.submit(signed)[0]
    message = Cancellation(desk.market, number, receipt.order_hash)
    word = message.sign(desk.platform.domain, bytes(desk.traders[0].key))
    with desk.platform.transaction() as session:
        orders.cancel(desk.platform, session, "0x" + receipt.order_hash.hex(), word)
    with pytest.raises(ConflictError, match="cancelled"):
        desk.submit(signed)
    desk.buy(0, number, 1, 900_000, PRICE)


def test_the_life_of_an_order_says_why_it_was_not_filled(desk: Any) -> None:
    number = desk.open_round()
    low = desk.buy(0, number, 0, 1_000, PRICE)
    desk.sell(1, number, 0, 1_000, 3 * PRICE)
    high = desk.buy(2, number, 0, 1_000, 4 * PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    unlucky, lucky = (_life(desk, "0x" + r.order_hash.hex()) for r in (low, high))
    assert (unlucky.state, unlucky.fill_units) == ("settled", 0)
    assert unlucky.why == "the price was worse than the order's limit"
    assert (lucky.fill_units, lucky.why) == (1_000, None)
    assert list(lucky.quantities_wh.values()) == [1_000]


def test_an_unknown_order_is_not_found(desk: Any) -> None:
    with desk.platform.transaction() as session, pytest.raises(NotFoundError):
        orders.life(session, "0x" + "00" * 32)


def test_orders_come_in_pages(desk: Any) -> None:
    number = desk.open_round()
    for units in range(5):
        desk.buy(0, number, 0, units + 1, PRICE)
    seen: list[str] = []
    with desk.platform.transaction() as session:
        while page := orders.list_orders(
            session,
            party=str(desk.traders[0].address),
            after=seen[-1] if seen else None,
            limit=2,
        ):
            seen += [row.digest for row in page]
    assert seen == sorted(desk.digests)


def test_a_market_with_a_role_and_a_capacity_source_asks_for_both(desk: Any) -> None:
    platform = desk.platform
    trader = accounts.account(accounts.FIRST_TRADER)
    address = str(trader.address)
    with platform.transaction() as session:
        rules = replace(rules_of(get_market(session, desk.market)), capacity_unit_wh=1)
        rounds.create_market(
            platform,
            session,
            "ev",
            rules,
            role=role_id("ev_owner"),
            capacity_source="BatteryPassport",
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        found = rounds.market_named(session, "ev")
        assert found is not None
        ledger.ledger_call(platform, session, address, "addMargin", found.market, 10**8, key="ev")
        first_slot = (desk.now() // 7_200 + 2) * 8
        rounds.open_round(
            platform,
            session,
            found.market,
            gate_at=desk.now() + 3_000,
            first_slot=first_slot,
            slots=2,
        )
    run_until_idle(platform)
    order = Order(
        found.market, 1, (Leg(Product(0, 0, first_slot).id, -ONE),), 1_000, 0, address, 0, 1
    )
    signed = (order, sign_order(platform.domain, order, bytes(trader.key)))
    with pytest.raises(RefusedError) as refused:
        desk.submit(signed)
    assert refused.value.code == "no_credential"
    with platform.transaction() as session:
        grant = ledger.register(platform, session, address, "ev_owner")
        ledger.attest_battery(
            platform,
            session,
            address,
            battery_id=b"\x07" * 32,
            capacity_wh=40_000,
            state_of_health_bp=9_000,
            cycles_per_day_milli=500,
            after=grant,
        )
    run_until_idle(platform)
    with pytest.raises(RefusedError) as refused:
        desk.submit(signed)
    assert refused.value.code == "capacity"
    with platform.transaction() as session:
        ledger.ledger_call(
            platform, session, address, "syncCapacity", found.market, address, key="ev"
        )
    run_until_idle(platform)
    desk.submit(signed)
    with platform.transaction() as session:
        balance = ledger.balances(session, address)
    capacity = [m.capacity_wh for m in balance.markets if m.market == found.market]
    assert capacity == [18_000]


@pytest.mark.parametrize("text", ["", "0x", "zz", "0x" + "00" * 63, "0x" + "ff" * 65])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        orders.compact_signature(text)
