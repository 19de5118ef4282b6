from __future__ import annotations

import dataclasses
import json

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from market.delegation import (
    NOBODY,
    Authorisation,
    DelegationError,
    Revocation,
    Session,
    SessionBreach,
    Traded,
    check_signed,
    session_breach,
)
from market.eligibility import bought_energy_wh, sold_energy_wh, traded_energy
from market.order import Domain, Leg, Order, SignatureError
from market.units import SCALE, ceil_div

KEY, OTHER_KEY = b"\x31" * 32, b"\x32" * 32
PRINCIPAL, DELEGATE = (Account.from_key(key).address for key in (KEY, OTHER_KEY))
DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
GATE = 1_760_000_000
SESSION = Session(DELEGATE, GATE + 1, 1_000, 500, 300_000_000, 100_000_000)
AUTHORISATION = Authorisation(PRINCIPAL, 3, SESSION, nonce=7, deadline=GATE)
REVOCATION = Revocation(PRINCIPAL, 3, nonce=8, deadline=GATE)
CHANGES = pytest.mark.parametrize("change", [AUTHORISATION, REVOCATION])


def order(wh: int, price: int) -> Order:
    """Buys (positive Wh) or sells at a price in nano per kWh."""
    sign = 1 if wh > 0 else -1
    return Order(3, 1, (Leg(96, sign * SCALE),), abs(wh), sign * price, PRINCIPAL, 0, 0)


def breach(
    one: Order,
    session: Session | None = SESSION,
    *,
    by: str = DELEGATE,
    before: Traded | None = None,
    gate_at: int = GATE,
) -> SessionBreach | None:
    return session_breach(session, by, one, traded_energy(one), before or Traded(), gate_at)


# -- what is signed --------------------------------------------------------------------------------


@CHANGES
def test_the_digest_is_the_one_that_wallets_sign(change):
    wallet_form = json.loads(json.dumps(change.typed_data(DOMAIN)))
    assert change.digest(DOMAIN) == _hash_eip191_message(
        encode_typed_data(full_message=wallet_form)
    )


def test_the_largest_and_the_smallest_session_survive_a_wallet():
    for session in (
        Session(DELEGATE, 2**40 - 1, 2**64 - 1, 2**64 - 1, 2**63 - 1, -(2**63)),
        Session(DELEGATE, 0, 0, 0, -(2**63), 2**63 - 1),
    ):
        change = dataclasses.replace(AUTHORISATION, session=session, nonce=2**256 - 1)
        wallet_form = json.loads(json.dumps(change.typed_data(DOMAIN)))
        digest = _hash_eip191_message(encode_typed_data(full_message=wallet_form))
        assert change.digest(DOMAIN) == digest
        assert Session.of_chain(session.to_chain()) == session
        assert Session.of_chain(json.loads(json.dumps(session.to_json()))) == session


@CHANGES
def test_the_principals_signature_in_time_is_taken(change):
    check_signed(change, DOMAIN, change.sign(DOMAIN, KEY), now=GATE)
    with pytest.raises(SignatureError, match="had to arrive by"):
        check_signed(change, DOMAIN, change.sign(DOMAIN, KEY), now=GATE + 1)


@CHANGES
def test_nobody_else_names_or_dismisses_a_delegate(change):
    with pytest.raises(SignatureError, match=f"signed by {DELEGATE}"):
        check_signed(change, DOMAIN, change.sign(DOMAIN, OTHER_KEY), now=GATE)


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(AUTHORISATION, market=4),
        dataclasses.replace(AUTHORISATION, nonce=8),
        dataclasses.replace(AUTHORISATION, deadline=GATE + 5),
        *(
            dataclasses.replace(
                AUTHORISATION,
                session=dataclasses.replace(SESSION, **{name: getattr(SESSION, name) + 1}),
            )
            for name in ("until", "buy_wh", "sell_wh", "max_price", "min_price")
        ),
        dataclasses.replace(
            AUTHORISATION, session=dataclasses.replace(SESSION, delegate=PRINCIPAL)
        ),
    ],
)
def test_a_signature_holds_for_exactly_what_was_signed(changed):
    signature = AUTHORISATION.sign(DOMAIN, KEY)
    with pytest.raises(SignatureError):
        check_signed(changed, DOMAIN, signature, now=0)


def test_a_signature_holds_on_one_chain_at_one_contract():
    signature = AUTHORISATION.sign(DOMAIN, KEY)
    for other in (Domain(1, DOMAIN.exchange), Domain(31337, PRINCIPAL)):
        with pytest.raises(SignatureError):
            check_signed(AUTHORISATION, other, signature, now=0)


def test_a_revocation_is_no_authorisation():
    same = Revocation(PRINCIPAL, 3, AUTHORISATION.nonce, AUTHORISATION.deadline)
    assert same.digest(DOMAIN) != AUTHORISATION.digest(DOMAIN)


