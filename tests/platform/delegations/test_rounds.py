"""Rounds with orders that session delegates signed, from acceptance to the replay."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from market.order import order_to_json, sign_order
from tests.platform.delegating import PRICE, Delegating
from wattproof import audit
from wattproof.delegations.models import NamedRow, SessionRow
from wattproof.explanations import service as explanations
from wattproof.gateway import outbox
from wattproof.indexer.service import Indexer
from wattproof.orders import service as orders
from wattproof.profiles import open_platform
from wattproof.rounds.facts import get_round
from wattproof.rounds.models import TraderFactsRow
from wattproof.settings import Settings
from wattproof.tasks.flow import run_until_idle


def _life(delegating: Delegating, receipt: Any) -> orders.OrderLife:
    with delegating.desk.platform.transaction() as session:
        return orders.life(session, "0x" + receipt.order_hash.hex())


def _settle(delegating: Delegating, number: int) -> None:
    delegating.desk.close_gate(number)
    run_until_idle(delegating.desk.platform)
    with delegating.desk.platform.transaction() as session:
        row = get_round(session, delegating.desk.market, number)
        assert row.state in ("confirmed", "delivered"), (row.state, row.error)


def _replay(delegating: Delegating) -> audit.Report:
    platform = delegating.desk.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def _force(delegating: Delegating, *signed: Any) -> None:
    platform = delegating.desk.platform
    with platform.transaction() as session:
        for place, (order, signature) in enumerate(signed):
            fields = order_to_json(order)
            outbox.call(
                session,
                platform.chain,
                "Exchange",
                "submitOrder",
                {
                    **{name: fields[name] for name in ("market", "round", "trader", "epoch")},
                    "legs": [(leg.product, leg.coefficient) for leg in order.legs],
                    "maxUnits": order.max_units,
                    "limit": order.limit,
                    "salt": order.salt,
                },
                signature,
                key=f"force:{place}",
                signer=str(delegating.desk.traders[3].address),
                gas_limit=300_000,
            )
    run_until_idle(platform)


def test_a_delegates_orders_settle_and_the_replay_finds_no_difference(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    bought = delegating.trade(number, 3_000, 3 * PRICE)
    sold = delegating.trade(number, -2_000, PRICE, slot=1)
    own = delegating.desk.buy(0, number, 2, 500, 3 * PRICE)
    delegating.desk.sell(1, number, 0, 3_000, PRICE)
    delegating.desk.sell(1, number, 2, 400, PRICE)
    delegating.desk.buy(2, number, 1, 5_000, 3 * PRICE)
    _settle(delegating, number)
    fills = [_life(delegating, each).fill_units for each in (bought, sold, own)]
    assert fills == [3_000, 2_000, 400]
    report = _replay(delegating)
    assert report.findings == []
    assert report.checked["delegate_session"] > 0
    with delegating.desk.platform.transaction() as session:
        facts = session.exec(select(TraderFactsRow)).all()
    assert [fact.session is not None for fact in facts if fact.trader == delegating.principal] == [
        True
    ]
    assert all(fact.session is None for fact in facts if fact.trader != delegating.principal)


def test_what_was_accepted_counts_for_nothing_where_the_owner_revokes_before_the_gate(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    revoked = delegating.trade(number, 3_000, 3 * PRICE)
    own = delegating.desk.buy(0, number, 0, 1_000, 2 * PRICE)
    delegating.desk.sell(1, number, 0, 5_000, PRICE)
    delegating.revoke()
    _settle(delegating, number)
    life = _life(delegating, revoked)
    assert (life.maximum_units, life.fill_units) == (0, 0)
    assert life.why == "who signed it was not the trader's delegate for this round"
    assert _life(delegating, own).fill_units == 1_000
    assert _replay(delegating).findings == []


def test_what_the_owner_revokes_after_the_gate_settles_all_the_same(
    delegating: Delegating,
) -> None:
    session = delegating.authorise()
    number = delegating.desk.open_round()
    bought = delegating.trade(number, 3_000, 3 * PRICE)
    delegating.desk.sell(1, number, 0, 5_000, PRICE)
    with delegating.desk.platform.transaction() as database:
        gate_at = get_round(database, delegating.desk.market, number).gate_at
    delegating.desk.move_to(gate_at)
    delegating.revoke()  # the platform has not closed the gate yet when this is sent
    run_until_idle(delegating.desk.platform)
    assert _life(delegating, bought).fill_units == 3_000
    found = delegating.indexed()
    assert (found.session, found.before, found.from_round) == (None, session, number + 1)
    assert _replay(delegating).findings == []


def test_orders_that_a_delegate_signed_can_be_forced_and_count_within_the_session_alone(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.desk.sell(1, number, 0, 20_000, PRICE)
    within = delegating.order(number, 4_000, 3 * PRICE)
    beyond = delegating.order(number, 1_000, 4 * PRICE)
    dear = Delegating(delegating.desk, delegating.delegate).order(number, 9_000, 3 * PRICE)
    _force(delegating, within, beyond, dear)
    _settle(delegating, number)
    with delegating.desk.platform.transaction() as session:
        rows = {
            (row.max_units, row.limit_nano_per_kwh): row
            for row in orders.list_orders(session, round=number)
            if row.forced
        }
    assert len(rows) == 3
    assert {row.delegate for row in rows.values()} == {delegating.delegate.address}
    assert rows[4_000, 3 * PRICE].fill == 4_000
    assert rows[1_000, 4 * PRICE].maximum == rows[9_000, 3 * PRICE].maximum == 0
    assert "beyond what the trader's delegate may sign" in str(rows[1_000, 4 * PRICE].why)
    assert _replay(delegating).findings == []


def test_a_delegates_order_that_was_receipted_and_then_forced_is_one_order(
    delegating: Delegating,
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.desk.sell(1, number, 0, 20_000, PRICE)
    signed = delegating.order(number, 4_000, 3 * PRICE)
    delegating.desk.submit(signed)
    _force(delegating, signed)
    assert delegating.desk.submit(signed)[0].order_hash is not None
    _settle(delegating, number)
    assert _replay(delegating).findings == []


def test_chunks_carry_what_the_delegate_has_bought_so_far(delegating: Delegating) -> None:
    platform = delegating.desk.platform
    object.__setattr__(
        platform, "settings", platform.settings.model_copy(update={"chunk_orders": 2})
    )
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.desk.sell(1, number, 0, 20_000, PRICE)
    receipts = [delegating.trade(number, 1_000, 3 * PRICE) for _ in range(5)]
    extra = [delegating.order(number, 1_000, 3 * PRICE) for _ in range(3)]
    _force(delegating, *extra)
    _settle(delegating, number)
    with platform.transaction() as session:
        rows = [row for row in orders.list_orders(session, round=number) if row.delegate]
    assert len(rows) == len(receipts) + len(extra)
    assert sum(row.maximum or 0 for row in rows) == 5_000
    assert _replay(delegating).findings == []


def test_an_order_of_several_legs_is_bounded_as_a_whole(delegating: Delegating) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.desk.sell(1, number, 0, 5_000, PRICE)
    delegating.desk.buy(2, number, 3, 5_000, 4 * PRICE)
    made = []
    for limit in (2 * PRICE, 3 * PRICE):
        # 1,000 units take 1 kWh at 0.3 at most and give 0.9 kWh at 0.1 at least: worth 0.21.
        order, _ = delegating.desk.order(0, number, 1_000, limit, (0, 1_000_000), (3, -900_000))
        key = bytes(delegating.delegate.key)
        made.append((order, sign_order(delegating.desk.platform.domain, order, key)))
    _force(delegating, *made)
    _settle(delegating, number)
    with delegating.desk.platform.transaction() as session:
        rows = {r.limit_nano_per_kwh: r for r in orders.list_orders(session, round=number)}
        cleared = explanations.cleared_round(
            delegating.desk.platform, session, delegating.desk.market, number
        )
    assert (rows[2 * PRICE].maximum, rows[3 * PRICE].maximum) == (1_000, 0)
    assert {each.breach for each in cleared.judgements} == {None, "price"}
    assert _replay(delegating).findings == []


def test_a_reorganisation_takes_a_session_back_and_brings_it_again(
    delegating: Delegating,
) -> None:
    platform = delegating.desk.platform
    first = delegating.authorise()
    delegating.desk.open_round()
    snapshot = platform.chain.request("evm_snapshot")
    time_before = delegating.desk.now()
    successor = Delegating(delegating.desk)
    second = successor.authorise()
    assert delegating.indexed().session == second
    platform.chain.request("evm_revert", snapshot)
    platform.chain.request("evm_setNextBlockTimestamp", time_before + 7)
    platform.chain.request("evm_mine")
    assert platform.indexer.catch_up().rolled_back > 0
    assert delegating.indexed().session == first
    with platform.transaction() as session:
        named = {row.delegate for row in session.exec(select(NamedRow)).all()}
    assert named == {delegating.delegate.address}
    run_until_idle(platform)  # the same bytes again
    assert delegating.indexed().session == second
    assert _replay(delegating).findings == []


def test_an_index_built_anew_knows_the_same_sessions_and_signers(
    delegating: Delegating, tmp_path: Any
) -> None:
    delegating.authorise()
    number = delegating.desk.open_round()
    delegating.desk.sell(1, number, 0, 20_000, PRICE)
    _force(delegating, delegating.order(number, 4_000, 3 * PRICE))
    delegating.revoke()
    grown = delegating.desk.platform
    fresh = Settings(
        data_dir=tmp_path / "fresh",
        rpc_url=grown.chain.rpc_url,
        deployment_file=grown.settings.deployment_path,
    )
    with open_platform(fresh) as platform:
        Indexer(platform.engine, platform.chain, blocks=3).catch_up()
        with platform.transaction() as new, grown.transaction() as old:
            for model in (SessionRow, NamedRow):
                rows = [
                    [row.model_dump() for row in side.exec(select(model)).all()]
                    for side in (new, old)
                ]
                assert rows[0] == rows[1] != []
            forced = [
                [(r.digest, r.delegate) for r in orders.list_orders(side) if r.forced]
                for side in (new, old)
            ]
    assert forced[0] == forced[1] == [(forced[1][0][0], delegating.delegate.address)]


@pytest.mark.parametrize("revokes", [True, False])
def test_a_change_before_a_round_is_opened_acts_from_its_first_round_on(
    delegating: Delegating, revokes: bool
) -> None:
    session = delegating.authorise()
    assert delegating.indexed().from_round == 1
    if revokes:
        delegating.revoke()
    number = delegating.desk.open_round()
    assert delegating.indexed().in_round(number) == (None if revokes else session)
    assert delegating.indexed().in_round(0) is None
