from __future__ import annotations

import json

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from market.order import (
    Domain,
    Leg,
    Order,
    OrderError,
    SignatureError,
    SignedOrder,
    check_well_formed,
    order_from_json,
    order_hash,
    order_id,
    order_to_json,
    recover,
    sign_order,
    typed_data,
)
from market.product import Product, ProductGrid
from market.signature import HALF_ORDER

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = b"\x11" * 32
TRADER = Account.from_key(KEY).address
DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
GRID = ProductGrid(carriers=2, zones=1, first_slot=100, slots=96)
PRODUCT = Product(0, 0, 100).id
PRICE_CAP = 10**10


def an_order(**changes) -> Order:
    fields = {
        "market": 1,
        "round": 2,
        "legs": (Leg(PRODUCT, 1_000_000),),
        "max_units": 5_000,
        "limit": 250_000_000,
        "trader": TRADER,
        "epoch": 0,
        "salt": 7,
    }
    return Order(**{**fields, **changes})


orders = st.builds(
    an_order,
    market=st.integers(0, 2**32 - 1),
    round=st.integers(0, 2**32 - 1),
    legs=st.lists(
        st.builds(Leg, st.integers(0, 2**64 - 1), st.integers(-(2**31), 2**31 - 1)),
        max_size=6,
    ).map(tuple),
    max_units=st.integers(0, 2**64 - 1),
    limit=st.integers(-(2**63), 2**63 - 1),
    epoch=st.integers(0, 2**32 - 1),
    salt=st.integers(0, 2**64 - 1),
)


@settings(deadline=None, max_examples=60)
@given(orders)
def test_the_order_hash_is_the_digest_that_wallets_sign(order):
    wallet_form = json.loads(json.dumps(typed_data(DOMAIN, order)))
    message = encode_typed_data(full_message=wallet_form)
    assert order_hash(DOMAIN, order) == _hash_eip191_message(message)


@settings(deadline=None, max_examples=60)
@given(orders)
def test_an_order_survives_json(order):
    assert order_from_json(json.loads(json.dumps(order_to_json(order)))) == order


def test_a_wallet_signature_in_compact_form_recovers_to_the_trader():
    order = an_order()
    digest = order_hash(DOMAIN, order)
    assert recover(digest, sign_order(DOMAIN, order, KEY)) == TRADER
    assert SignedOrder.verify(DOMAIN, order, sign_order(DOMAIN, order, KEY)).digest == digest


def test_another_chain_exchange_or_field_gives_another_hash():
    order = an_order()
    variants = {
        order_hash(DOMAIN, order),
        order_hash(Domain(1, DOMAIN.exchange), order),
        order_hash(Domain(31337, TRADER), order),
        *(
            order_hash(DOMAIN, an_order(**{field: getattr(order, field) + 1}))
            for field in ("market", "round", "max_units", "limit", "epoch", "salt")
        ),
    }
    assert len(variants) == 9


def test_a_high_s_is_refused_and_the_malleated_twin_has_no_compact_form():
    digest = order_hash(DOMAIN, an_order())
    signature = sign_order(DOMAIN, an_order(), KEY)
    s = int.from_bytes(signature[32:], "big") & (2**255 - 1)
    assert s <= HALF_ORDER
    assert SECP256K1_ORDER - s >= 2**255
    with pytest.raises(SignatureError, match="half"):
        recover(digest, signature[:32] + (HALF_ORDER + 1).to_bytes(32, "big"))


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(63), bytes(65), bytes(64), b"\xff" * 32 + bytes(31) + b"\x01", bytes(63) + b"\x01"],
)
def test_a_signature_that_belongs_to_no_key_is_refused(signature):
    with pytest.raises(SignatureError):
        recover(order_hash(DOMAIN, an_order()), signature)


def test_an_order_signed_by_somebody_else_is_refused():
    with pytest.raises(SignatureError, match="not by the trader"):
        SignedOrder.verify(DOMAIN, an_order(), sign_order(DOMAIN, an_order(), b"\x12" * 32))


DELEGATE_KEY = b"\x12" * 32
DELEGATE = Account.from_key(DELEGATE_KEY).address


def test_an_order_that_a_named_delegate_signed_knows_who_signed_it():
    order = an_order()
    given = SignedOrder.sign(DOMAIN, order, DELEGATE_KEY, delegate=DELEGATE)
    verified = SignedOrder.verify(DOMAIN, order, given.signature, named=[DELEGATE])
    assert verified == given
    assert (verified.delegate, verified.signer) == (DELEGATE, DELEGATE)


