"""What people had erased is no finding; what somebody merely deleted is one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from market.messages import Cancellation
from wattproof import audit
from wattproof.meters import service as meters
from wattproof.orders import service as orders
from wattproof.orders.models import OrderRow
from wattproof.privacy import erasure
from wattproof.privacy.models import KeptCancellationRow
from wattproof.rounds.facts import get_market, get_round
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000


@pytest.fixture
def closed(desk: Any) -> Any:
    """A closed round with a settled order, an unfilled one and a cancelled one of one trader."""
    number = desk.open_round()
    desk.buy(0, number, 0, 3_000, 3 * PRICE)
    desk.buy(0, number, 0, 500, PRICE // 2)
    cancelled = desk.buy(0, number, 0, 700, 2 * PRICE)
    desk.sell(1, number, 0, 3_000, PRICE)
    platform = desk.platform
    word = Cancellation(desk.market, number, cancelled.order_hash).sign(
        platform.domain, bytes(desk.traders[0].key)
    )
    with platform.transaction() as session:
        orders.cancel(platform, session, "0x" + cancelled.order_hash.hex(), word)
    desk.close_gate(number)
    run_until_idle(platform)
    with platform.transaction() as session:
        period = get_round(session, desk.market, number).period
        ends = meters.period_end(get_market(session, desk.market), period)
    desk.move_to(ends + meters.POST_WINDOW_S + 1)
    run_until_idle(platform)
    with platform.transaction() as session:
        assert get_round(session, desk.market, number).state == "closed"
    return desk


def _erase(desk: Any) -> erasure.Outcome:
    with desk.platform.transaction() as session:
        return erasure.erase(desk.platform, session, str(desk.traders[0].address))


def _replay(desk: Any) -> audit.Report:
    platform = desk.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def test_a_replay_after_an_erasure_is_equal_and_says_what_was_erased(closed: Any) -> None:
    assert _replay(closed).erased == {}
    done = _erase(closed)
    assert done.finished
    report = _replay(closed)
    assert report.findings == []
    assert report.erased["signed_order"] == done.erased["signed_order"] == 3
    assert report.to_json()["erased"]["signed_order"] == 3
    with closed.platform.transaction() as session:
        trader = str(closed.traders[0].address)
        left = session.exec(select(OrderRow).where(OrderRow.trader == trader)).all()
        assert {(row.receipt_signature, row.received_at) for row in left} == {(None, 0)}
        assert len(left) == 2
        assert len(session.exec(select(KeptCancellationRow)).all()) == 1


def test_an_erasure_covers_no_order_that_the_chain_has(closed: Any) -> None:
    _erase(closed)
    with closed.platform.transaction() as session:
        session.delete(session.exec(select(OrderRow).where(OrderRow.fill == 3_000)).first())
    report = _replay(closed)
    assert [(f.place, f.what) for f in report.findings] == [("signed_order", "row")]


def test_an_erasure_covers_no_altered_column_of_what_is_left(closed: Any) -> None:
    _erase(closed)
    with closed.platform.transaction() as session:
        row = session.exec(select(OrderRow).where(OrderRow.fill == 3_000)).first()
        assert row is not None
        row.payment_micro = (row.payment_micro or 0) + 1
        session.add(row)
    assert [f.what for f in _replay(closed).findings] == ["payment_micro"]
