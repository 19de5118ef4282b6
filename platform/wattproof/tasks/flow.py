"""The task functions.

Each looks at the database and the chain, does what is due, and may be called at any time, any
number of times, by anybody: what is done already is not done again. So a lost message costs time
and nothing else, and a message that comes twice costs nothing.
"""

from __future__ import annotations

import time

from sqlmodel import select

from wattproof.certificates import upkeep as certificates
from wattproof.credentials import revoking
from wattproof.credits import upkeep as credits
from wattproof.dispatch import freshness
from wattproof.errors import UnavailableError, WattproofError
from wattproof.flexibility import upkeep as flexibility
from wattproof.gateway import outbox
from wattproof.gateway.models import OutboxRow
from wattproof.meters import service as meters
from wattproof.networks import upkeep as networks
from wattproof.orders import claims
from wattproof.privacy import erasure
from wattproof.quotas import upkeep as quotas
from wattproof.relaying import lateness
from wattproof.rounds import lifecycle
from wattproof.rounds import service as rounds
from wattproof.runtime import Platform

_PAUSE_S = 0.02
_PATIENCE_S = 3.0


def index_chain(platform: Platform) -> bool:
    """Bring the index to the chain's head. True if something was new."""
    changed = platform.indexer.catch_up().changed
    if changed:
        with platform.transaction() as session:
            rounds.name_markets(session)
    return changed


def pump_outbox(platform: Platform) -> bool:
    """Send what is queued and look up what was sent. True if something moved."""
    return lateness.give_up_late(platform) + platform.writer.pump() > 0


def advance_rounds(platform: Platform) -> bool:
    """Take every round that is due one step further. True if one moved.

    A round that fails does not keep the others from their step; its error is raised afterwards.
    """
    with platform.transaction() as session:
        due = lifecycle.unfinished(session)
    moved = False
    failures: list[Exception] = []
    for market, number in due:
        try:
            moved |= lifecycle.advance(platform, market, number)
        except UnavailableError:
            raise
        except Exception as error:
            error.add_note(f"in round {number} of market {market}")
            failures.append(error)
    if failures:
        raise failures[0]
    return moved


def publish_networks(platform: Platform) -> bool:
    """Queue the publication of networks whose market is there. True if there were any."""
    with platform.transaction() as session:
        return networks.publish_due(platform, session) > 0


def hand_in_network_orders(platform: Platform) -> bool:
    """Hand in the orders of networks that the platform runs. True if there were any."""
    with platform.transaction() as session:
        return networks.hand_in_due(platform, session) > 0


def post_readings(platform: Platform) -> bool:
    """Queue signed readings whose period is over. True if there were any."""
    with platform.transaction() as session:
        return meters.queue_due_readings(platform, session) > 0


def close_periods(platform: Platform) -> bool:
    """Queue the closing of delivered positions whose readings are final. True if there were any."""
    with platform.transaction() as session:
        return meters.close_due_periods(platform, session) > 0


def rebut_claims(platform: Platform) -> bool:
    """Answer claims of omission that a cancellation refutes. True if there were any."""
    with platform.transaction() as session:
        return claims.rebut_claims(platform, session) > 0


def revoke_stale_plans(platform: Platform) -> bool:
    """Revoke approvals of dispatch plans that stand no longer. True if there were any."""
    return freshness.revoke_stale(platform) > 0


def mark_revoked(platform: Platform) -> bool:
    """Mark credentials in the status list that were revoked on the chain. True if any were."""
    with platform.transaction() as session:
        return revoking.follow_chain(platform, session) > 0


def issue_credits(platform: Platform) -> bool:
    """Queue credits whose readings are final, and budgets to release. True if there were any."""
    with platform.transaction() as session:
        return credits.issue_due(platform, session) + credits.close_due(platform, session) > 0


def finish_events(platform: Platform) -> bool:
    """Queue reports and settlements of demand response that are due. True if there were any."""
    with platform.transaction() as session:
        return flexibility.finish_due(platform, session) > 0


def issue_certificates(platform: Platform) -> bool:
    """Queue certificates of final readings, and parcels to collect. True if there were any."""
    with platform.transaction() as session:
        issued = certificates.issue_due(platform, session)
        return issued + certificates.collect_due(platform, session) > 0


def settle_quotas(platform: Platform) -> bool:
    """Queue reports and settlements of obligations that are due. True if there were any."""
    with platform.transaction() as session:
        return quotas.report_due(platform, session) + quotas.settle_due(platform, session) > 0


def finish_erasures(platform: Platform) -> bool:
    """Erase what had to wait and no longer must. True if there was any."""
    with platform.transaction() as session:
        return erasure.finish_due(platform, session) > 0


def tick(platform: Platform) -> bool:
    """One round of everything. True if anything moved."""
    moved = [pump_outbox(platform), index_chain(platform)]
    moved += [publish_networks(platform), hand_in_network_orders(platform)]
    moved += [advance_rounds(platform)]
    moved += [post_readings(platform), close_periods(platform)]
    moved += [rebut_claims(platform), revoke_stale_plans(platform)]
    moved += [mark_revoked(platform)]
    moved += [issue_credits(platform), finish_events(platform)]
    moved += [issue_certificates(platform), settle_quotas(platform)]
    moved += [finish_erasures(platform)]
    return any(moved)


def run_until_idle(
    platform: Platform, *, timeout_s: float = 120.0, patience_s: float = _PATIENCE_S
) -> None:
    """Tick until nothing moves any more (nothing is due at the present time).

    A write that was sent is waited for, as far as the chain takes it within ``patience_s``.

    Raises:
        WattproofError: it did not come to rest in time.
    """
    give_up = time.monotonic() + timeout_s
    patience = time.monotonic() + patience_s
    while True:
        if tick(platform):
            patience = time.monotonic() + patience_s
        elif time.monotonic() > patience or not _in_flight(platform):
            return
        else:
            time.sleep(_PAUSE_S)
        if time.monotonic() > give_up:
            raise WattproofError(f"the platform did not come to rest in {timeout_s:.0f} s")


def _in_flight(platform: Platform) -> bool:
    """Whether a transaction was sent of which the chain has said nothing yet."""
    with platform.transaction() as session:
        return (
            session.exec(select(OutboxRow.id).where(OutboxRow.status == outbox.SIGNED)).first()
            is not None
        )
