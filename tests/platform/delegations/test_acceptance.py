"""Orders that a session delegate signs, as the platform accepts and cancels them."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account

from market.messages import Cancellation
from market.order import order_hash, order_id, sign_order
from tests.platform.delegating import PRICE, Delegating
from wattproof.errors import InvalidError, RefusedError
from wattproof.orders import service as orders
from wattproof.rounds.facts import get_round


def _refused(delegating: Delegating, *signed: Any, by: str | None = None) -> RefusedError:
    platform = delegating.desk.platform
    with platform.transaction() as session, pytest.raises(RefusedError) as refused:
        orders.submit_many(platform, session, list(signed), by=by)
    return refused.value


def _cancel(delegating: Delegating, receipt: Any, key: bytes) -> None:
    platform = delegating.desk.platform
    word = Cancellation(delegating.desk.market, receipt.round, receipt.order_hash)
    with platform.transaction() as session:
        orders.cancel(
            platform, session, "0x" + receipt.order_hash.hex(), word.sign(platform.domain, key)
        )


def test_a_delegates_order_is_receipted_under_an_id_of_its_own(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    order, signature = delegating.order(number, 1_000, 2 * PRICE)
    (receipt,) = delegating.desk.submit((order, signature))
    digest = order_hash(delegating.desk.platform.domain, order)
    assert receipt.order_hash == order_id(digest, order, str(delegating.delegate.address))
    assert receipt.order_hash != digest
    assert delegating.desk.submit((order, signature)) == [receipt]
    with delegating.desk.platform.transaction() as session:
        life = orders.life(session, "0x" + receipt.order_hash.hex())
    assert (life.state, life.signer) == ("open", delegating.delegate.address)
    assert life.order.trader == delegating.principal


def test_the_same_order_signed_by_its_trader_too_is_another_order(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    order, signature = delegating.order(number, 1_000, 2 * PRICE)
    own = sign_order(delegating.desk.platform.domain, order, bytes(delegating.desk.traders[0].key))
    receipts = delegating.desk.submit((order, signature), (order, own))
    assert len({receipt.order_hash for receipt in receipts}) == 2


@pytest.mark.parametrize(
    ("wh", "price", "code"),
    [
        (1_000, 3 * PRICE + 1, "session_price"),
        (-1_000, PRICE - 1, "session_price"),
        (5_001, 2 * PRICE, "session_buy"),
        (-5_001, 2 * PRICE, "session_sell"),
    ],
)
def test_an_order_beyond_a_bound_is_refused_and_says_which(
    delegating: Delegating, wh: int, price: int, code: str
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    assert _refused(delegating, delegating.order(number, wh, price)).code == code


def test_what_is_at_the_bounds_is_accepted(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.trade(number, 5_000, 3 * PRICE)
    delegating.trade(number, -5_000, PRICE)


def test_a_session_that_ends_by_the_gate_covers_nothing_in_the_round(
    delegating: Delegating,
) -> None:
    number = delegating.desk.open_round(gate_in=100)
    with delegating.desk.platform.transaction() as session:
        gate = get_round(session, delegating.desk.market, number).gate_at
    delegating.authorise(delegating.session(until=gate))
    refused = _refused(delegating, delegating.order(number, 1_000, 2 * PRICE))
    assert refused.code == "session_ended"
    delegating.authorise(delegating.session(until=gate + 1))
    delegating.trade(number, 1_000, 2 * PRICE)


def test_open_orders_of_the_delegate_count_together_until_one_is_cancelled(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    first = delegating.trade(number, 3_000, 2 * PRICE)
    assert _refused(delegating, delegating.order(number, 2_001, PRICE)).code == "session_buy"
    delegating.trade(number, 2_000, PRICE)
    assert _refused(delegating, delegating.order(number, 1, PRICE)).code == "session_buy"
    _cancel(delegating, first, bytes(delegating.delegate.key))
    delegating.trade(number, 3_000, PRICE)


def test_a_batch_that_exceeds_the_session_in_sum_is_refused_whole(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    batch = [delegating.order(number, 2_500, PRICE) for _ in range(3)]
    assert _refused(delegating, *batch).code == "session_buy"
    with delegating.desk.platform.transaction() as session:
        assert list(orders.list_orders(session, round=number)) == []


def test_what_the_trader_signs_itself_takes_nothing_from_its_delegate(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.desk.buy(0, number, 0, 50_000, 3 * PRICE)
    delegating.trade(number, 5_000, PRICE)


def test_whom_the_trader_never_named_signs_nothing(delegating: Delegating) -> None:
    number = delegating.desk.open_round()
    stranger = delegating.order(number, 1_000, PRICE, by=Account.create())
    platform = delegating.desk.platform
    with platform.transaction() as session, pytest.raises(InvalidError) as refused:
        orders.submit(platform, session, *stranger)
    assert refused.value.code == "bad_signature"


def test_a_delegate_signs_for_no_other_trader(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    platform = delegating.desk.platform
    foreign = delegating.order(number, 1_000, PRICE, trader=1)
    with platform.transaction() as session, pytest.raises(InvalidError) as refused:
        orders.submit(platform, session, *foreign)
    assert refused.value.code == "bad_signature"


def test_whoever_was_dismissed_is_genuine_and_not_covered(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.trade(number, 1_000, PRICE)
    delegating.revoke()
    refused = _refused(delegating, delegating.order(number, 1_000, PRICE))
    assert refused.code == "not_delegate"
    delegating.authorise()
    delegating.trade(number, 4_000, PRICE)
    refused = _refused(delegating, delegating.order(number, 1, PRICE))
    assert refused.code == "session_buy"


def test_a_new_delegate_replaces_the_one_before_and_starts_from_nothing(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.trade(number, 5_000, PRICE)
    successor = Delegating(delegating.desk)
    successor.authorise()
    assert _refused(delegating, delegating.order(number, 1, PRICE)).code == "not_delegate"
    successor.trade(number, 5_000, PRICE)
    assert _refused(successor, successor.order(number, 1, PRICE)).code == "session_buy"


def test_a_refusal_for_margin_tells_the_delegate_no_figure(delegating: Delegating) -> None:
    delegating.authorise(delegating.session(buy_wh=2**60))
    number = delegating.desk.open_round()
    refused = _refused(delegating, delegating.order(number, 10**9, 3 * PRICE))
    assert refused.code == "margin"
    assert not any(character.isdigit() for character in refused.message)
    own = delegating.desk.order(0, number, 10**9, 3 * PRICE, (0, 1_000_000))
    assert "available are" in _refused(delegating, own).message


def test_orders_of_a_former_delegate_take_no_margin_from_its_trader(
    delegating: Delegating,
) -> None:
    delegating.authorise(delegating.session(buy_wh=2**60))
    number = delegating.desk.open_round()
    delegating.trade(number, 700_000, 3 * PRICE)
    most = delegating.desk.order(0, number, 700_000, 3 * PRICE, (0, 1_000_000))
    assert _refused(delegating, most).code == "margin"
    delegating.revoke()
    delegating.desk.submit(most)


def test_trader_and_signer_cancel_and_nobody_else(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    by_trader, by_signer, kept = (delegating.trade(number, 100 + n, PRICE) for n in range(3))
    own = delegating.desk.buy(0, number, 0, 1_000, PRICE)
    _cancel(delegating, by_trader, bytes(delegating.desk.traders[0].key))
    _cancel(delegating, by_signer, bytes(delegating.delegate.key))
    for receipt, key in (
        (kept, bytes(delegating.desk.traders[1].key)),
        (own, bytes(delegating.delegate.key)),
    ):
        with pytest.raises(InvalidError) as refused:
            _cancel(delegating, receipt, key)
        assert refused.value.code == "bad_signature"


def test_whoever_hands_in_is_the_trader_or_who_signed(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    signed = delegating.order(number, 100, PRICE)
    other = str(delegating.desk.traders[1].address)
    assert _refused(delegating, signed, by=other).code == "not_yours"
    own = delegating.desk.order(0, number, 100, PRICE, (0, 1_000_000))
    by_delegate = str(delegating.delegate.address)
    assert _refused(delegating, own, by=by_delegate).code == "not_yours"
    platform = delegating.desk.platform
    others = [delegating.order(number, wh, PRICE) for wh in (8, 9)]
    with platform.transaction() as session:
        orders.submit(platform, session, *signed, by=by_delegate)
        orders.submit(platform, session, *others[0], by=None)
        orders.submit(platform, session, *others[1], by=delegating.principal)


def test_a_template_for_another_is_for_its_delegate_alone(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    order, _ = delegating.order(number, 100, PRICE)
    platform = delegating.desk.platform
    wanted: dict[str, Any] = {
        "market": delegating.desk.market,
        "round": None,
        "trader": delegating.principal,
        "legs": [(order.legs[0].product, 1_000_000)],
        "max_units": 100,
        "limit_nano_per_kwh": PRICE,
    }
    with platform.transaction() as session:
        made = orders.template(platform, session, signer=str(delegating.delegate.address), **wanted)
        assert made.order.trader == delegating.principal
        signature = sign_order(platform.domain, made.order, bytes(delegating.delegate.key))
        receipt = orders.submit(platform, session, made.order, signature)
    assert receipt.order_hash == made.order_hash
    with platform.transaction() as session, pytest.raises(RefusedError) as refused:
        orders.template(platform, session, signer=str(delegating.desk.traders[1].address), **wanted)
    assert refused.value.code == "not_yours"
    delegating.revoke()
    with platform.transaction() as session, pytest.raises(RefusedError) as refused:
        orders.template(platform, session, signer=str(delegating.delegate.address), **wanted)
    assert refused.value.code == "not_yours"
