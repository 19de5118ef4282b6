from __future__ import annotations

import ape
import pytest
from eth_account import Account

MONEY = 1_000_000


@pytest.fixture
def permit(world, alice):
    """Alice's permit of 10 units for the ledger: deadline, v, r, s."""
    world.token.mint(alice, 50 * MONEY, sender=world.admin)
    deadline = world.clock.now + 3_600
    fields = ("owner", "spender", "value", "nonce", "deadline")
    signed = Account.sign_typed_data(
        alice.private_key,
        full_message={
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Permit": [
                    {"name": name, "type": "address" if i < 2 else "uint256"}
                    for i, name in enumerate(fields)
                ],
            },
            "primaryType": "Permit",
            "domain": {
                "name": "Wattproof Settlement Unit",
                "version": "1",
                "chainId": world.chain.chain_id,
                "verifyingContract": world.token.address,
            },
            "message": {
                "owner": alice.address,
                "spender": world.ledger.address,
                "value": 10 * MONEY,
                "nonce": world.token.nonces(alice),
                "deadline": deadline,
            },
        },
    )
    return deadline, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_one_transaction_permits_and_deposits(world, permit, alice):
    free = world.free(alice)
    world.ledger.depositWithPermit(world.token, 10 * MONEY, alice, *permit, sender=alice)
    assert world.free(alice) == free + 10 * MONEY


def test_a_permit_that_somebody_spent_first_does_not_block_the_deposit(world, permit, alice, bob):
    world.token.permit(alice, world.ledger, 10 * MONEY, *permit, sender=bob)
    free = world.free(alice)
    world.ledger.depositWithPermit(world.token, 10 * MONEY, alice, *permit, sender=alice)
    assert world.free(alice) == free + 10 * MONEY


def test_nobody_deposits_by_the_permit_of_another(world, permit, alice, bob):
    with ape.reverts(world.token.ERC20InsufficientAllowance):
        world.ledger.depositWithPermit(world.token, 10 * MONEY, bob, *permit, sender=bob)
