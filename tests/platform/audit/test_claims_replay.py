"""Credits and demand response are measured again from the chain; what is forged is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlmodel import select

from market.order import Leg, Order, sign_order
from tests.platform.audit.forgeries import (
    changed,
    last_indexed,
    one_argument_changed,
    one_event_hidden,
    other,
)
from tests.platform.flexible_mall import (
    CREDITS,
    DAY,
    ENERGY,
    PUBLISHED,
    SLOTS,
    USUAL_WH,
    WINDOW,
    Mall,
    MallTemplate,
    open_copy,
)
from wattproof import audit
from wattproof.audit import against_chain, against_store
from wattproof.audit.findings import Finding
from wattproof.audit.history import Entry, History
from wattproof.audit.replay import rebuild
from wattproof.indexer.models import EventRow
from wattproof.meters.values import pack
from wattproof.orders import service as orders
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.store.engine import transaction
from wattproof.tasks.flow import run_until_idle

PRICE = 150_000_000
CONTRACTS = ("EnergyCredits", "DemandResponse", "Deviations")
VOID = 2
# Who called, or used up what, where no balance or right depends on it.
INFORMATIVE = {
    *(f"{contract}.AuthorityUpdated.authority" for contract in CONTRACTS),
    "EnergyCredits.Transfer.caller",
    "EnergyCredits.CreditsRedeemed.holder",
    "EnergyCredits.CreditsSpent.market",
    "DemandResponse.Disputed.by",
}


@dataclass(frozen=True)
class Season:
    """Everything that credits and demand response can go through, and the chain's account of it."""

    mall: Mall
    history: History

    def findings(self, forged: list[Entry] | None = None) -> list[Finding]:
        """What a replay of the history says, with some of its entries forged."""
        history = History(self.mall.platform.chain.rpc_url, self.mall.platform.deployment)
        history._read = list(self.history.entries()) if forged is None else forged
        state, report = rebuild(history)
        against_chain.compare(state, history.chain, history.head, report)
        return report.findings


@pytest.fixture(scope="module")
def season(
    mall_template: MallTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Season]:
    for mall in open_copy(mall_template, tmp_path_factory.mktemp("season") / "data"):
        _live_a_season(mall)
        yield Season(mall, History(mall.platform.chain.rpc_url, mall.platform.deployment))


def _live_a_season(mall: Mall) -> None:
    owner, account = mall.owner, mall.account
    expiry = (mall.today + 40) * DAY
    measured = mall.open_series(expiry)
    published = mall.open_series(expiry + DAY, PUBLISHED)
    mall.send(owner, "EnergyCredits", "bindMarket", CREDITS, owner.address)

    # Credits against ten like days, then against a published baseline, then an event that is
    # settled, one that is ruled void, one to consume more, and one without a baseline: it lapses.
    period = mall.today + 1
    mall.join(mall.announce(measured, period))
    mall.live_through(period, -3_000)
    mall.let_readings_become_final(period)

    period = mall.today + 1
    window = mall.announce(published, period)
    values = pack([USUAL_WH + 500] * SLOTS)
    mall.send(owner, "EnergyCredits", "publishBaseline", window, account.address, values)
    mall.join(window)
    mall.live_through(period, -1_000)
    mall.let_readings_become_final(period)

    reduce = mall.create_programme()
    for ruling in (None, VOID):
        period = mall.today + 1
        event = mall.call_event(reduce, period)
        mall.live_through(period, -1_000)
        mall.let_readings_become_final(period)
        if ruling is not None:
            mall.send(account, "DemandResponse", "dispute", event, account.address)
            mall.send(mall.authority, "DemandResponse", "resolve", event, account.address, ruling)
        mall.move_to(mall.platform.clock.now() + DAY + 60)
        run_until_idle(mall.platform)

    increase = mall.create_programme(direction=1)
    period = mall.today + 1
    mall.call_event(increase, period, target_w=4_000)
    mall.live_through(period, +2_000)
    mall.let_readings_become_final(period)

    silent = mall.create_programme(rule=PUBLISHED)
    period = mall.today + 1
    mall.call_event(silent, period, target_w=4_000)
    refused = mall.call_event(increase, period + 1, target_w=4_000)
    mall.send(account, "DemandResponse", "refuse", refused)
    mall.live_through(period, 0)
    mall.let_readings_become_final(period)

    _sell_credits(mall, expiry // DAY - 1)
    mall.send(account, "EnergyCredits", "redeem", measured, 2_000, account.address)
    mall.send(account, "EnergyCredits", "spend", measured, 1_000, ENERGY)
    mall.send(account, "EnergyCredits", "transfer", mall.other.address, measured, 500)
    mall.send(owner, "EnergyCredits", "defund", measured, 1_000, owner.address)
    mall.send(account, "DemandResponse", "addBond", reduce, 1_000)
    mall.send(account, "DemandResponse", "leaveProgramme", reduce)
    mall.send(owner, "DemandResponse", "defund", reduce, 1_000)
    run_until_idle(mall.platform)


def _sell_credits(mall: Mall, slot: int) -> None:
    """Offered, sold in a round, the rest recalled."""
    platform = mall.platform
    token = platform.chain.address("SettlementToken")
    for trader in (mall.account, mall.other):
        mall.send(trader, "Ledger", "deposit", token, 10**7, trader.address)
        mall.send(trader, "Ledger", "addMargin", CREDITS, 10**7)
    mall.send(mall.account, "EnergyCredits", "offer", CREDITS, slot, 9_000)
    with platform.transaction() as session:
        gate_at = platform.clock.now() + 100
        row = rounds.open_round(
            platform, session, CREDITS, gate_at=gate_at, first_slot=slot, slots=1
        )
        number = row.number
    run_until_idle(platform)
    for trader, sign in ((mall.account, -1), (mall.other, 1)):
        order = Order(
            market=CREDITS,
            round=number,
            legs=(Leg(slot, sign * 1_000_000),),
            max_units=6_000,
            limit=sign * PRICE,
            trader=str(trader.address),
            epoch=0,
            salt=1,
        )
        signature = sign_order(platform.domain, order, bytes(trader.key))
        with platform.transaction() as session:
            orders.submit(platform, session, order, signature)
    mall.move_to(gate_at)
    run_until_idle(platform)
    with platform.transaction() as session:
        assert get_round(session, CREDITS, number).state == "closed"
    mall.send(mall.account, "EnergyCredits", "requestRecall", CREDITS, slot, 3_000)


def test_a_season_of_credits_events_and_token_rounds_replays_equal(season: Season) -> None:
    platform = season.mall.platform
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
    happened = {(e.event.contract, e.event.name) for e in season.history.entries()}
    assert happened >= {
        ("EnergyCredits", "BaselinePublished"),
        ("EnergyCredits", "CreditsIssued"),
        ("EnergyCredits", "Delivered"),
        ("DemandResponse", "Resolved"),
        ("DemandResponse", "Lapsed"),
        ("DemandResponse", "Refused"),
        ("Deviations", "Released"),
    }


# -- the database ----------------------------------------------------------------------------------


def _findings_of_database(season: Season, alter: Callable[[EventRow], None], name: str) -> set[str]:
    """Where an audit finds fault when one indexed event is altered; the alteration is undone."""
    state, report = rebuild(season.history)
    with transaction(season.mall.platform.engine) as session:
        row = last_indexed(session, CONTRACTS, name)
        alter(row)
        session.flush()
        against_store.compare(state, season.history, session, report)
        session.rollback()
    return {finding.place for finding in report.findings}


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("CreditsIssued", "amount"),
        ("WindowJoined", "capWh"),
        ("WindowAnnounced", "budgetWh"),
        ("BaselinePublished", "values"),
        ("CreditsRedeemed", "value"),
        ("Reported", "performanceWh"),
        ("Settled", "incentive"),
        ("Instructed", "targetW"),
        ("Enrolled", "since"),
        ("Reserved", "slots"),
        ("Used", "values"),
    ],
)
def test_an_altered_event_in_the_database_is_named(
    season: Season, name: str, argument: str
) -> None:
    def alter(row: EventRow) -> None:
        row.args = {**row.args, argument: other(row.args[argument])}

    assert _findings_of_database(season, alter, name) == {"chain_event"}


