from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from market.approval import DispatchApproval
from market.signature import Domain, SignatureError

DOMAIN = Domain(31_337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
SIGNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
APPROVAL = DispatchApproval(
    market=1,
    period=20_514,
    participant="0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    plan=b"\2" * 32,
    inputs=b"\3" * 32,
    reason="die Schule lädt um zwölf",
    approved_at=1_772_409_600,
)


def test_a_wallet_signs_the_same_digest():
    typed = encode_typed_data(full_message=APPROVAL.typed_data(DOMAIN))
    signed = Account.sign_message(typed, KEY)
    assert bytes(signed.message_hash) == APPROVAL.digest(DOMAIN)


def test_the_signer_is_recovered():
    assert APPROVAL.signer(DOMAIN, APPROVAL.sign(DOMAIN, KEY)) == SIGNER


@pytest.mark.parametrize(
    "changes",
    [
        {"market": 2},
        {"period": 1},
        {"participant": SIGNER},
        {"plan": b"\4" * 32},
        {"inputs": b"\4" * 32},
        {"reason": "the school charges at noon"},
        {"approved_at": 1_772_409_601},
    ],
)
def test_a_signature_holds_for_nothing_else(changes):
    signature = APPROVAL.sign(DOMAIN, KEY)
    assert replace(APPROVAL, **changes).signer(DOMAIN, signature) != SIGNER


def test_a_signature_holds_on_no_other_chain_or_exchange():
    signature = APPROVAL.sign(DOMAIN, KEY)
    for other in (Domain(1, DOMAIN.exchange), Domain(31_337, SIGNER)):
        assert APPROVAL.signer(other, signature) != SIGNER


def test_what_is_no_signature_is_refused():
    with pytest.raises(SignatureError):
        APPROVAL.signer(DOMAIN, b"\xff" * 64)
