"""Obligations and the periods reported for them, as the chain holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from wattproof.gateway.abi import Event
from wattproof.gateway.chain import Block, Call, Chain
from wattproof.indexer.projection import Stale
from wattproof.quotas.models import ObligationRow, ReportRow

_CONTRACT = "QuotaRegistry"
_NOBODY = "0x" + "00" * 20


@dataclass(slots=True)
class QuotaReading:
    """Fresh values by the key of what they belong to."""

    obligations: dict[tuple[int, str], Mapping[str, Any]] = field(default_factory=dict)
    owed_wh: dict[tuple[int, str], int] = field(default_factory=dict)
    reported: dict[tuple[int, str, int], bool] = field(default_factory=dict)


def read(chain: Chain, stale: Stale, at: Block) -> QuotaReading:
    """Ask the contract, in few requests."""
    tag = {"blockHash": at.hash}
    obligations = sorted(stale.obligations)
    views = dict(
        zip(
            obligations,
            chain.call_many([(_CONTRACT, "obligationOf", key) for key in obligations], block=tag),
            strict=True,
        )
    )
    # The other views refuse what a reorganisation took back.
    known = [key for key in obligations if views[key]["device"] != _NOBODY]
    reports = [key for key in sorted(stale.reports) if key[:2] in known]
    calls: list[Call] = [
        *((_CONTRACT, "owedWh", key) for key in known),
        *((_CONTRACT, "isReported", key) for key in reports),
    ]
    answers = iter(chain.call_many(calls, block=tag))
    owed = {key: next(answers) for key in known}
    return QuotaReading(
        obligations=views,
        owed_wh=owed,
        reported=dict.fromkeys(stale.reports, False) | {key: next(answers) for key in reports},
    )


def store(session: Session, fresh: QuotaReading, events: Sequence[Event]) -> None:
    """Write what was read, and the energy that only events carry."""
    for (quota, account), view in fresh.obligations.items():
        if view["device"] == _NOBODY:  # a reorganisation took the obligation back
            row = session.get(ObligationRow, (quota, account))
            if row is not None:
                session.delete(row)
            continue
        session.merge(
            ObligationRow(
                quota=quota,
                account=account,
                device=view["device"],
                basis=view["basis"],
                ratio=view["ratio"],
                reported_periods=view["reportedPeriods"],
                settled=view["settled"],
                energy_wh=view["energyWh"],
                owed_wh=fresh.owed_wh[quota, account],
                surrendered_wh=view["surrenderedWh"],
                banked_wh=view["bankedWh"],
                shortfall_wh=view["shortfallWh"],
                bond_micro=view["bond"],
                penalty_paid_micro=view["penaltyPaid"],
            )
        )
    for key, reported in fresh.reported.items():
        found = session.get(ReportRow, key)
        if reported and found is None:
            quota, account, period = key
            session.add(ReportRow(quota=quota, account=account, period=period, energy_wh=0))
        elif not reported and found is not None:
            session.delete(found)
    session.flush()
    for event in events:
        if event.contract == _CONTRACT and event.name == "EnergyReported":
            args = event.args
            report = session.get(ReportRow, (args["quota"], args["account"], args["period"]))
            if report is not None:
                report.energy_wh = args["energyWh"]
                session.add(report)
