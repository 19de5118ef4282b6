"""Queueing writes to the chain inside the database transaction of the change they belong to."""

from __future__ import annotations

import time
from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from sqlmodel import Session, col, select

from wattproof.errors import ConflictError, InvalidError
from wattproof.gateway.chain import Chain
from wattproof.gateway.models import AttemptRow, OutboxRow

QUEUED, SIGNED, MINED = "queued", "signed", "mined"
REVERTED, REFUSED, DISPLACED = "reverted", "refused", "displaced"
PENDING = (QUEUED, SIGNED)
FAILED = (REVERTED, REFUSED, DISPLACED)
_RELAYED_AT_ONCE = 16


def enqueue(
    session: Session,
    *,
    key: str,
    signer: str,
    to: str,
    data: str = "0x",
    value_wei: int = 0,
    gas_limit: int | None = None,
    after: OutboxRow | None = None,
) -> OutboxRow:
    """Queue a transaction; the same ``key`` queues it once, whatever crashes in between.

    A row that failed without effect is queued anew under its old key.

    Args:
        key: names the business write, e.g. ``settle:1:7``.
        gas_limit: None lets the writer estimate it.
        after: wait until this one is mined; needed only between different signers.

    Raises:
        ConflictError: the key was used for a different transaction that is pending or mined.
    """
    row = find(session, key)
    if row is None:
        row = OutboxRow(
            key=key,
            signer=to_checksum_address(signer),
            to=to_checksum_address(to),
            data=data,
            value_wei=value_wei,
            gas_limit=gas_limit,
            after=after.id if after else None,
            created_at=int(time.time()),
        )
        session.add(row)
        session.flush()
        return row
    if row.status in FAILED:
        retire(session, row)
        return enqueue(
            session,
            key=key,
            signer=signer,
            to=to,
            data=data,
            value_wei=value_wei,
            gas_limit=gas_limit,
            after=after,
        )
    if (row.to, row.data, row.value_wei) != (to_checksum_address(to), data, value_wei):
        raise ConflictError(f"the write {key} is already {row.status} with other contents")
    return row


def retire(session: Session, row: OutboxRow) -> None:
    """Give a failed row's key free; the row stays as history."""
    row.key = f"{row.key}#{row.id}"
    session.add(row)
    session.flush()


def call(
    session: Session,
    chain: Chain,
    contract: str,
    function: str,
    *args: Any,
    key: str,
    signer: str,
    gas_limit: int | None = None,
    after: OutboxRow | None = None,
) -> OutboxRow:
    """Queue a call of one of our contracts."""
    return enqueue(
        session,
        key=key,
        signer=signer,
        to=chain.address(contract),
        data=chain.encode(contract, function, *args),
        gas_limit=gas_limit,
        after=after,
    )


def find(session: Session, key: str) -> OutboxRow | None:
    """The current row of a business key."""
    return session.exec(select(OutboxRow).where(OutboxRow.key == key)).first()


def reopen_above(session: Session, block: int) -> int:
    """After a reorganisation: what was mined above ``block`` is pending again, bytes unchanged.

    Returns the number of rows.
    """
    rows = session.exec(
        select(OutboxRow).where(
            col(OutboxRow.status).in_((MINED, REVERTED)), col(OutboxRow.block_number) > block
        )
    ).all()
    for row in rows:
        row.status, row.block_number, row.block_hash = SIGNED, None, None
        row.gas_used, row.error = None, None
        session.add(row)
    return len(rows)


def relay(session: Session, chain: Chain, raw: str) -> OutboxRow:
    """Store a transaction a participant signed, so that it survives a crash; the writer sends it.

    Raises:
        InvalidError: not a transaction, of another chain, or not to one of our contracts.
        ConflictError: another transaction with this nonce was already handed in, or too many of
            the sender's are not mined yet.
    """
    try:
        encoded = HexBytes(raw)
        sender = to_checksum_address(Account.recover_transaction(encoded))
        fields = TypedTransaction.from_bytes(encoded).as_dict()
    except Exception as error:  # the decoders raise many kinds for malformed bytes
        raise InvalidError(
            "this is not a signed transaction of type 1 or 2 (EIP-2930, EIP-1559) in hex",
            code="bad_transaction",
        ) from error
    to = to_checksum_address(bytes(fields["to"])) if fields["to"] else ""
    if int(fields["chainId"]) != chain.deployment.chain_id:
        raise InvalidError(
            f"the transaction is for chain {fields['chainId']}, not {chain.deployment.chain_id}",
            code="wrong_chain",
        )
    if to not in chain.names:
        raise InvalidError(
            "only transactions to this installation's contracts are relayed", code="wrong_target"
        )
    digest = "0x" + keccak(bytes(encoded)).hex()
    known = session.exec(
        select(OutboxRow).where(OutboxRow.signer == sender, OutboxRow.nonce == int(fields["nonce"]))
    ).first()
    if known is not None:
        if known.transaction_hash == digest:
            return known
        raise ConflictError(
            f"a transaction of {sender} with nonce {fields['nonce']} was already handed in"
        )
    unsettled = session.exec(
        select(OutboxRow.id).where(OutboxRow.signer == sender, OutboxRow.status == SIGNED)
    ).all()
    if len(unsettled) >= _RELAYED_AT_ONCE:
        raise ConflictError(
            f"{sender} has {len(unsettled)} transactions that are not mined yet; wait for them",
            code="too_many_pending",
        )
    row = OutboxRow(
        key=f"relay:{digest}",
        signer=sender,
        to=to,
        data="0x" + bytes(fields["data"]).hex(),
        value_wei=int(fields["value"]),
        gas_limit=int(fields["gas"]),
        nonce=int(fields["nonce"]),
        status=SIGNED,
        transaction_hash=digest,
        created_at=int(time.time()),
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    max_fee = int(fields.get("maxFeePerGas", fields.get("gasPrice", 0)))
    session.add(
        AttemptRow(
            transaction_hash=digest,
            outbox_id=row.id,
            number=0,
            raw="0x" + bytes(encoded).hex(),
            max_fee_wei=max_fee,
            priority_fee_wei=int(fields.get("maxPriorityFeePerGas", max_fee)),
            created_at=int(time.time()),
        )
    )
    return row