def test_the_same_order_is_known_by_another_id_for_everybody_who_signs_it():
    order = an_order()
    digest = order_hash(DOMAIN, order)
    other = b"\x13" * 32
    keys = {TRADER: KEY, DELEGATE: DELEGATE_KEY, Account.from_key(other).address: other}
    signed = [
        SignedOrder.verify(DOMAIN, order, sign_order(DOMAIN, order, key), named=keys)
        for key in keys.values()
    ]
    assert [each.signer for each in signed] == list(keys)
    assert len({each.digest for each in signed}) == 3
    assert signed[0].digest == digest == order_id(digest, order, None)
    assert signed[1].digest == keccak(digest + bytes.fromhex(DELEGATE[2:]))


def test_an_order_that_its_trader_signed_needs_nobody_named():
    order = an_order()
    signed = SignedOrder.verify(DOMAIN, order, sign_order(DOMAIN, order, KEY), named=[DELEGATE])
    assert (signed.delegate, signed.signer) == (None, TRADER)


def test_somebody_whom_the_trader_did_not_name_signs_nothing_for_it():
    order = an_order()
    signature = sign_order(DOMAIN, order, DELEGATE_KEY)
    for named in ((), (TRADER,), (DELEGATE.lower(),)):
        with pytest.raises(SignatureError, match=f"signed by {DELEGATE}, not by the trader"):
            SignedOrder.verify(DOMAIN, order, signature, named=named)


def test_a_delegates_signature_of_another_order_is_none_of_this_one():
    signature = sign_order(DOMAIN, an_order(salt=8), DELEGATE_KEY)
    with pytest.raises(SignatureError):
        SignedOrder.verify(DOMAIN, an_order(), signature, named=[DELEGATE])


def test_a_plain_buy_is_well_formed():
    check_well_formed(an_order(), GRID, PRICE_CAP)


OTHER = Product(1, 0, 100).id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"legs": ()}, "1 to 255 legs"),
        ({"legs": tuple(Leg(PRODUCT + i, 5) for i in range(256))}, "1 to 255 legs"),
        ({"max_units": 0}, "max_units"),
        ({"legs": (Leg(OTHER, 1), Leg(PRODUCT, 1))}, "sorted"),
        ({"legs": (Leg(PRODUCT, 1), Leg(PRODUCT, 1))}, "sorted"),
        ({"legs": (Leg(PRODUCT, 0), Leg(OTHER, 1))}, "zero"),
        ({"legs": (Leg(PRODUCT, 999_999),)}, "single leg"),
        ({"legs": (Leg(Product(0, 0, 99).id, 1_000_000),)}, "not traded"),
        ({"legs": (Leg(Product(0, 1, 100).id, 1_000_000),)}, "not traded"),
        ({"limit": PRICE_CAP + 1}, "price cap"),
        ({"limit": -PRICE_CAP - 1}, "price cap"),
    ],
)
def test_a_malformed_order_is_refused_with_the_reason(changes, message):
    with pytest.raises(OrderError, match=message):
        check_well_formed(an_order(**changes), GRID, PRICE_CAP)


def test_the_networks_carriers_are_its_accounts_alone():
    flowgate = Product(2, 0, 100).id
    grid = ProductGrid(carriers=3, zones=1, first_slot=100, slots=4)
    line = an_order(legs=(Leg(PRODUCT, 1_000_000), Leg(OTHER, -900_000), Leg(flowgate, 5)), limit=0)
    open_legs = an_order(legs=line.legs[:2], limit=0)
    for network in (None, "0x" + "11" * 20):
        check_well_formed(open_legs, grid, PRICE_CAP, open_carriers=2, network=network)
        check_well_formed(line, grid, PRICE_CAP, open_carriers=3, network=network)
        with pytest.raises(OrderError, match="carrier 2 is the network account's alone"):
            check_well_formed(line, grid, PRICE_CAP, open_carriers=2, network=network)
    check_well_formed(line, grid, PRICE_CAP, open_carriers=2, network=TRADER)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_units": 2**64},
        {"max_units": -1},
        {"limit": 2**63},
        {"market": 2**32},
        {"epoch": -1},
        {"salt": 2**64},
        {"trader": TRADER.lower()},
        {"trader": "somebody"},
    ],
)
def test_a_field_beyond_its_type_is_refused(changes):
    with pytest.raises(OrderError):
        an_order(**changes)


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 1.5},
        {"limit": True},
        {"limit": "ten"},
        {"legs": None},
        {"legs": [{}]},
        {"trader": 5},
        {"more": 1},
    ],
)
def test_json_that_is_not_an_order_is_refused(change):
    with pytest.raises(OrderError):
        order_from_json({**order_to_json(an_order()), **change})
