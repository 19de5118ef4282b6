"""Publishing the descriptions of markets that were just created."""

from __future__ import annotations

from sqlmodel import Session, select

from wattproof.gateway import outbox
from wattproof.networks.models import NetworkRow
from wattproof.rounds import service as rounds
from wattproof.runtime import Platform


def publish_due(platform: Platform, session: Session) -> int:
    """Queue the publication of every kept description whose market is indexed. Returns how many.

    What is published already, by whomever, is left as it is.
    """
    kept = {row.hash: row.description for row in session.exec(select(NetworkRow)).all()}
    if not kept:
        return 0
    queued = 0
    for market in rounds.list_markets(session):
        description = kept.get(str(market.params["networkHash"]))
        if description is None or rounds.is_network_published(session, market.market):
            continue
        if outbox.find(session, f"network:{market.market}") is not None:
            continue  # it failed; an operator must look
        rounds.publish_network(
            platform, session, market.market, bytes.fromhex(description.removeprefix("0x"))
        )
        queued += 1
    return queued
