from __future__ import annotations

from market.surveillance import FindingKind, LinkKind
from tests.platform.surveillance.conftest import (
    BIG,
    GATEWAY,
    OWNER,
    PAID,
    PAYER,
    SMALL,
    WASH_BUYER,
    WASH_SELLER,
    Watched,
)


def test_the_planted_are_found_and_the_innocent_are_not(watched: Watched) -> None:
    found = watched.survey().findings
    pair = tuple(sorted((watched.address(WASH_SELLER), watched.address(WASH_BUYER))))
    about = {(each.kind, tuple(sorted(each.accounts))) for each in found}
    assert (FindingKind.WASH, pair) in about
    assert (FindingKind.PIVOTAL, (watched.address(BIG),)) in about
    accused = {account for each in found for account in each.accounts}
    assert accused == {*pair, watched.address(BIG)}
    assert not accused & {watched.address(who) for who in (PAYER, PAID, SMALL)}


def test_the_pair_is_joined_by_owner_and_delegate_with_the_transactions_that_show_it(
    watched: Watched,
) -> None:
    (group,) = watched.survey().report.identities.groups
    assert set(group.accounts) == {watched.address(WASH_SELLER), watched.address(WASH_BUYER)}
    shown_by = {LinkKind.OWNER: "DidRegistry", LinkKind.SESSION: "Delegations"}
    assert {(link.kind, link.second) for link in group.links} == {
        (LinkKind.OWNER, OWNER),
        (LinkKind.SESSION, GATEWAY),
    }
    chain = watched.desk.platform.chain
    for link in group.links:
        receipt = chain.request("eth_getTransactionReceipt", link.evidence)
        assert receipt["to"] == chain.address(shown_by[link.kind]).lower()


def test_one_payment_is_shown_and_joins_nobody(watched: Watched) -> None:
    loose = watched.survey().report.identities.loose
    pairs = {(link.kind, link.pair) for link in loose}
    assert (
        LinkKind.PAYMENT,
        tuple(sorted((watched.address(PAYER), watched.address(PAID)))),
    ) in pairs


def test_whoever_funds_everybody_is_an_official_and_joins_nobody(watched: Watched) -> None:
    identities = watched.survey().report.identities
    funders = {hub.address for hub in identities.hubs if hub.kind is LinkKind.DEPOSIT}
    funders |= {hub.address for hub in identities.hubs if hub.kind is LinkKind.PAYMENT}
    assert funders
    assert not funders & {account for group in identities.groups for account in group.accounts}


def test_figures_follow_from_the_books(watched: Watched) -> None:
    (market,) = watched.survey().report.markets
    assert market.rounds == 3
    assert (market.first_round, market.last_round) == (watched.rounds[0], watched.rounds[-1])
    # Slot 0: 9 kWh of 10.5 offered; slot 1: 2 kWh of 4.
    assert market.volume_wh == 3 * (9_000 + 2_000)
    big = next(row for row in market.sellers if row.seller == watched.address(BIG))
    assert (big.sold_wh, big.offered_wh) == (3 * 7_500, 3 * 9_000)
    assert (big.pivotal_lots, big.price_setting_rounds) == (3, 3)
    assert big.lowest_rsi_ppm == 166_666  # 1.5 of 9 kWh
    assert big.lost_wh == 3 * 7_500
    washed = market.washed
    assert [(row.wash_wh, row.traded_wh) for row in washed] == [(1_000, 9_000)] * 3
    assert [row.price_effect for row in washed] == [0] * 3
    small = next(row for row in market.sellers if row.seller == watched.address(SMALL))
    assert small.price_setting_rounds == 0


def test_a_void_round_counts_for_nothing(watched: Watched) -> None:
    document = watched.survey()
    (market,) = document.report.markets
    assert watched.void not in range(market.first_round, market.last_round + 1)
    crossing = [row for row in market.washed if row.who == watched.address(PAID)]
    assert crossing == []
    assert document.source.unproven == ()
