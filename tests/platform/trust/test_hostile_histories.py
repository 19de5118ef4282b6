"""Histories that somebody arranged: accounts of one hand, and a chain that took something back."""

from __future__ import annotations

from typing import Any

from tests.platform.trust.conftest import (
    DAY,
    PRICE,
    authority,
    dispute,
    end_of,
    post,
    register,
    rule,
)
from wattproof.meters import service as meters
from wattproof.meters.values import pack
from wattproof.rounds.facts import get_round
from wattproof.tasks.flow import run_until_idle
from wattproof.trust import indexed, replayed, verifying
from wattproof.trust.track_record import LedgerStatement

ONE, OTHER = 0, 1
REPLACE = 1


def stated(desk: Any, trader: int) -> LedgerStatement:
    """From the index, held equal to a replay of the chain."""
    platform, account = desk.platform, str(desk.traders[trader].address)
    stored = indexed.stated(platform, account)
    replay = replayed.stated(
        platform.chain.rpc_url, platform.deployment, account, block=stored.at.number
    )
    assert stored.to_bytes() == replay.to_bytes()
    return stored


def every(desk: Any, trader: int) -> Any:
    (market,) = stated(desk, trader).record.markets
    return market.windows[1]


def sold(desk: Any, seller: int, buyer: int, wh: int) -> int:
    """A sale in slot 0; returns the period."""
    number = desk.open_round()
    desk.buy(buyer, number, 0, wh, 3 * PRICE)
    desk.sell(seller, number, 0, wh, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        return int(get_round(session, desk.market, number).period)


def over(desk: Any, period: int) -> None:
    """Until everything about a period is final, and closed."""
    desk.move_to(end_of(desk, period) + 5 * DAY)
    with desk.platform.transaction() as session:
        meters.close_imbalance(desk.platform, session, desk.market, period)
    run_until_idle(desk.platform)


def test_what_two_accounts_of_one_hand_sell_each_other_counts_where_a_meter_shows_it(
    desk: Any,
) -> None:
    register(desk, ONE, OTHER)
    period = sold(desk, ONE, OTHER, 30_000)
    desk.move_to(end_of(desk, period) + 1)
    post(desk, ONE, period, {0: -100})
    post(desk, OTHER, period, {0: 0})
    over(desk, period)
    (seller,), (buyer,) = every(desk, ONE).carriers, every(desk, OTHER).carriers
    assert (seller.delivered_wh, seller.shortfall_wh) == (100, 29_900)
    assert (buyer.bought_wh, buyer.consumed_wh) == (30_000, 0)


def test_energy_that_is_sold_on_counts_once(desk: Any) -> None:
    """One buys what it sells: what it must deliver is what is left."""
    register(desk, ONE)
    number = desk.open_round()
    desk.sell(ONE, number, 0, 5_000, PRICE)
    desk.buy(OTHER, number, 0, 5_000, 3 * PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        period = get_round(session, desk.market, number).period
    desk.move_to(end_of(desk, period) + 1)
    post(desk, ONE, period, {0: -9_000})
    over(desk, period)
    (seller,) = every(desk, ONE).carriers
    assert (seller.sold_wh, seller.delivered_wh) == (5_000, 5_000)


def test_an_account_that_disputes_its_own_reading_first_loses_all_the_same(desk: Any) -> None:
    register(desk, ONE)
    period = sold(desk, ONE, OTHER, 3_000)
    desk.move_to(end_of(desk, period) + 1)
    post(desk, ONE, period, {0: -3_000})
    dispute(desk, ONE, period, desk.traders[ONE])
    rule(desk, ONE, period, REPLACE, pack([-1_000, 0, 0, 0, 0, 0, 0, 0]))
    over(desk, period)
    found = every(desk, ONE)
    assert (found.disputes.opened_by_itself, found.disputes.lost) == (1, 1)
    assert found.carriers[0].delivered_wh == 1_000


def test_a_dispute_that_nobody_decided_leaves_the_reading_and_is_told(desk: Any) -> None:
    register(desk, ONE)
    period = sold(desk, ONE, OTHER, 3_000)
    desk.move_to(end_of(desk, period) + 1)
    post(desk, ONE, period, {0: -3_000})
    dispute(desk, ONE, period, authority())
    assert every(desk, ONE).disputes.undecided == 1
    over(desk, period)
    found = every(desk, ONE)
    assert (found.disputes.undecided, found.disputes.lost) == (1, 0)
    assert found.carriers[0].delivered_wh == 3_000


def test_a_reorganisation_takes_a_record_back_and_what_was_stated_before_is_noticed(
    desk: Any,
) -> None:
    platform = desk.platform
    register(desk, ONE)
    period = sold(desk, ONE, OTHER, 3_000)
    desk.move_to(end_of(desk, period) + 1)
    post(desk, ONE, period, {0: -3_000})
    desk.move_to(end_of(desk, period) + 5 * DAY)
    platform.indexer.catch_up()
    before = platform.chain.request("evm_snapshot")
    now = desk.now()
    over(desk, period)
    stated_then = stated(desk, ONE)
    assert stated_then.record.markets[0].windows[1].closed == 1

    platform.chain.request("evm_revert", before)
    platform.chain.request("evm_setNextBlockTimestamp", now + 7)
    platform.chain.request("evm_mine")
    assert platform.indexer.catch_up().rolled_back > 0
    (market,) = stated(desk, ONE).record.markets
    assert (market.unclosed, market.windows[1].closed) == (1, 0)

    # Sent again with the same bytes it is closed as before, in another block.
    run_until_idle(platform)
    while platform.chain.head().number < stated_then.at.number:
        platform.chain.request("evm_mine")
    platform.indexer.catch_up()
    verdict = verifying.verify(stated_then.to_json(), platform.chain.rpc_url, platform.deployment)
    places = {each.place for each in verdict.differences}
    assert "chain.block_hash" in places
    assert not any(place.startswith("quotas") for place in places)
