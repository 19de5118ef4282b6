"""Certificates on a real node: who keeps them back, who needs them itself, and every stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from eth_account import Account

from devnet import AnvilNode, NodeOptions, accounts
from market.surveillance import CertificateClass, FindingKind
from tests.platform.audit.green_season import (
    CERTIFICATES,
    CONSUMPTION,
    DAY,
    ENERGY,
    GENERATION,
    LIFETIME_VINTAGES,
    MONEY,
    PRICE,
    QUOTA,
    RULES,
    TOKENS,
    VINTAGE,
    WIND,
    GreenSeason,
    Town,
    day,
    open_season,
)
from tests.platform.noon import NOON
from wattproof.accounts import service as ledger
from wattproof.audit.history import History
from wattproof.audit.replay import rebuild
from wattproof.meters import service as meters
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.settings import Settings
from wattproof.surveillance import SurveillanceDocument, survey_chain
from wattproof.surveillance.certificates import stock_of

NAMES = ("keeper", "honest", "saver", "shop")


@dataclass(frozen=True)
class Quarter:
    """A town in which one producer sits on its certificates."""

    town: Town
    document: SurveillanceDocument


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarter]:
    folder = tmp_path_factory.mktemp("quarter")
    with (
        AnvilNode(NodeOptions(chain_id=31_346, genesis_timestamp=NOON)) as node,
        open_platform(Settings(data_dir=folder, rpc_url=node.url)) as platform,
    ):
        people = {"owner": accounts.account(accounts.DEPLOYER)} | {
            name: accounts.account(accounts.FIRST_TRADER + number)
            for number, name in enumerate(NAMES)
        }
        for each in people.values():
            platform.keys.add(each)
        town = Town(platform, {name: Account.create() for name in NAMES}, people)
        found(town)
        produce(town, town.today + 9)
        yield Quarter(town, survey_chain(platform.chain.rpc_url, platform.deployment))


def found(town: Town) -> None:
    platform, source = town.platform, "GreenCertificates"
    with platform.transaction() as session:
        ledger.bootstrap(platform, session)
    town.rest()
    with platform.transaction() as session:
        rounds.create_market(platform, session, "energy", RULES)
        rounds.create_market(platform, session, "wind", TOKENS, capacity_source=source)
        for name in town.people:
            ledger.faucet(platform, session, town.address(name), MONEY, key="quarter")
    town.rest()
    with platform.transaction() as session:
        for name in NAMES:
            meters.register_device(
                platform,
                session,
                device=town.meter(name),
                market=ENERGY,
                account=town.address(name),
                carrier=0,
                capacity_w=9_000,
            )
    town.rest()
    token, book = platform.chain.address("SettlementToken"), platform.chain.address("Ledger")
    for name in NAMES:
        town.send(town.people[name], "SettlementToken", "approve", book, MONEY)
        town.send(town.people[name], "Ledger", "deposit", token, 10**7, town.address(name))
        town.send(town.people[name], "Ledger", "addMargin", CERTIFICATES, 10**7)
    for name in NAMES[:3]:
        town.send(
            town.authority,
            "GreenCertificates",
            "registerProducer",
            town.meter(name),
            WIND,
            0,
            town.today + 1,
        )
    town.certify("owner", "bindMarket", CERTIFICATES, WIND, 0)
    terms = {
        "market": ENERGY,
        "carrier": 0,
        "firstPeriod": town.today + 9,
        "periods": 1,
        "penalty": 10 * PRICE,
        "bankLimit": 0,
        "bankSeconds": 0,
        "surrenderBy": (town.today + 9 + 1 + 8) * DAY,
        "technologies": 1 << WIND,
        "beneficiary": town.address("owner"),
    }
    town.oblige("owner", "openQuota", terms)
    town.oblige("owner", "oblige", QUOTA, town.address("shop"), CONSUMPTION, 500_000)
    town.oblige("owner", "oblige", QUOTA, town.address("saver"), GENERATION, 1_000_000)


def produce(town: Town, period: int) -> None:
    """The keeper has 8 kWh of certificates, the honest one 2; the saver owes all its 3 itself."""
    town.post("keeper", period, day(s3=-8_000))
    town.post("honest", period, day(s3=-2_000))
    town.post("saver", period, day(s3=-3_000))
    town.post("shop", period, day(s3=8_000))
    town.move_to((period + 2) * DAY + 120)
    for name in NAMES[:3]:
        town.issue(name, period)
    slot = period * DAY // VINTAGE + LIFETIME_VINTAGES
    batch = town.batch("honest", period, 3)
    town.certify("honest", "offer", CERTIFICATES, slot, [batch], [2_000])
    town.trade(CERTIFICATES, slot, honest=-1_000, shop=4_000)
    town.trade(CERTIFICATES, slot, honest=-900, shop=3_000)
    town.trade(CERTIFICATES, slot, honest=-100, shop=2_100)
    town.certify("owner", "collect", CERTIFICATES, slot, town.address("shop"), 1)


def test_who_keeps_certificates_back_is_named_and_who_owes_them_is_not(quarter: Quarter) -> None:
    town, found = quarter.town, quarter.document.findings
    kept = [each for each in found if each.kind is FindingKind.WITHHOLDING]
    assert [each.accounts for each in kept] == [(town.address("keeper"),)]
    assert "in 3 of 3 rounds of market 2 while others lacked them" in kept[0].sentence
    assert "held 8 kWh (61.5 % of the class), needed 0 kWh itself, and kept 8 kWh" in (
        kept[0].sentence
    )
    accused = {account for each in found for account in each.accounts}
    # All that is for sale is the honest one's: that it could set the price is a fact, no blame.
    assert accused == {town.address("keeper"), town.address("honest")}
    assert {each.kind for each in found if town.address("honest") in each.accounts} == {
        FindingKind.PIVOTAL
    }


def test_the_figures_of_every_holder_follow_from_the_chain(quarter: Quarter) -> None:
    town = quarter.town
    (market,) = quarter.document.report.markets
    assert (market.market, market.tokenised, market.volume_wh) == (CERTIFICATES, True, 2_000)
    rows = {(row.round, row.account): row for row in market.withheld}
    saver = rows[1, town.address("saver")]
    assert (saver.held_wh, saver.own_need_wh, saver.withheld_wh) == (3_000, 3_000, 0)
    keeper = rows[2, town.address("keeper")]
    assert (keeper.held_wh, keeper.physical_wh, keeper.shortage_wh) == (8_000, 8_000, 3_000)
    honest = rows[2, town.address("honest")]
    assert (honest.held_wh, honest.offered_wh, honest.sold_wh) == (1_000, 900, 900)
    assert keeper.reference == PRICE
    # The shop's own purchases wait to be collected and are held.
    assert rows[3, town.address("shop")].held_wh == 1_900


def test_concentration_is_that_of_what_is_held(quarter: Quarter) -> None:
    town = quarter.town
    (stock,) = quarter.document.report.stock
    held = {share.name: share.wh for share in stock.by_account.shares}
    assert held == {
        town.address("keeper"): 8_000,
        town.address("saver"): 3_000,
        town.address("shop"): 2_000,
    }
    # (8^2 + 3^2 + 2^2) / 13^2
    assert stock.by_account.hhi == 4_556


def test_nobody_is_related_to_who_pays_everybody(quarter: Quarter) -> None:
    assert quarter.document.report.identities.groups == ()


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GreenSeason]:
    yield from open_season(tmp_path_factory.mktemp("season"), 31_347)


def test_stocks_are_those_of_the_contract_after_everything_that_can_happen(
    season: GreenSeason,
) -> None:
    """Stores, transfers, sales in chunks, recalls, collections, surrender, expiry."""
    platform = season.town.platform
    chain = platform.chain
    history = History(chain.rpc_url, platform.deployment)
    state, report = rebuild(history)
    assert report.ok, report.findings
    stock = stock_of(history, state)
    wallets: defaultdict[tuple[str, CertificateClass], int] = defaultdict(int)
    for account, identity in state.certificates.held:
        batch = state.certificates.batches[identity]
        kind = CertificateClass(identity & 0xFF, batch.vintage, batch.zone)
        balance = chain.call("GreenCertificates", "balanceOf", account, identity)
        wallets[account, kind] += balance
    kinds = {kind for _, kind in wallets}
    people = [season.town.address(name) for name in ("wind", "store", "shop")]
    assert sum(stock.held(who, kind, 2**40).total_wh for who in people for kind in kinds) > 0
    for who in people:
        for kind in kinds:
            held = stock.held(who, kind, 2**40)
            place = kind.vintage + LIFETIME_VINTAGES, who
            offered = sum(
                chain.call("GreenCertificates", "offerOf", market, *place)["offered"]
                for market in stock.market_class
            )
            waiting = sum(
                parcel["length"]
                for market in stock.market_class
                for parcel in chain.call("GreenCertificates", "parcelsOf", market, *place)
            )
            assert (held.wallet_wh, held.offered_wh, held.uncollected_wh) == (
                wallets[who, kind],
                offered,
                waiting,
            )


def test_what_is_owed_shrinks_with_what_is_surrendered_and_ends_with_the_settlement(
    season: GreenSeason,
) -> None:
    platform = season.town.platform
    history = History(platform.chain.rpc_url, platform.deployment)
    state, _ = rebuild(history)
    needs = [
        need
        for need in stock_of(history, state).needs
        if need.account == season.town.address("shop")
    ]
    # Half of 4,001 Wh taken out, 1,200 of it surrendered in two steps, then settled.
    assert [need.need_wh for need in needs] == [2_001, 2_001, 1_601, 901, 801, 0]
