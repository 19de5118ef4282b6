from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
from eth_typing import HexStr
from sqlmodel import col, select

from devnet import accounts
from identity.errors import KeystoreError
from identity.signer import LocalSigner
from tests.platform.settling import settle
from wattproof.accounts import service
from wattproof.errors import ConflictError, InvalidError
from wattproof.gateway import outbox
from wattproof.gateway.models import AttemptRow, OutboxRow
from wattproof.runtime import Platform

ADMIN = accounts.address(accounts.DEPLOYER)
TRADER = accounts.account(9)  # nobody's: has neither tokens nor transactions


def _mint(platform: Platform, key: str, amount: int = 1) -> OutboxRow:
    with platform.transaction() as session:
        return service.mint(platform, session, str(TRADER.address), amount, key=key)


def _row(platform: Platform, key: str) -> OutboxRow:
    with platform.transaction() as session:
        row = outbox.find(session, key)
        assert row is not None
        return row


def _tokens(platform: Platform) -> int:
    return service.wallet_balance(platform, str(TRADER.address))


def test_a_queued_write_is_mined_once(platform: Platform) -> None:
    _mint(platform, "a", 7)
    _mint(platform, "a", 7)
    settle(platform)
    assert _tokens(platform) == 7
    row = _row(platform, "mint:a")
    assert row.status == outbox.MINED
    assert row.gas_used is not None


def test_a_key_cannot_be_used_for_another_write(platform: Platform) -> None:
    _mint(platform, "a", 7)
    with pytest.raises(ConflictError):
        _mint(platform, "a", 8)


def test_many_writes_of_a_signer_keep_their_order_and_nonces(platform: Platform) -> None:
    for number in range(60):
        _mint(platform, f"n{number}", number)
    settle(platform)
    assert _tokens(platform) == sum(range(60))
    with platform.transaction() as session:
        rows = session.exec(
            select(OutboxRow).where(OutboxRow.signer == ADMIN).order_by(col(OutboxRow.id))
        ).all()
    nonces = [row.nonce for row in rows]
    assert None not in nonces
    assert nonces == list(range(nonces[0] or 0, (nonces[0] or 0) + len(nonces)))


def _mint_and_fail(platform: Platform) -> None:
    with platform.transaction() as session:
        service.mint(platform, session, str(TRADER.address), 5, key="gone")
        raise RuntimeError


def test_a_rolled_back_change_sends_nothing(platform: Platform) -> None:
    settle(platform)
    with pytest.raises(RuntimeError):
        _mint_and_fail(platform)
    settle(platform)
    assert _tokens(platform) == 0


def test_a_write_that_would_fail_is_refused_with_the_contracts_reason(platform: Platform) -> None:
    settle(platform)
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            "Ledger",
            "withdraw",
            platform.chain.address("SettlementToken"),
            5,
            ADMIN,
            key="withdraw",
            signer=ADMIN,
        )
    settle(platform)
    row = _row(platform, "withdraw")
    assert row.status == outbox.REFUSED
    assert row.error == "InsufficientFree(0, 5)"
    assert row.nonce is None


def test_a_reverted_write_names_the_contracts_reason(platform: Platform) -> None:
    with platform.transaction() as session:
        service.ledger_call(platform, session, ADMIN, "requestExit", 9, 5, key="x")
    settle(platform)
    row = _row(platform, f"requestExit:{ADMIN}:x")
    assert row.status == outbox.REVERTED
    assert row.error is not None
    assert "UnknownMarket(9)" in row.error


def test_a_write_after_another_signers_waits_for_it(platform: Platform) -> None:
    trader = str(TRADER.address)
    platform.keys.add(TRADER)
    with platform.transaction() as session:
        minted = service.mint(platform, session, trader, 50, key="m")
        outbox.call(
            session,
            platform.chain,
            "SettlementToken",
            "burn",
            20,
            key="burn",
            signer=trader,
            after=minted,
        )
    assert platform.writer.pump() > 0
    settle(platform)
    assert _tokens(platform) == 30


class AwayKey:
    """A key service that does not always answer."""

    def __init__(self, key: bytes) -> None:
        self.signer, self.is_away = LocalSigner(key), False

    @property
    def address(self) -> str:
        return self.signer.address

    def sign_digest(self, digest: bytes) -> bytes:
        return self.signer.sign_digest(digest)

    def sign_text(self, text: str) -> bytes:
        return self.signer.sign_text(text)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        if self.is_away:
            raise KeystoreError("nobody answers")
        return self.signer.sign_transaction(transaction)


def test_a_key_that_is_away_holds_up_nobody_elses_writes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = AwayKey(bytes(TRADER.key))
    monkeypatch.setitem(platform.keys._signers, key.address, key)
    for number in range(2):
        with platform.transaction() as session:
            service.mint(platform, session, key.address, 40, key=f"for {number}")
            outbox.call(
                session,
                platform.chain,
                "SettlementToken",
                "burn",
                10,
                key=f"away {number}",
                signer=key.address,
                gas_limit=100_000,
            )
        key.is_away = number == 0
        settle(platform)
        assert _row(platform, f"mint:for {number}").status == outbox.MINED
        if key.is_away:
            assert _row(platform, "away 0").status == outbox.QUEUED
            assert _row(platform, "away 0").nonce is None
    # Back again, both go out in their order.
    rows = [_row(platform, f"away {number}") for number in range(2)]
    assert [row.status for row in rows] == [outbox.MINED, outbox.MINED]
    assert rows[1].nonce == (rows[0].nonce or 0) + 1