# -- sessions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"until": -1},
        {"until": 2**40},
        {"buy_wh": -1},
        {"buy_wh": 2**64},
        {"sell_wh": 2**64},
        {"max_price": 2**63},
        {"min_price": -(2**63) - 1},
        {"delegate": DELEGATE.lower()},
        {"delegate": ""},
        {"delegate": NOBODY},
    ],
)
def test_a_session_that_no_contract_would_take_is_refused(change):
    with pytest.raises(DelegationError):
        dataclasses.replace(SESSION, **change)


def test_the_session_of_nobody_is_none():
    nothing = {"until": 0, "buyWh": 0, "sellWh": 0, "maxPrice": 0, "minPrice": 0}
    assert Session.of_chain({"delegate": NOBODY, **nothing}) is None


# -- the bounds ------------------------------------------------------------------------------------


def test_an_order_at_every_bound_is_within_the_session():
    assert breach(order(1_000, 300_000_000)) is None
    assert breach(order(-500, 100_000_000)) is None
    assert breach(order(1, 300_000_000), before=Traded(999, 500)) is None


@pytest.mark.parametrize(
    ("one", "more", "expected"),
    [
        (order(1, 1), {"session": None}, SessionBreach.DELEGATE),
        (order(1, 1), {"by": PRINCIPAL}, SessionBreach.DELEGATE),
        (order(1, 1), {"gate_at": GATE + 1}, SessionBreach.ENDED),
        (order(1, 300_000_001), {}, SessionBreach.PRICE),
        (order(-1, 99_999_999), {}, SessionBreach.PRICE),
        (order(1_001, 1), {}, SessionBreach.BUY),
        (order(1, 1), {"before": Traded(1_000, 0)}, SessionBreach.BUY),
        (order(-501, 200_000_000), {}, SessionBreach.SELL),
        (order(-1, 200_000_000), {"before": Traded(0, 500)}, SessionBreach.SELL),
    ],
)
def test_one_step_beyond_a_bound_is_outside(one, more, expected):
    assert breach(one, **more) is expected


def test_what_is_bought_before_takes_nothing_from_what_may_be_sold():
    assert breach(order(-500, 100_000_000), before=Traded(1_000, 0)) is None


def test_a_delegate_that_only_sells_buys_nothing_not_even_as_one_leg():
    only_sells = dataclasses.replace(SESSION, buy_wh=0)
    shift = Order(3, 1, (Leg(96, -SCALE), Leg(97, 900_000)), 100, -(10**9), PRINCIPAL, 0, 0)
    assert breach(order(-1, 100_000_000), only_sells) is None
    assert breach(order(1, 1), only_sells) is SessionBreach.BUY
    assert breach(shift, only_sells) is SessionBreach.BUY


def test_an_order_of_several_legs_is_bounded_by_what_it_takes_and_gives_together():
    # Takes 100 Wh and gives 90: worth 100 * 0.3 - 90 * 0.1 at the session's prices, 0.21 a unit.
    legs = (Leg(96, SCALE), Leg(97, -900_000))
    worth = Order(3, 1, legs, 100, 210_000_000, PRINCIPAL, 0, 0)
    assert traded_energy(worth) == Traded(100, 90)
    assert breach(worth) is None
    assert breach(dataclasses.replace(worth, limit=210_000_001)) is SessionBreach.PRICE


def test_the_first_breach_in_the_order_of_judging_is_the_one_that_is_named():
    worst = order(9_999, 9 * 10**9)
    assert breach(worst, by=PRINCIPAL, gate_at=2 * GATE) is SessionBreach.DELEGATE
    assert breach(worst, gate_at=2 * GATE) is SessionBreach.ENDED
    assert breach(worst) is SessionBreach.PRICE
    assert breach(order(9_999, 1)) is SessionBreach.BUY


legs = st.lists(st.integers(-(2**31), 2**31 - 1).filter(bool), min_size=1, max_size=6).map(
    lambda found: tuple(Leg(96 + n, c) for n, c in enumerate(found))
)


@settings(max_examples=200, deadline=None)
@given(legs, st.integers(1, 2**64 - 1))
def test_what_an_order_buys_and_sells_is_all_its_energy(given_legs, units):
    one = Order(1, 1, given_legs, units, 0, PRINCIPAL, 0, 0)
    energy_wh = sum(ceil_div(abs(leg.coefficient) * units, SCALE) for leg in given_legs)
    assert bought_energy_wh(one) + sold_energy_wh(one) == energy_wh
    assert bought_energy_wh(one) >= 0 <= sold_energy_wh(one)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**40), st.integers(-(2**62), 2**62), st.integers(1, 2**40), st.booleans())
def test_a_single_leg_within_the_session_never_pays_more_than_its_highest_price(
    bound_wh, highest, wh, sells
):
    session = dataclasses.replace(
        SESSION, buy_wh=bound_wh, sell_wh=bound_wh, max_price=highest, min_price=highest
    )
    for price in (highest - 1, highest, highest + 1):
        found = breach(order(-wh if sells else wh, price), session)
        outside = price < highest if sells else price > highest
        expected = SessionBreach.SELL if sells else SessionBreach.BUY
        assert found is (SessionBreach.PRICE if outside else expected if wh > bound_wh else None)
