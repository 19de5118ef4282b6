"""Sessions and the delegates that were ever named, as the chain holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from market import delegation
from wattproof.delegations.models import NamedRow, SessionRow
from wattproof.gateway.chain import Block, Call, Chain
from wattproof.indexer.projection import Stale

_CONTRACT = "Delegations"
_LAST_ROUND = 2**32 - 1
"""No market has so many: what `sessionOf` says of it is the current session."""


@dataclass(slots=True)
class DelegationReading:
    """Fresh values by the key of what they belong to."""

    from_round: dict[tuple[int, str], int] = field(default_factory=dict)
    current: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    before: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    named: dict[tuple[int, str, str], bool] = field(default_factory=dict)


def read(chain: Chain, stale: Stale, at: Block) -> DelegationReading:
    """Ask the contract, in few requests."""
    tag = {"blockHash": at.hash}
    sessions, named = sorted(stale.sessions), sorted(stale.named)
    calls: list[Call] = [
        *((_CONTRACT, "fromRoundOf", key) for key in sessions),
        *((_CONTRACT, "sessionOf", (*key, _LAST_ROUND)) for key in sessions),
        *((_CONTRACT, "isNamed", key) for key in named),
    ]
    answers = iter(chain.call_many(calls, block=tag))
    reading = DelegationReading()
    reading.from_round = {key: next(answers) for key in sessions}
    reading.current = {key: next(answers) for key in sessions}
    reading.named = {key: next(answers) for key in named}
    changed = [key for key in sessions if reading.from_round[key]]
    earlier = chain.call_many(
        [(_CONTRACT, "sessionOf", (*key, reading.from_round[key] - 1)) for key in changed],
        block=tag,
    )
    reading.before = dict(zip(changed, earlier, strict=True))
    return reading


def store(session: Session, fresh: DelegationReading) -> None:
    """Write what was read; what a reorganisation took back is gone."""
    for key, from_round in fresh.from_round.items():
        row = session.get(SessionRow, key)
        if not from_round:
            if row is not None:
                session.delete(row)
            continue
        current = delegation.Session.of_chain(fresh.current[key])
        before = delegation.Session.of_chain(fresh.before[key])
        row = row or SessionRow(market=key[0], account=key[1], from_round=from_round)
        row.from_round = from_round
        row.session = None if current is None else current.to_json()
        row.before = None if before is None else before.to_json()
        row.delegate = None if current is None else current.delegate
        session.add(row)
    for named, holds in fresh.named.items():
        found = session.get(NamedRow, named)
        if holds and found is None:
            market, account, delegate = named
            session.add(NamedRow(market=market, account=account, delegate=delegate))
        elif not holds and found is not None:
            session.delete(found)
    session.flush()
