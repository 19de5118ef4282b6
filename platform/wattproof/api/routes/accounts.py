"""Balances, and the transactions that move them: made here, signed by their owner, sent on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from wattproof.accounts import service
from wattproof.api.access import Participant, PlatformDep
from wattproof.api.fields import Address, Hash, Uint32
from wattproof.api.idempotency import MoneyWrite
from wattproof.api.problems import responses
from wattproof.api.transactions import (
    TransactionOut,
    TransactionsToSign,
    to_sign,
    transaction_out,
)
from wattproof.errors import NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.gateway.models import AttemptRow, OutboxRow
from wattproof.relaying import queue as relaying
from wattproof.runtime import Platform

router = APIRouter(tags=["accounts"])

_MICRO_MAX = 2**63 - 1
_FAUCET_MICRO_MAX = 10_000_000_000
_WAITING_MAX = 32
Micro = Annotated[
    int,
    Field(strict=True, ge=1, le=_MICRO_MAX, examples=[25_000_000], description="Micro-units."),
]
HashPath = Annotated[Hash, Path()]


class Amount(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount_micro: Micro


class Withdrawal(Amount):
    to: Address | None = Field(default=None, description="Your own address if left out.")


class MarketOnly(BaseModel):
    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])


class MarketAmount(MarketOnly):
    amount_micro: Micro


class FaucetRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount_micro: int = Field(strict=True, ge=1, le=_FAUCET_MICRO_MAX, examples=[100_000_000])


class MarketBalanceOut(BaseModel):
    market: int
    margin_micro: int
    locked_micro: int = Field(description="Held until metering closes the positions.")
    bond_micro: int
    exit_micro: int = Field(description="Announced to leave the margin.")
    epoch: int
    capacity_wh: int | None = Field(
        description="Null where nothing attests capacity, and where tokens are offered instead."
    )


class AccountOut(BaseModel):
    """What an account has; money in micro-units of the settlement token."""

    address: str
    asset: str
    wallet_micro: int = Field(description="Tokens outside the ledger.")
    wallet_wei: str = Field(description="What pays for transactions.")
    free_micro: int = Field(description="In the ledger; may be withdrawn at any time.")
    attested_wh: int = Field(description="What your batteries may give, as attested now.")
    markets: list[MarketBalanceOut]


class RawTransaction(BaseModel):
    model_config = ConfigDict(extra="forbid")

    raw: str = Field(
        pattern=r"^0x(?:[0-9a-fA-F]{2})+$",
        max_length=131_074,
        description="A signed transaction of one of this installation's contracts.",
        examples=["0x02f8b1..."],
    )


class TransactionsOut(BaseModel):
    transactions: list[TransactionOut]


@router.get("/accounts/me", responses=responses(401, 403, 503))
def my_account(principal: Participant, platform: PlatformDep) -> AccountOut:
    """Your balances: in the wallet, free in the ledger, and in every market."""
    token = platform.chain.address("SettlementToken")
    wallet, attested = platform.chain.call_many(
        [
            ("SettlementToken", "balanceOf", (principal.address,)),
            ("BatteryPassport", "capacityWh", (principal.address,)),
        ]
    )
    wei = int(platform.chain.request("eth_getBalance", principal.address, "latest"), 16)
    with platform.transaction() as session:
        balances = service.balances(session, principal.address)
    return AccountOut(
        address=principal.address,
        asset=token,
        wallet_micro=wallet,
        wallet_wei=str(wei),
        free_micro=balances.free_micro.get(token, 0),
        attested_wh=attested,
        markets=[
            MarketBalanceOut(
                market=market.market,
                margin_micro=market.margin_micro,
                locked_micro=market.locked_micro,
                bond_micro=market.bond_micro,
                exit_micro=market.exit_micro,
                epoch=market.epoch,
                capacity_wh=market.capacity_wh,
            )
            for market in balances.markets
        ],
    )


@router.post("/accounts/faucet", status_code=202, responses=responses(401, 403, 409, 422, 503))
def faucet(
    body: FaucetRequest, principal: Participant, platform: PlatformDep, write: MoneyWrite
) -> JSONResponse:
    """Test tokens, and what transactions cost, for your wallet. Embedded profile alone."""

    def change(session: Session) -> TransactionsOut:
        rows = service.faucet(
            platform,
            session,
            principal.address,
            body.amount_micro,
            key=write.name,
        )
        return TransactionsOut(transactions=[transaction_out(row) for row in rows])

    return write.once(change, status=202)


@router.post("/accounts/deposit", responses=responses(401, 403, 422, 503))
def deposit(body: Amount, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """Transactions that move tokens from your wallet into your free balance."""
    return to_sign(
        platform,
        principal.address,
        service.deposit_transactions(platform, body.amount_micro, principal.address),
    )


@router.post("/accounts/withdraw", responses=responses(401, 403, 422, 503))
def withdraw(body: Withdrawal, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that pays out of your free balance."""
    to = body.to or principal.address
    return to_sign(
        platform, principal.address, [service.withdraw_transaction(platform, body.amount_micro, to)]
    )


