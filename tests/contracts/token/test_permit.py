from __future__ import annotations

import ape
import pytest
from eth_account import Account

OWNER = Account.from_key(b"\x11" * 32)
PERMIT = [
    {"name": "owner", "type": "address"},
    {"name": "spender", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
]


@pytest.fixture
def sign(token, chain):
    def signed(spender, value, deadline, chain_id=None):
        domain = {
            "name": "Wattproof Settlement Unit",
            "version": "1",
            "chainId": chain_id or chain.chain_id,
            "verifyingContract": token.address,
        }
        message = {
            "owner": OWNER.address,
            "spender": spender.address,
            "value": value,
            "nonce": token.nonces(OWNER.address),
            "deadline": deadline,
        }
        made = Account.sign_typed_data(OWNER.key, domain, {"Permit": PERMIT}, message)
        return made.v, made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big")

    return signed


def test_a_signature_grants_an_allowance(token, sign, holder, clock):
    deadline = clock.now + 100
    vrs = sign(holder, 42, deadline)
    token.permit(OWNER.address, holder, 42, deadline, *vrs, sender=holder)
    assert token.allowance(OWNER.address, holder) == 42


def test_a_permit_is_used_once(token, sign, holder, clock):
    deadline = clock.now + 100
    vrs = sign(holder, 42, deadline)
    token.permit(OWNER.address, holder, 42, deadline, *vrs, sender=holder)
    with ape.reverts(token.ERC2612InvalidSigner):
        token.permit(OWNER.address, holder, 42, deadline, *vrs, sender=holder)


def test_a_late_permit_is_refused(token, sign, holder, clock):
    deadline = clock.now + 100
    vrs = sign(holder, 42, deadline)
    clock.next_at(deadline + 1)
    with ape.reverts(token.ERC2612ExpiredSignature, deadline=deadline):
        token.permit(OWNER.address, holder, 42, deadline, *vrs, sender=holder)


def test_a_permit_for_another_chain_is_refused(token, sign, holder, clock, chain):
    deadline = clock.now + 100
    vrs = sign(holder, 42, deadline, chain_id=chain.chain_id + 1)
    with ape.reverts(token.ERC2612InvalidSigner):
        token.permit(OWNER.address, holder, 42, deadline, *vrs, sender=holder)
