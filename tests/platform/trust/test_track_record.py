"""A record from the chain alone, from the index, and from another node: the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from devnet import AnvilNode, NodeOptions
from market.track_record import CarrierFigures, record_of
from tests.platform.noon import NOON
from tests.platform.trust.conftest import (
    BUYER,
    HIDER,
    PERIODS,
    SELLER,
    UNMETERED,
    Season,
    device,
)
from wattproof.audit.history import History
from wattproof.errors import InvalidError, RefusedError
from wattproof.indexer.service import Indexer
from wattproof.meters.values import pack
from wattproof.orders.models import OrderRow
from wattproof.runtime import Platform
from wattproof.store.engine import make_engine, transaction
from wattproof.store.migrate import upgrade
from wattproof.trust import indexed, replayed
from wattproof.trust.track_record import LedgerStatement, is_whole

STRANGER = "0x" + "99" * 20
SELLERS_METER = str(device(SELLER).address)


def from_chain(season: Season, account: str, **options: Any) -> LedgerStatement:
    platform = season.platform
    return replayed.stated(platform.chain.rpc_url, platform.deployment, account, **options)


def figures(season: Season, trader: int) -> CarrierFigures:
    (market,) = indexed.stated(season.platform, season.address(trader)).record.markets
    (carrier,) = market.windows[1].carriers
    return carrier


@pytest.mark.parametrize("trader", [BUYER, SELLER, HIDER, UNMETERED])
def test_the_index_and_the_chain_give_the_same_bytes(season: Season, trader: int) -> None:
    account = season.address(trader)
    stored = indexed.stated(season.platform, account)
    replay = from_chain(season, account, block=stored.at.number)
    assert stored.to_bytes() == replay.to_bytes()
    assert is_whole(stored.to_json())


@pytest.mark.parametrize("trader", [BUYER, SELLER, HIDER, UNMETERED])
def test_every_fact_is_the_same_and_not_just_its_sums(season: Season, trader: int) -> None:
    platform, account = season.platform, season.address(trader)
    with platform.transaction() as session:
        top = indexed.stated(platform, account).at
        stored = indexed.indexed(session, account, top.time)
    history = History(platform.chain.rpc_url, platform.deployment, until=top.number)
    assert stored == replayed.replayed(history, account)
    assert len(stored.closed) == PERIODS


@pytest.mark.parametrize("trader", [BUYER, SELLER, HIDER, UNMETERED])
def test_both_kinds_of_database_give_the_same_facts(
    season: Season, trader: int, shared_engine: Callable[[Platform], Engine]
) -> None:
    account = season.address(trader)
    with season.platform.transaction() as session:
        top = indexed.stated(season.platform, account).at
        expected = indexed.indexed(session, account, top.time)
    with transaction(shared_engine(season.platform)) as session:
        assert indexed.indexed(session, account, top.time) == expected


def test_an_index_that_is_catching_up_tells_what_had_happened_by_its_block(
    season: Season, tmp_path: Path
) -> None:
    """Its views are already of the chain's head; none of that may show."""
    platform, account = season.platform, season.address(SELLER)
    engine = make_engine(f"sqlite:///{tmp_path / 'late.db'}")
    upgrade(engine)
    with platform.transaction() as session:
        orders = [row.model_dump() for row in session.exec(select(OrderRow)).all()]
    with transaction(engine) as session:
        session.add_all(OrderRow(**row) for row in orders)
    indexer = Indexer(engine, platform.chain, blocks=40)
    late = replace(platform, engine=engine)
    seen = set()
    while indexer.step().changed:
        stored = indexed.stated(late, account)
        replay = from_chain(season, account, block=stored.at.number)
        assert stored.to_bytes() == replay.to_bytes()
        seen |= {market.windows[1].closed for market in stored.record.markets}
    engine.dispose()
    assert {0, PERIODS} <= seen


def test_another_node_of_the_same_chain_gives_the_same_bytes(season: Season) -> None:
    platform, account = season.platform, season.address(SELLER)
    here = from_chain(season, account)
    dump = platform.chain.request("anvil_dumpState", True)
    with AnvilNode(NodeOptions(chain_id=31_345, genesis_timestamp=NOON)) as other:
        other.rpc("anvil_loadState", dump)
        there = replayed.stated(other.url, platform.deployment, account, block=here.at.number)
    assert there.to_bytes() == here.to_bytes()


def test_what_was_sold_counts_against_what_was_metered(season: Season) -> None:
    sold = figures(season, SELLER)
    # Ten periods of 2 kWh of 3, and one in which the ruling left half a kWh.
    assert sold.sold_wh == PERIODS * 3_000
    assert sold.delivered_wh == (PERIODS - 1) * 2_000 + 500
    assert sold.delivered_ppm == sold.delivered_wh * 1_000_000 // sold.sold_wh
    bought = figures(season, BUYER)
    assert (bought.bought_wh, bought.consumed_ppm) == (PERIODS * 3_000, 1_000_000)


