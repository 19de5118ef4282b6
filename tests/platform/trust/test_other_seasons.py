"""Demand response and quotas in a record: the index and the chain tell the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.platform.audit.green_season import open_season
from tests.platform.flexible_mall import DAY, PUBLISHED, Mall
from wattproof.tasks.flow import run_until_idle
from wattproof.trust import indexed, replayed
from wattproof.trust.track_record import LedgerStatement

VOID = 2


def both(platform: Any, account: str) -> LedgerStatement:
    """The statement from the index, held equal to that from the chain."""
    stored = indexed.stated(platform, account)
    replay = replayed.stated(
        platform.chain.rpc_url, platform.deployment, account, block=stored.at.number
    )
    assert stored.to_bytes() == replay.to_bytes()
    return stored


def test_a_record_says_what_demand_response_asked_for_and_got(mall: Mall) -> None:
    reduce = mall.create_programme()
    for ruling in (None, VOID):
        period = mall.today + 1
        event = mall.call_event(reduce, period)
        mall.live_through(period, -1_000)
        mall.let_readings_become_final(period)
        if ruling is not None:
            mall.send(mall.account, "DemandResponse", "dispute", event, mall.account.address)
            mall.send(
                mall.authority, "DemandResponse", "resolve", event, mall.account.address, ruling
            )
        mall.move_to(mall.platform.clock.now() + DAY + 60)
        run_until_idle(mall.platform)
    silent = mall.create_programme(rule=PUBLISHED)
    period = mall.today + 1
    mall.call_event(silent, period, target_w=4_000)
    refused = mall.call_event(reduce, period + 1, target_w=4_000)
    mall.send(mall.account, "DemandResponse", "refuse", refused)
    mall.live_through(period, 0)
    mall.let_readings_become_final(period)

    (market,) = both(mall.platform, mall.address).record.markets
    found = market.windows[1].response
    assert (found.instructed, found.settled, found.excused) == (4, 2, 1)
    assert (found.refused, found.lapsed) == (1, 1)
    # 8 kW in eight slots were asked for, a kWh less a slot is what the meter shows.
    assert (found.target_wh, found.performed_wh) == (16_000, 8_000)
    assert found.performed_ppm is None  # one event says nothing yet
    assert found.incentive_micro > 0
    assert found.penalty_micro > 0


def test_a_record_says_which_quotas_fell_short(tmp_path: Path) -> None:
    for season in open_season(tmp_path / "data", 31_362):
        town = season.town
        quotas = [both(town.platform, town.address(name)).record.quotas for name in town.people]
        settled = [each for each in quotas if each.settled]
        assert settled
        assert sum(each.short for each in settled) >= 1
        for each in settled:
            assert each.shortfall_wh == max(0, each.owed_wh - each.surrendered_wh)
            assert each.penalty_paid_micro <= each.penalty_micro
