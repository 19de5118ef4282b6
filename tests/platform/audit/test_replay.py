from __future__ import annotations

from typing import Any

import pytest

from wattproof import audit
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000


@pytest.fixture
def settled(desk: Any) -> Any:
    """Two settled rounds: one product by product, one coupled, and an open one with an order."""
    first = desk.open_round()
    desk.buy(0, first, 0, 5_000, 3 * PRICE)
    desk.sell(1, first, 0, 3_000, PRICE)
    desk.buy(2, first, 0, 2_000, 3 * PRICE)
    desk.sell(3, first, 1, 700, 2 * PRICE)
    desk.close_gate(first)
    run_until_idle(desk.platform)
    second = desk.open_round()
    desk.submit(desk.order(0, second, 1_000, PRICE, (0, 1_000_000), (3, -900_000)))
    desk.sell(1, second, 0, 5_000, PRICE)
    desk.buy(2, second, 3, 5_000, 4 * PRICE)
    desk.close_gate(second)
    run_until_idle(desk.platform)
    third = desk.open_round()
    desk.buy(3, third, 2, 900, PRICE)
    run_until_idle(desk.platform)
    return desk


def _replay(desk: Any) -> audit.Report:
    platform = desk.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def test_the_replay_of_an_untouched_installation_is_equal(settled: Any) -> None:
    report = _replay(settled)
    assert report.findings == []
    assert [(done.orders, done.coupled) for done in report.rounds] == [(4, False), (3, True)]
    assert report.checked["signed_order"] > 40
    assert report.checked["events"] > 20
