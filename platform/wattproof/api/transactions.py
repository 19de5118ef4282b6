"""Writes to the chain as the API answers them: to be signed, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlmodel import col, select

from wattproof.accounts.roles import RestrictedCall
from wattproof.accounts.service import UnsignedTransaction
from wattproof.errors import Advice, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.chain import CallFailedError
from wattproof.gateway.models import OutboxRow
from wattproof.runtime import Platform


class TransactionToSign(BaseModel):
    """A transaction for the caller's wallet, complete with nonce, gas and fees (EIP-1559)."""

    title: str = Field(examples=["approve the ledger"])
    transaction: dict[str, Any] = Field(
        examples=[
            {
                "type": 2,
                "chainId": 1234567890,
                "nonce": 0,
                "to": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
                "data": "0x095ea7b3",
                "value": 0,
                "gas": 300000,
                "maxFeePerGas": 2000000000,
                "maxPriorityFeePerGas": 1000000000,
            }
        ]
    )


class TransactionsToSign(BaseModel):
    """Sign them in this order and post each to /transactions."""

    transactions: list[TransactionToSign]


class RoleTransactions(TransactionsToSign):
    """What the holder of a role signs: the call, or its announcement where the role has a delay."""

    callable_at: datetime | None = Field(
        description="Not null: this announces the call; send the same request again from then on."
    )


class TransactionOut(BaseModel):
    """A write to the chain."""

    key: str
    status: str = Field(description="queued, signed, mined, reverted, refused or displaced")
    hash: str | None
    block_number: int | None
    error: str | None


class RelayedOut(TransactionOut):
    """A signed change on its way to the chain; look for it at /transactions/{digest}."""

    digest: str = Field(description="Of the signed change; names it before it has a transaction.")


def to_sign(
    platform: Platform,
    signer: str,
    unsigned: Sequence[UnsignedTransaction],
    *,
    tried: bool = False,
    advice: Mapping[str, Advice] | None = None,
) -> TransactionsToSign:
    """Complete transactions, numbered after what the signer has sent and handed in.

    Args:
        tried: run the first one on the present state beforehand (it must not rest on another).
        advice: what to do about a contract's error, by its name.

    Raises:
        RefusedError: the contract would refuse it; says why.
    """
    if tried:
        first_one = unsigned[0]
        try:
            platform.chain.request(
                "eth_call",
                {"from": signer, "to": first_one.to, "data": first_one.data},
                "latest",
            )
        except CallFailedError as error:
            raise _refusal(first_one.title, error, advice or {}) from error
    nonce, block, tip = platform.chain.batch(
        [
            ("eth_getTransactionCount", (signer, "pending")),
            ("eth_getBlockByNumber", ("latest", False)),
            ("eth_maxPriorityFeePerGas", ()),
        ]
    )
    with platform.transaction() as session:
        stored = session.exec(
            select(OutboxRow.nonce).where(
                OutboxRow.signer == signer, col(OutboxRow.status) == outbox.SIGNED
            )
        ).all()
    first = max([int(nonce, 16), *(used + 1 for used in stored if used is not None)])
    priority = int(tip, 16)
    fee = 2 * int(block.get("baseFeePerGas", "0x0"), 16) + priority
    return TransactionsToSign(
        transactions=[
            TransactionToSign(
                title=item.title,
                transaction={
                    "type": 2,
                    "chainId": item.chain_id,
                    "nonce": first + offset,
                    "to": item.to,
                    "data": item.data,
                    "value": item.value_wei,
                    "gas": item.gas,
                    "maxFeePerGas": fee,
                    "maxPriorityFeePerGas": priority,
                },
            )
            for offset, item in enumerate(unsigned)
        ]
    )


def role_to_sign(
    platform: Platform,
    signer: str,
    call: RestrictedCall,
    *,
    advice: Mapping[str, Advice] | None = None,
) -> RoleTransactions:
    """Complete what a role's holder signs next. Raises RefusedError as ``to_sign`` does."""
    made = to_sign(platform, signer, [call.transaction], tried=True, advice=advice)
    at = call.callable_at
    return RoleTransactions(
        transactions=made.transactions,
        callable_at=None if at is None else datetime.fromtimestamp(at, UTC),
    )


def _refusal(title: str, error: CallFailedError, advice: Mapping[str, Advice]) -> RefusedError:
    reason = error.reason or error.message
    said = f"the contract refuses to {title}: {reason}"
    known = advice.get(reason.partition("(")[0])
    if known is None:
        return RefusedError(said)
    return RefusedError(f"{said}; {known.text}", code=known.code)


def transaction_out(row: OutboxRow) -> TransactionOut:
    """A write to the chain as it is answered."""
    return TransactionOut(
        key=row.key,
        status=row.status,
        hash=row.transaction_hash,
        block_number=row.block_number,
        error=row.error,
    )


def relayed_out(digest: str, row: OutboxRow) -> RelayedOut:
    """A signed change that the operator carries out, as it is answered."""
    return RelayedOut(digest=digest, **transaction_out(row).model_dump())
