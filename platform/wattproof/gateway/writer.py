"""Sends the outbox to the chain.

For each signer: take the queued rows in order, give them nonces under the lock of the signer's
row, sign, *store the raw bytes*, commit, and only then broadcast. What was stored is looked up by
its hash before it is sent again, and the bytes never change; a fee bump is one more attempt with
the same nonce, so that at most one of them is ever mined. The node's error texts are never read:
whether a transaction arrived is asked by hash.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from identity.errors import KeystoreError
from wattproof import crashpoints
from wattproof.gateway import outbox
from wattproof.gateway.chain import Chain
from wattproof.gateway.keys import Keyring
from wattproof.gateway.models import AttemptRow, OutboxRow, SignerRow
from wattproof.settings import Settings
from wattproof.store.engine import transaction

_log = logging.getLogger(__name__)
_GWEI = 10**9
_AT_ONCE = 400


@dataclass(slots=True)
class _Plan:
    """What to do with a signer's queue: gas limits by row, and reasons for those given up."""

    gas: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        return bool(self.gas or self.refused)


class Writer:
    """Moves outbox rows from queued to mined. Any number may run; they cannot contradict."""

    def __init__(self, engine: Engine, chain: Chain, keys: Keyring, settings: Settings) -> None:
        self._engine = engine
        self._chain = chain
        self._keys = keys
        self._settings = settings

    def pump(self) -> int:
        """One look at everything pending. Returns how many rows changed their status."""
        changed = self._follow()
        signed = self._sign_queued()
        if signed:
            crashpoints.reach(crashpoints.RAW_STORED)
            changed += signed + self._follow()
        return changed

    # -- nonces, signatures --------------------------------------------------------------------

    def _sign_queued(self) -> int:
        with transaction(self._engine) as session:
            queues = self._ready_queues(session)
            waiting = set(
                session.exec(
                    select(OutboxRow.signer)
                    .where(
                        col(OutboxRow.signer).in_(queues),
                        OutboxRow.status == outbox.SIGNED,
                    )
                    .distinct()
                ).all()
            )
        if not queues:
            return 0
        plans = self._plans(queues, waiting)
        if not any(plan.changes for plan in plans.values()):
            return 0
        nonces = self._nonces(sorted(plans))
        max_fee, priority_fee = self._fees()
        with transaction(self._engine) as session:
            changed = 0
            for signer in sorted(plans):
                plan, nonce = plans[signer], nonces[signer]
                try:
                    with session.begin_nested():
                        changed += self._sign(session, signer, plan, nonce, max_fee, priority_fee)
                except KeystoreError as error:
                    # Its rows stay queued; the other signers' do not wait for its key.
                    _log.warning("%s cannot sign now: %s", signer, error)
            return changed

    def _ready_queues(self, session: Session) -> dict[str, list[tuple[OutboxRow, bool]]]:
        """By signer, the queued rows up to the first that must wait for another signer's.

        With each row whether what it depends on was mined (False: it failed).
        """
        rows = session.exec(
            select(OutboxRow)
            .where(
                OutboxRow.status == outbox.QUEUED,
                col(OutboxRow.signer).in_(self._keys.addresses()),
            )
            .order_by(col(OutboxRow.id))
            .limit(_AT_ONCE)
        ).all()
        earlier = {row.after for row in rows if row.after is not None}
        found = session.exec(select(OutboxRow).where(col(OutboxRow.id).in_(earlier))).all()
        statuses = {row.id: row.status for row in found}
        queues: dict[str, list[tuple[OutboxRow, bool]]] = {}
        blocked: set[str] = set()
        for row in rows:
            status = outbox.MINED if row.after is None else statuses.get(row.after, outbox.MINED)
            if row.signer in blocked or status in outbox.PENDING:
                blocked.add(row.signer)
                continue
            queues.setdefault(row.signer, []).append((row, status == outbox.MINED))
        return queues

    def _plans(
        self, queues: Mapping[str, Sequence[tuple[OutboxRow, bool]]], waiting: set[str]
    ) -> dict[str, _Plan]:
        """Gas limits, and reasons for rows that would fail, by signer.

        A row whose estimate fails while an earlier one is not mined yet may depend on it: it and
        all later ones stay queued.
        """
        limit = self._settings.transaction_gas_limit
        unknown = [
            row
            for queue in queues.values()
            for row, good in queue
            if good and row.gas_limit is None
        ]
        answers = self._chain.try_batch(
            [("eth_estimateGas", (self._request(row), "latest")) for row in unknown]
        )
        estimates = {row.id: answer for row, answer in zip(unknown, answers, strict=True)}
        plans: dict[str, _Plan] = {}
        for signer, queue in queues.items():
            plan = plans[signer] = _Plan()
            for row, good in queue:
                assert row.id is not None
                answer = estimates.get(row.id)
                if not good:
                    plan.refused[row.id] = "what it depends on failed"
                elif answer is None:
                    plan.gas[row.id] = min(row.gas_limit or limit, limit)
                elif "result" in answer:
                    plan.gas[row.id] = min(int(answer["result"], 16) * 13 // 10 + 50_000, limit)
                elif signer in waiting or plan.gas:
                    break
                else:
                    error = answer["error"]
                    plan.refused[row.id] = self._chain.reason(error) or str(error.get("message"))
        return plans

    def _sign(
        self,
        session: Session,
        signer: str,
        plan: _Plan,
        chain_nonce: int,
        max_fee: int,
        priority_fee: int,
    ) -> int:
        """Carry out a plan under the lock of the signer's row. Returns how many rows changed."""
        account = session.get(SignerRow, signer, with_for_update=True)
        if account is None:
            account = SignerRow(address=signer, next_nonce=chain_nonce)
        account.next_nonce = max(account.next_nonce, chain_nonce)
        session.add(account)
        rows = session.exec(
            select(OutboxRow)
            .where(col(OutboxRow.id).in_([*plan.gas, *plan.refused]))
            .order_by(col(OutboxRow.id))
        ).all()
        changed = 0
        for row in rows:
            if row.id is None or row.status != outbox.QUEUED:
                break  # another writer was here; look again next time
            if row.id in plan.refused:
                row.status, row.error = outbox.REFUSED, plan.refused[row.id]
            else:
                row.gas_limit, row.nonce = plan.gas[row.id], account.next_nonce
                row.status = outbox.SIGNED
                account.next_nonce += 1
                session.add(self._attempt(row, 0, max_fee, priority_fee))
            session.add(row)
            changed += 1
        return changed

    def _attempt(self, row: OutboxRow, number: int, max_fee: int, priority_fee: int) -> AttemptRow:
        """The row, signed; becomes the row's current transaction."""
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
        row.transaction_hash = digest
        return AttemptRow(
            transaction_hash=digest,
            outbox_id=row.id,
            number=number,
            raw=raw,
            max_fee_wei=max_fee,
            priority_fee_wei=priority_fee,
            created_at=int(time.time()),
        )

    def _request(self, row: OutboxRow) -> dict[str, Any]:
        return {
            "from": row.signer,
            "to": row.to,
            "data": row.data,
            "value": hex(row.value_wei),
        }

    def _nonces(self, signers: Sequence[str]) -> dict[str, int]:
        """How many transactions of each signer the chain has."""
        counts = self._chain.batch(
            [("eth_getTransactionCount", (signer, "latest")) for signer in signers]
        )
        return {signer: int(count, 16) for signer, count in zip(signers, counts, strict=True)}

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

    def _follow(self) -> int:
        """Look up what was signed; send what the node does not know; bump what is stuck."""
        with transaction(self._engine) as session:
            signed = select(OutboxRow).where(OutboxRow.status == outbox.SIGNED)
            ours = col(OutboxRow.signer).in_(self._keys.addresses())
            # Ours in their order first; of what others handed in the newest, so that nobody's
            # transactions that can never be mined keep the rest from being looked at.
            own = session.exec(signed.where(ours).order_by(col(OutboxRow.id)).limit(_AT_ONCE)).all()
            relayed = session.exec(
                signed.where(~ours).order_by(col(OutboxRow.id).desc()).limit(_AT_ONCE)
            ).all()
            rows = sorted([*own, *relayed], key=lambda row: (row.signer, row.nonce or 0))
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
        nonces = self._nonces(sorted({row.signer for row in rows}))
        done = self._record(rows, of_row, nonces)
        missing = [row for row in rows if row.id not in done]
        if self._broadcast(missing, of_row):
            done |= self._record(missing, of_row, nonces)
        return len(done)

    def _broadcast(
        self, rows: Sequence[OutboxRow], of_row: Mapping[int, Sequence[AttemptRow]]
    ) -> int:
        """Send what is missing. Returns how many transactions."""
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
        # Whatever the node answers: the next look asks for the hash. One after the other, since a
        # node may take the parts of a batch at once and strand some behind a nonce it has mined.
        for attempt in send:
            self._chain.try_request("eth_sendRawTransaction", attempt.raw)
        if send:
            crashpoints.reach(crashpoints.BROADCAST)
        return len(send)

    def _stuck(self, row: OutboxRow, attempt: AttemptRow) -> bool:
        return (
            time.time() - attempt.created_at >= self._settings.stuck_after_s
            and row.signer in self._keys.addresses()
        )

    def _bump(self, row: OutboxRow, last: AttemptRow) -> AttemptRow | None:
        """Sign the row again with a higher fee and its old nonce; None at the fee cap, or where the
        key is away."""
        factor = 100 + self._settings.fee_bump_percent
        max_fee, tip = (
            (last.max_fee_wei * factor + 99) // 100,
            (last.priority_fee_wei * factor + 99) // 100,
        )
        if max_fee > self._settings.max_fee_gwei * _GWEI:
            return None
        try:
            with transaction(self._engine) as session:
                session.get(SignerRow, row.signer, with_for_update=True)
                current = session.get(OutboxRow, row.id)
                if current is None or current.transaction_hash != last.transaction_hash:
                    return None
                attempt = self._attempt(current, last.number + 1, max_fee, tip)
                session.add(current)
                session.add(attempt)
                return attempt
        except KeystoreError as error:
            _log.warning("%s cannot sign a higher fee now: %s", row.signer, error)
            return None

    def _record(
        self,
        rows: Sequence[OutboxRow],
        of_row: Mapping[int, Sequence[AttemptRow]],
        chain_nonces: Mapping[str, int],
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
            and row.nonce < chain_nonces[row.signer]
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
            settled = session.exec(
                select(OutboxRow).where(
                    col(OutboxRow.id).in_(found.keys() | displaced),
                    OutboxRow.status == outbox.SIGNED,
                )
            ).all()
            for current in settled:
                assert current.id is not None
                row_id = current.id
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
