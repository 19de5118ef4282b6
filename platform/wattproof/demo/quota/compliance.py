"""The end of a compliance period: surrender, some of it banked, settlement, penalty, bonds back."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.certificates.transactions import MOST_BATCHES, Amount
from wattproof.demo.quota.government import OpenQuota
from wattproof.demo.quota.participants import Joined
from wattproof.demo.quota.scene import Obliged
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage
from wattproof.indexer import history
from wattproof.quotas import service, suggestion
from wattproof.quotas import transactions as quotas


@dataclass(frozen=True, slots=True)
class Compliance:
    """What an account's settlement published; energy in Wh, money in micro-units."""

    quota: int
    name: str
    obliged: Obliged
    energy_wh: int
    owed_wh: int
    surrendered_wh: int
    banked_wh: int
    shortfall_wh: int
    penalty_micro: int
    paid_micro: int
    bond_returned_micro: int


def surrender(stage: Stage, joined: Joined, quota: OpenQuota) -> None:
    """Everybody obliged gives up what it owes as far as it holds it, oldest certificates first."""
    for obliged in quota.plan.obliged:
        member = joined.cast[obliged.name]
        while True:
            with stage.platform.transaction() as session:
                found = suggestion.suggest(
                    session,
                    service.get_quota(session, quota.number),
                    service.get_obligation(session, quota.number, member.address),
                    stage.now(),
                    MOST_BATCHES,
                )
            if not found.chosen:
                break
            amounts = [Amount(each.batch, each.amount_wh) for each in found.chosen]
            calls = quotas.surrender(stage.platform, quota.number, member.address, amounts)
            stage.transact(member.address, *calls)


def settle(stage: Stage, joined: Joined, year: Year, quota: OpenQuota) -> list[Compliance]:
    """After the last second for surrendering the platform settles everybody; what came of it."""
    stage.advance_to(year.surrender_by(quota.plan) + 1)
    with stage.platform.transaction() as session:
        published = {
            event.args["account"]: event.args
            for event in history.events(session, service.CONTRACT, "ComplianceSettled")
            if int(event.args["quota"]) == quota.number
        }
    return [
        Compliance(
            quota=quota.number,
            name=obliged.name,
            obliged=obliged,
            energy_wh=int(said["energyWh"]),
            owed_wh=int(said["obligationWh"]),
            surrendered_wh=int(said["surrenderedWh"]),
            banked_wh=int(said["bankedWh"]),
            shortfall_wh=int(said["shortfallWh"]),
            penalty_micro=int(said["penalty"]),
            paid_micro=int(said["penaltyPaid"]),
            bond_returned_micro=int(said["bondReturned"]),
        )
        for obliged in quota.plan.obliged
        for said in [published[joined.cast[obliged.name].address]]
    ]
