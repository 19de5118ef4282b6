"""Sends the outbox to the chain.

For each signer: take the queued rows in order, give them nonces under the lock of the signer's
row, sign, *store the raw bytes*, commit, and only then broadcast. What was stored is looked up by
its hash before it is sent again, and the bytes never change; a fee bump is one more attempt with
the same nonce, so that at most one of them is ever mined. The node's error texts are never read:
whether a transaction arrived is asked by hash.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from wattproof import crashpoints
from wattproof.gateway import outbox
from wattproof.gateway.chain import Chain
from wattproof.gateway.keys import Keyring
from wattproof.gateway.models import AttemptRow, OutboxRow, SignerRow
from wattproof.settings import Settings
from wattproof.store.engine import transaction

_GWEI = 10**9
_AT_ONCE = 200


class Writer:
    """Moves outbox rows from queued to mined. Any number may run; they cannot contradict."""

    def __init__(self, engine: Engine, chain: Chain, keys: Keyring, settings: Settings) -> None:
        self._engine = engine
        self._chain = chain
        self._keys = keys
        self._settings = settings

    def pump(self) -> int:
        """One look at everything pending. Returns how many rows changed their status."""
        with transaction(self._engine) as session:
            signers = session.exec(
                select(OutboxRow.signer).where(col(OutboxRow.status).in_(outbox.PENDING)).distinct()
            ).all()
        return sum(self._pump_signer(signer) for signer in signers)

    def _pump_signer(self, signer: str) -> int:
        changed = self._follow(signer)
        signed = self._sign_queued(signer)
        if signed:
            crashpoints.reach(crashpoints.RAW_STORED)
            changed += signed + self._follow(signer)
        return changed

    # -- nonces, signatures --------------------------------------------------------------------

    def _sign_queued(self, signer: str) -> int:
        if signer not in self._keys.addresses():
            return 0
        with transaction(self._engine) as session:
            queued = session.exec(
                select(OutboxRow)
                .where(OutboxRow.signer == signer, OutboxRow.status == outbox.QUEUED)
                .order_by(col(OutboxRow.id))
                .limit(_AT_ONCE)
            ).all()
            waiting = (
                session.exec(
                    select(OutboxRow.id).where(
                        OutboxRow.signer == signer, OutboxRow.status == outbox.SIGNED
                    )
                ).first()
                is not None
            )
            ready = _ready(session, queued)
        queued, failed = queued[: len(ready)], ready.count(False)
        if not queued:
            return 0
        if failed:
            return self._refuse(queued, ready)
        gas, refused = self._gas(queued, waiting)
        chain_nonce = self._nonce(signer)
        max_fee, priority_fee = self._fees()
        with transaction(self._engine) as session:
            account = session.get(SignerRow, signer, with_for_update=True)
            if account is None:
                account = SignerRow(address=signer, next_nonce=chain_nonce)
            account.next_nonce = max(account.next_nonce, chain_nonce)
            session.add(account)
            changed = 0
            for candidate in queued:
                row = session.get(OutboxRow, candidate.id)
                if row is None or row.id is None or row.status != outbox.QUEUED:
                    break  # another writer was here; look again next time
                if row.id in refused:
                    row.status, row.error = outbox.REFUSED, refused[row.id]
                    session.add(row)
                    changed += 1
                    continue
                if row.id not in gas:
                    break
                row.gas_limit, row.nonce, row.status = gas[row.id], account.next_nonce, "signed"
                account.next_nonce += 1
                self._store_attempt(session, row, 0, max_fee, priority_fee)
                changed += 1
        return changed

    def _refuse(self, rows: Sequence[OutboxRow], ready: Sequence[bool]) -> int:
        """Give up rows whose predecessor failed."""
        hopeless = [row.id for row, good in zip(rows, ready, strict=True) if not good]
        with transaction(self._engine) as session:
            for row_id in hopeless:
                row = session.get(OutboxRow, row_id)
                if row is not None and row.status == outbox.QUEUED:
                    row.status, row.error = outbox.REFUSED, "what it depends on failed"
                    session.add(row)
        return len(hopeless)

    def _gas(
        self, rows: Sequence[OutboxRow], waiting: bool
    ) -> tuple[dict[int, int], dict[int, str]]:
        """Gas limits by row id, and reasons for rows that would fail.

        A row whose estimate fails while an earlier one is not mined yet may depend on it: it and
        all later ones stay queued.
        """
        limit = self._settings.transaction_gas_limit
        unknown = [row for row in rows if row.gas_limit is None]
        answers = self._chain.try_batch(
            [("eth_estimateGas", (self._request(row), "latest")) for row in unknown]
        )
        estimates = {row.id: answer for row, answer in zip(unknown, answers, strict=True)}
        gas: dict[int, int] = {}
        refused: dict[int, str] = {}
        for row in rows:
            assert row.id is not None
            answer = estimates.get(row.id)
            if answer is None:
                gas[row.id] = min(row.gas_limit or limit, limit)
            elif "result" in answer:
                gas[row.id] = min(int(answer["result"], 16) * 13 // 10 + 50_000, limit)
            elif waiting or gas:
                break
            else:
                error = answer["error"]
                refused[row.id] = self._chain.reason(error) or str(error.get("message"))
        return gas, refused

    def _store_attempt(
        self, session: Session, row: OutboxRow, number: int, max_fee: int, priority_fee: int
    ) -> AttemptRow:
        raw, digest = self._keys.sign_transaction(
            row.signer,
            {
                "type": 2,
                "chainId": self._chain.deployment.chain_id,
                "nonce": row.nonce,
                "to": row.to,
                "data": row.data,
                "value": row.value_wei,
                "gas": row.gas_limit,
                "maxFeePerGas": max_fee,
                "maxPriorityFeePerGas": priority_fee,
            },
        )
        assert row.id is not None
        attempt = AttemptRow(
            transaction_hash=digest,
            outbox_id=row.id,
            number=number,
            raw=raw,
            max_fee_wei=max_fee,
            priority_fee_wei=priority_fee,
            created_at=int(time.time()),
        )
        row.transaction_hash = digest
        session.add(row)
        session.flush()
        session.add(attempt)
        return attempt

    def _request(self, row: OutboxRow) -> dict[str, Any]:
        return {
            "from": row.signer,
            "to": row.to,
            "data": row.data,
            "value": hex(row.value_wei),
        }

    def _nonce(self, signer: str) -> int:
        return int(self._chain.request("eth_getTransactionCount", signer, "latest"), 16)

    def _fees(self) -> tuple[int, int]:
        block, priority = self._chain.batch(
            [
                ("eth_getBlockByNumber", ("latest", False)),
                ("eth_maxPriorityFeePerGas", ()),
            ]
        )
        cap = self._settings.max_fee_gwei * _GWEI
        tip = min(int(priority, 16), cap)
        return min(2 * int(block.get("baseFeePerGas", "0x0"), 16) + tip, cap), tip

    # -- broadcast, receipts -------------------------------------------------------------------

    def _follow(self, signer: str) -> int:
        """Look up what was signed; send what the node does not know; bump what is stuck."""
        with transaction(self._engine) as session:
            rows = session.exec(
                select(OutboxRow)
                .where(OutboxRow.signer == signer, OutboxRow.status == outbox.SIGNED)
                .order_by(col(OutboxRow.nonce))
            ).all()
            attempts = session.exec(
                select(AttemptRow)
                .where(col(AttemptRow.outbox_id).in_([row.id for row in rows]))
                .order_by(col(AttemptRow.number))
            ).all()
        if not rows:
            return 0
        of_row: dict[int, list[AttemptRow]] = {}
        for attempt in attempts:
            of_row.setdefault(attempt.outbox_id, []).append(attempt)
        nonce = self._nonce(signer)
        done = self._record(rows, of_row, nonce)
        missing = [row for row in rows if row.id not in done]
        self._broadcast(missing, of_row)
        done |= self._record(missing, of_row, nonce)
        return len(done)

    def _broadcast(
        self, rows: Sequence[OutboxRow], of_row: Mapping[int, Sequence[AttemptRow]]
    ) -> None:
        latest = [of_row[row.id][-1] for row in rows if row.id is not None]
        known = self._chain.batch(
            [("eth_getTransactionByHash", (attempt.transaction_hash,)) for attempt in latest]
        )
        send: list[AttemptRow] = []
        for row, attempt, found in zip(rows, latest, known, strict=True):
            if found is None:
                send.append(attempt)
            elif found.get("blockNumber") is None and self._stuck(row, attempt):
                bumped = self._bump(row, attempt)
                if bumped is not None:
                    send.append(bumped)
        # Whatever the node answers: the next look asks for the hash.
        self._chain.try_batch([("eth_sendRawTransaction", (attempt.raw,)) for attempt in send])
        if send:
            crashpoints.reach(crashpoints.BROADCAST)

    def _stuck(self, row: OutboxRow, attempt: AttemptRow) -> bool:
        return (
            time.time() - attempt.created_at >= self._settings.stuck_after_s
            and row.signer in self._keys.addresses()
        )

    def _bump(self, row: OutboxRow, last: AttemptRow) -> AttemptRow | None:
        """Sign the row again with a higher fee and its old nonce; None at the fee cap."""
        factor = 100 + self._settings.fee_bump_percent
        max_fee, tip = (
            (last.max_fee_wei * factor + 99) // 100,
            (last.priority_fee_wei * factor + 99) // 100,
        )
        if max_fee > self._settings.max_fee_gwei * _GWEI:
            return None
        with transaction(self._engine) as session:
            session.get(SignerRow, row.signer, with_for_update=True)
            current = session.get(OutboxRow, row.id)
            if current is None or current.transaction_hash != last.transaction_hash:
                return None
            return self._store_attempt(session, current, last.number + 1, max_fee, tip)

    def _record(
        self,
        rows: Sequence[OutboxRow],
        of_row: Mapping[int, Sequence[AttemptRow]],
        chain_nonce: int,
    ) -> set[int]:
        """Store the receipts that exist; returns the ids of rows that are settled either way."""
        asked = [(row, attempt) for row in rows if row.id is not None for attempt in of_row[row.id]]
        receipts = self._chain.batch(
            [("eth_getTransactionReceipt", (attempt.transaction_hash,)) for _, attempt in asked]
        )
        found: dict[int, Mapping[str, Any]] = {}
        for (row, _), receipt in zip(asked, receipts, strict=True):
            if receipt is not None and row.id is not None:
                found[row.id] = receipt
        displaced = {
            row.id
            for row in rows
            if row.id is not None
            and row.id not in found
            and row.nonce is not None
            and row.nonce < chain_nonce
        }
        if found:
            crashpoints.reach(crashpoints.MINED)
        if not found and not displaced:
            return set()
        reasons = {
            row.id: self._revert_reason(row, found[row.id])
            for row in rows
            if row.id in found and int(found[row.id]["status"], 16) == 0
        }
        with transaction(self._engine) as session:
            for row_id in found.keys() | displaced:
                current = session.get(OutboxRow, row_id)
                if current is None or current.status != outbox.SIGNED:
                    continue
                got = found.get(row_id)
                if got is None:
                    current.status = outbox.DISPLACED
                    current.error = "another transaction of this key used its nonce"
                else:
                    current.status = outbox.REVERTED if row_id in reasons else outbox.MINED
                    current.error = reasons.get(row_id)
                    current.transaction_hash = got["transactionHash"]
                    current.block_number = int(got["blockNumber"], 16)
                    current.block_hash = got["blockHash"]
                    current.gas_used = int(got["gasUsed"], 16)
                session.add(current)
        return set(found) | displaced

    def _revert_reason(self, row: OutboxRow, receipt: Mapping[str, Any]) -> str:
        """Why a mined transaction failed, by asking again on the state before its block."""
        before = hex(int(receipt["blockNumber"], 16) - 1)
        answer = self._chain.try_request("eth_call", self._request(row), before)
        if "error" in answer:
            return self._chain.reason(answer["error"]) or "reverted"
        return "reverted; the same call succeeds on the state before its block (out of gas?)"


def _ready(session: Session, rows: Sequence[OutboxRow]) -> list[bool]:
    """For the rows up to the first that must still wait: False where its predecessor failed."""
    ready: list[bool] = []
    for row in rows:
        before = session.get(OutboxRow, row.after) if row.after is not None else None
        if before is not None and before.status in outbox.PENDING:
            break
        ready.append(before is None or before.status == outbox.MINED)
    return ready