def test_what_depends_on_a_failed_write_is_refused(platform: Platform) -> None:
    trader = str(TRADER.address)
    platform.keys.add(TRADER)
    with platform.transaction() as session:
        failing = service.ledger_call(platform, session, ADMIN, "bumpEpoch", 77, key="f")
        service.ledger_call(platform, session, trader, "bumpEpoch", 77, key="g", after=failing)
    settle(platform)
    assert _row(platform, f"bumpEpoch:{trader}:g").status == outbox.REFUSED


def test_raw_bytes_lost_by_the_node_are_sent_again_unchanged(platform: Platform) -> None:
    settle(platform)
    snapshot = platform.chain.request("evm_snapshot")
    _mint(platform, "lost", 11)
    settle(platform)
    before = _row(platform, "mint:lost")
    platform.indexer.catch_up()
    platform.chain.request("evm_revert", snapshot)
    platform.chain.request("evm_increaseTime", 5)
    platform.chain.request("evm_mine")
    assert _tokens(platform) == 0
    assert platform.indexer.catch_up().rolled_back > 0
    assert _row(platform, "mint:lost").status == outbox.SIGNED
    settle(platform)
    after = _row(platform, "mint:lost")
    assert _tokens(platform) == 11
    assert (after.transaction_hash, after.nonce) == (before.transaction_hash, before.nonce)
    with platform.transaction() as session:
        attempts = session.exec(select(AttemptRow).where(AttemptRow.outbox_id == after.id)).all()
    assert len(attempts) == 1


def test_a_stuck_transaction_gets_a_higher_fee_and_keeps_its_nonce(platform: Platform) -> None:
    settle(platform)
    platform.chain.request("evm_setAutomine", False)
    impatient = platform.settings.model_copy(update={"stuck_after_s": 0.0})
    object.__setattr__(platform.writer, "_settings", impatient)
    _mint(platform, "stuck", 3)
    platform.writer.pump()
    platform.writer.pump()
    with platform.transaction() as session:
        row = outbox.find(session, "mint:stuck")
        assert row is not None
        attempts = session.exec(
            select(AttemptRow)
            .where(AttemptRow.outbox_id == row.id)
            .order_by(col(AttemptRow.number))
        ).all()
    assert len(attempts) >= 2
    assert attempts[1].max_fee_wei > attempts[0].max_fee_wei
    platform.chain.request("evm_mine")
    settle(platform)
    assert _tokens(platform) == 3
    assert _row(platform, "mint:stuck").status == outbox.MINED


def test_a_nonce_used_by_somebody_else_displaces_the_write(platform: Platform) -> None:
    settle(platform)
    platform.chain.request("evm_setAutomine", False)
    _mint(platform, "mine", 3)
    platform.writer.pump()
    row = _row(platform, "mint:mine")
    raw, _ = platform.keys.sign_transaction(
        ADMIN,
        {
            "type": 2,
            "chainId": platform.deployment.chain_id,
            "nonce": row.nonce,
            "to": ADMIN,
            "value": 0,
            "gas": 21_000,
            "maxFeePerGas": 10**12,
            "maxPriorityFeePerGas": 10**11,
        },
    )
    platform.chain.request("eth_sendRawTransaction", raw)
    platform.chain.request("evm_mine")
    platform.chain.request("evm_setAutomine", True)
    settle(platform)
    assert _row(platform, "mint:mine").status == outbox.DISPLACED
    assert _tokens(platform) == 0


def test_a_participants_own_transaction_is_stored_and_sent(platform: Platform) -> None:
    with platform.transaction() as session:
        service.faucet(platform, session, str(TRADER.address), 100, key="1")
    settle(platform)
    raw = _signed_burn(platform, platform.deployment.chain_id)
    with platform.transaction() as session:
        first = outbox.relay(session, platform.chain, raw)
        again = outbox.relay(session, platform.chain, raw)
        assert first.id == again.id
    settle(platform)
    assert _tokens(platform) == 60


def test_a_transaction_for_another_chain_is_not_relayed(platform: Platform) -> None:
    raw = _signed_burn(platform, 1)
    with platform.transaction() as session, pytest.raises(InvalidError, match="chain"):
        outbox.relay(session, platform.chain, raw)


@pytest.mark.parametrize("raw", ["0x", "0x02", "hello", "0x" + os.urandom(80).hex()])
def test_what_is_no_transaction_is_not_relayed(platform: Platform, raw: str) -> None:
    with platform.transaction() as session, pytest.raises(InvalidError):
        outbox.relay(session, platform.chain, raw)


def _signed_burn(platform: Platform, chain_id: int) -> str:
    signed = TRADER.sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": 0,
            "to": HexStr(platform.chain.address("SettlementToken")),
            "data": HexStr(platform.chain.encode("SettlementToken", "burn", 40)),
            "value": 0,
            "gas": 100_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    return "0x" + bytes(signed.raw_transaction).hex()