def test_an_event_that_the_chain_never_had_is_named(season: Season) -> None:
    def move(row: EventRow) -> None:
        row.log_index = 10_000

    assert "chain_event" in _findings_of_database(season, move, "CreditsIssued")


@pytest.mark.parametrize("name", ["CreditsIssued", "Reported", "WindowJoined"])
def test_an_event_left_out_of_the_database_is_named(season: Season, name: str) -> None:
    state, report = rebuild(season.history)
    with transaction(season.mall.platform.engine) as session:
        row = session.exec(select(EventRow).where(EventRow.name == name)).first()
        assert row is not None
        session.delete(row)
        session.flush()
        against_store.compare(state, season.history, session, report)
        session.rollback()
    assert {(f.place, f.what) for f in report.findings} == {("chain_event", "row")}


# -- the chain's account of it ---------------------------------------------------------------------


def test_no_argument_of_any_event_can_be_changed_unnoticed(season: Season) -> None:
    assert season.findings() == []
    forgeries = one_argument_changed(season.history, CONTRACTS)
    missed = {what for what, forged in forgeries if not season.findings(forged)}
    assert missed == INFORMATIVE


def test_no_event_can_be_hidden(season: Season) -> None:
    hidden = one_event_hidden(season.history, CONTRACTS)
    missed = {what for what, forged in hidden if not season.findings(forged)}
    assert missed == {f"{contract}.AuthorityUpdated" for contract in CONTRACTS}


def test_an_issue_that_the_readings_do_not_show_is_named(season: Season) -> None:
    findings = season.findings(changed(season.history, "CreditsIssued", amount=10_001))
    assert findings[0].place == "EnergyCredits.CreditsIssued"
    assert "is 10001, derived is" in findings[0].detail


def test_a_settlement_with_other_payments_is_named(season: Season) -> None:
    findings = season.findings(changed(season.history, "Settled", incentive=1))
    assert findings[0].place == "DemandResponse.Settled"
    assert findings[0].what == "payment"


def test_a_deviation_used_in_a_slot_never_reserved_is_named(season: Season) -> None:
    values = [0] * SLOTS
    values[WINDOW.stop] = 5
    findings = season.findings(changed(season.history, "Used", values=values))
    assert (findings[0].place, findings[0].what) == ("Deviations.Used", f"slot {WINDOW.stop}")
