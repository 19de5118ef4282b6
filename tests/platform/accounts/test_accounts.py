from __future__ import annotations

from typing import Any

import pytest
from eth_typing import HexStr
from sqlmodel import select

from devnet import accounts
from identity.roles import ROLES, role_id
from wattproof.accounts import service as ledger
from wattproof.accounts.models import CredentialRow
from wattproof.errors import MisconfiguredError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.runtime import Platform
from wattproof.settings import Profile
from wattproof.tasks.flow import run_until_idle

WALLET = accounts.account(9)
ADDRESS = str(WALLET.address)


def _send(platform: Platform, unsigned: ledger.UnsignedTransaction, nonce: int) -> None:
    signed = WALLET.sign_transaction(
        {
            "type": 2,
            "chainId": unsigned.chain_id,
            "nonce": nonce,
            "to": HexStr(unsigned.to),
            "data": HexStr(unsigned.data),
            "value": unsigned.value_wei,
            "gas": 300_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    with platform.transaction() as session:
        outbox.relay(session, platform.chain, "0x" + bytes(signed.raw_transaction).hex())
    run_until_idle(platform)


def _balances(platform: Platform) -> ledger.Balances:
    with platform.transaction() as session:
        return ledger.balances(session, ADDRESS)


def test_a_wallet_deposits_adds_margin_leaves_and_withdraws(desk: Any) -> None:
    platform, market = desk.platform, desk.market
    token = platform.chain.address("SettlementToken")
    with platform.transaction() as session:
        ledger.faucet(platform, session, ADDRESS, 1_000, key="1")
    run_until_idle(platform)
    assert ledger.wallet_balance(platform, ADDRESS) == 1_000
    for nonce, unsigned in enumerate(ledger.deposit_transactions(platform, 600, ADDRESS)):
        _send(platform, unsigned, nonce)
    assert _balances(platform).free_micro == {token: 600}
    _send(platform, ledger.margin_transaction(platform, market, 250), 2)
    found = _balances(platform)
    assert (found.free_micro[token], found.markets[0].margin_micro) == (350, 250)
    _send(platform, ledger.exit_transaction(platform, market, 100), 3)
    assert _balances(platform).markets[0].exit_micro == 100
    desk.move_to(desk.now() + 86_400 + 10)
    _send(platform, ledger.complete_exit_transaction(platform, market), 4)
    found = _balances(platform)
    assert (found.free_micro[token], found.markets[0].margin_micro) == (450, 150)
    _send(platform, ledger.withdraw_transaction(platform, 450, ADDRESS), 5)
    assert _balances(platform).free_micro == {token: 0}
    assert ledger.wallet_balance(platform, ADDRESS) == 850
    _send(platform, ledger.epoch_transaction(platform, market), 6)
    assert _balances(platform).markets[0].epoch == 1


def test_a_registered_account_holds_its_role_until_it_is_revoked(platform: Platform) -> None:
    with platform.transaction() as session:
        ledger.register(platform, session, ADDRESS, "prosumer")
    run_until_idle(platform)
    now = platform.clock.now()
    with platform.transaction() as session:
        assert ledger.holds_role(session, ADDRESS, role_id("prosumer"), now)
        assert not ledger.holds_role(session, ADDRESS, role_id("operator"), now)
        assert ledger.register(platform, session, ADDRESS, "prosumer") is None
        row = session.exec(select(CredentialRow)).one()
        ledger.revoke_credential(platform, session, bytes.fromhex(row.credential_hash[2:]))
    run_until_idle(platform)
    with platform.transaction() as session:
        assert not ledger.holds_role(session, ADDRESS, role_id("prosumer"), now + 1_000)


def test_the_issuer_is_accredited_for_every_role_once(platform: Platform) -> None:
    run_until_idle(platform)
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
    run_until_idle(platform)
    issuer = platform.keys.address(Role.ISSUER)
    for role in ROLES:
        since, ended = platform.chain.call(
            "CredentialRegistry", "accreditationOf", issuer, role_id(role)
        )
        assert since > 0
        assert ended == 0


def test_test_money_exists_in_the_embedded_profile_alone(platform: Platform) -> None:
    scaled = platform.settings.model_copy(update={"profile": Profile.SCALED})
    object.__setattr__(platform, "settings", scaled)
    with platform.transaction() as session, pytest.raises(RefusedError, match="embedded"):
        ledger.faucet(platform, session, ADDRESS, 1, key="1")


def test_a_call_for_somebody_whose_key_is_not_here_is_refused(desk: Any) -> None:
    with desk.platform.transaction() as session, pytest.raises(MisconfiguredError):
        ledger.ledger_call(desk.platform, session, ADDRESS, "bumpEpoch", desk.market, key="x")


def test_an_account_nobody_has_seen_has_nothing(platform: Platform) -> None:
    found = _balances(platform)
    assert (found.free_micro, list(found.markets)) == ({}, [])