@router.post("/accounts/margin", responses=responses(401, 403, 422, 503))
def add_margin(
    body: MarketAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that moves free balance into a market's margin."""
    return to_sign(
        platform,
        principal.address,
        [service.margin_transaction(platform, body.market, body.amount_micro)],
    )


@router.post("/accounts/exit", responses=responses(401, 403, 422, 503))
def request_exit(
    body: MarketAmount, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that announces margin to leave; it is free after the market's exit delay."""
    return to_sign(
        platform,
        principal.address,
        [service.exit_transaction(platform, body.market, body.amount_micro)],
    )


@router.post("/accounts/exit/complete", responses=responses(401, 403, 422, 503))
def complete_exit(
    body: MarketOnly, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that moves announced margin to the free balance."""
    return to_sign(
        platform, principal.address, [service.complete_exit_transaction(platform, body.market)]
    )


@router.post("/accounts/cancel-all", responses=responses(401, 403, 422, 503))
def cancel_all(
    body: MarketOnly, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that cancels all your orders in a market by bumping your epoch."""
    return to_sign(platform, principal.address, [service.epoch_transaction(platform, body.market)])


@router.post("/accounts/capacity", responses=responses(401, 403, 422, 503))
def sync_capacity(
    body: MarketOnly, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that reads your attested capacity into a market."""
    return to_sign(
        platform,
        principal.address,
        [service.capacity_transaction(platform, body.market, principal.address)],
    )


@router.post("/transactions", status_code=202, responses=responses(401, 403, 409, 422, 503))
def send_transaction(
    body: RawTransaction, principal: Participant, platform: PlatformDep, write: MoneyWrite
) -> JSONResponse:
    """Hand in a transaction you signed. It is stored before it is sent: a crash cannot lose it.

    It must be yours, pay for its gas, and follow the last one without a gap.
    """
    wei, mined = _purse(platform, principal.address)

    def change(session: Session) -> TransactionOut:
        row = outbox.relay(session, platform.chain, body.raw)
        _require_sendable(session, row, principal.address, wei, mined)
        return transaction_out(row)

    return write.once(change, status=202)


@router.get("/transactions/{hash}", responses=responses(401, 403, 404, 422, 503))
def get_transaction(
    hash: HashPath, principal: Participant, platform: PlatformDep
) -> TransactionOut:
    """What became of a transaction that was handed in or made for you.

    A change of an identity that the operator relays is also found by its digest, before it has a
    transaction and whichever it gets.
    """
    with platform.transaction() as session:
        row = session.exec(
            select(OutboxRow).where(OutboxRow.transaction_hash == hash).order_by(col(OutboxRow.id))
        ).first() or relaying.find(session, hash)
    if row is None:
        raise NotFoundError(f"no transaction {hash} was handed in")
    return transaction_out(row)


def _purse(platform: Platform, address: str) -> tuple[int, int]:
    """What an address can pay for transactions (wei), and its next nonce on the chain."""
    wei, nonce = platform.chain.batch(
        [
            ("eth_getBalance", (address, "latest")),
            ("eth_getTransactionCount", (address, "latest")),
        ]
    )
    return int(wei, 16), int(nonce, 16)


def _require_sendable(session: Session, row: OutboxRow, sender: str, wei: int, mined: int) -> None:
    """Raises RefusedError for what the chain would never take: it would be sent for ever."""
    if row.signer != sender:
        raise RefusedError("the transaction is signed by another address", code="not_yours")
    if row.status != outbox.SIGNED:
        return
    waiting = session.exec(
        select(OutboxRow).where(
            OutboxRow.signer == sender,
            OutboxRow.status == outbox.SIGNED,
            OutboxRow.id != row.id,
        )
    ).all()
    if len(waiting) >= _WAITING_MAX:
        raise RefusedError(f"{_WAITING_MAX} of your transactions wait already", code="too_many")
    following = max([mined, *(other.nonce + 1 for other in waiting if other.nonce is not None)])
    if row.nonce != following:
        raise RefusedError(
            f"the transaction has nonce {row.nonce}, your next one is {following}", code="nonce"
        )
    attempt = session.exec(select(AttemptRow).where(AttemptRow.outbox_id == row.id)).one()
    cost = row.value_wei + (row.gas_limit or 0) * attempt.max_fee_wei
    if cost > wei:
        raise RefusedError(
            f"the transaction may cost {cost} wei, you have {wei}", code="not_enough_gas"
        )
