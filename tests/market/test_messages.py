from __future__ import annotations

import json

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data

from market.messages import Cancellation, Receipt
from market.order import SignatureError
from market.synthetic import DOMAIN

KEY = b"\x21" * 32
ORDER = b"\x5a" * 32
MESSAGES: list[Cancellation | Receipt] = [
    Cancellation(1, 2, ORDER),
    Receipt(1, 2, ORDER, 1_760_000_000),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_the_digest_is_the_one_that_wallets_sign(message):
    wallet_form = json.loads(json.dumps(message.typed_data(DOMAIN)))
    assert message.digest(DOMAIN) == _hash_eip191_message(
        encode_typed_data(full_message=wallet_form)
    )


@pytest.mark.parametrize("message", MESSAGES)
def test_the_signer_is_recovered(message):
    assert message.signer(DOMAIN, message.sign(DOMAIN, KEY)) == Account.from_key(KEY).address
    with pytest.raises(SignatureError):
        message.signer(DOMAIN, bytes(64))


def test_a_receipt_is_not_a_cancellation():
    assert len({message.digest(DOMAIN) for message in MESSAGES}) == 2