def test_what_an_account_sold_to_itself_is_no_sale(season: Season) -> None:
    found = figures(season, SELLER)
    assert found.bought_wh == 0
    assert found.sold_wh == PERIODS * 3_000  # not the 4 kWh a period that it moved in a circle


def test_who_hides_a_reading_delivered_nothing(season: Season) -> None:
    found = figures(season, HIDER)
    # One period without a reading, and one whose reading was declared void.
    assert found.shortfall_wh == 2_000
    (market,) = indexed.stated(season.platform, season.address(HIDER)).record.markets
    assert market.windows[1].without_reading == 2


def test_a_buyer_without_a_meter_shows_nothing_either_way(season: Season) -> None:
    found = figures(season, UNMETERED)
    assert (found.bought_wh, found.bought_unmeasured_wh) == (0, PERIODS * 1_000)
    assert found.consumed_ppm is None


def test_disputes_are_told_by_who_opened_them_and_how_they_ended(season: Season) -> None:
    seller, hider = (
        indexed.stated(season.platform, season.address(trader)).record.markets[0].windows[1]
        for trader in (SELLER, HIDER)
    )
    assert (seller.disputes.opened_by_others, seller.disputes.opened_by_itself) == (1, 1)
    assert (seller.disputes.lost, seller.disputes.kept) == (1, 1)
    assert (hider.disputes.lost, hider.disputes.undecided) == (1, 1)


def test_a_period_that_is_over_and_not_closed_is_shown(season: Season) -> None:
    (market,) = indexed.stated(season.platform, season.address(SELLER)).record.markets
    assert market.unclosed == 1
    assert market.windows[1].closed == PERIODS


def test_an_earlier_block_knows_no_more_than_what_had_happened(season: Season) -> None:
    platform, account = season.platform, season.address(SELLER)
    closed = [
        event.block_number
        for event in platform.chain.events(0, platform.chain.head().number)
        if event.name == "PeriodClosed" and event.args["account"] == account
    ]
    before = from_chain(season, account, block=closed[0] - 1).record.markets[0]
    after = from_chain(season, account, block=closed[-1]).record.markets[0]
    assert (before.windows[1].closed, after.windows[1].closed) == (0, PERIODS)
    assert before.windows[1].carriers == ()


def test_a_stranger_has_a_record_without_figures(season: Season) -> None:
    stored = indexed.stated(season.platform, STRANGER)
    assert stored.record.markets == ()
    assert from_chain(season, STRANGER, block=stored.at.number).to_bytes() == stored.to_bytes()


@pytest.mark.parametrize("block", [10**9, 0])
def test_a_block_that_is_not_there_is_refused(season: Season, block: int) -> None:
    with pytest.raises(InvalidError):
        from_chain(season, STRANGER, block=block)


def test_a_changed_figure_breaks_the_statements_hash(season: Season) -> None:
    said = indexed.stated(season.platform, season.address(SELLER)).to_json()
    said["quotas"]["defaults"] = 1
    assert not is_whole(said)
    assert not is_whole({"sha256": 1.5})


@pytest.mark.parametrize("name", ["ReadingsPosted", "ReadingResolved", "PeriodClosed"])
def test_a_node_that_changes_what_happened_is_refused(season: Season, name: str) -> None:
    platform, account = season.platform, season.address(SELLER)
    history = History(platform.chain.rpc_url, platform.deployment)
    entries = history.entries()
    # The seller's first reading, the ruling against it, what its first period was closed at.
    place = next(
        place
        for place, entry in enumerate(entries)
        if entry.event.name == name
        and (
            entry.event.args.get("device", SELLERS_METER),
            entry.event.args.get("account", account),
        )
        == (SELLERS_METER, account)
    )
    event = entries[place].event
    lie = {"charge": -1} if name == "PeriodClosed" else {"values": pack([-3_000] + [0] * 7)}
    forged = replace(entries[place], event=replace(event, args={**event.args, **lie}))
    history._read = [*entries[:place], forged, *entries[place + 1 :]]
    with pytest.raises(RefusedError, match="does not hold"):
        replayed.replayed(history, account)


def test_the_figures_are_those_of_the_facts(season: Season) -> None:
    platform, account = season.platform, season.address(SELLER)
    stored = indexed.stated(platform, account)
    with platform.transaction() as session:
        assert record_of(indexed.indexed(session, account, stored.at.time)) == stored.record
