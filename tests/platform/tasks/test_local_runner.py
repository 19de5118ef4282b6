from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from market.certificate import CertificateError
from wattproof.accounts import service as ledger
from wattproof.errors import WattproofError
from wattproof.indexer.models import BlockRow
from wattproof.rounds.facts import get_round
from wattproof.runtime import Platform
from wattproof.tasks.flow import run_until_idle, tick
from wattproof.tasks.local import LocalRunner

PRICE = 100_000_000


def _wait(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not done():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def test_the_runner_carries_a_round_through_by_itself(desk: Any) -> None:
    platform = desk.platform

    def state(number: int) -> str:
        with platform.transaction() as session:
            return str(get_round(session, desk.market, number).state)

    number = desk.open_round()
    desk.buy(0, number, 0, 100, PRICE)
    with LocalRunner(platform) as runner:
        desk.close_gate(number)
        runner.wake()
        _wait(lambda: state(number) == "confirmed")
        assert runner.failure is None


def test_the_runner_stops_when_the_chain_was_replaced(desk: Any) -> None:
    platform = desk.platform
    with platform.transaction() as session:
        for row in session.exec(select(BlockRow)).all():
            row.hash = "0x" + "22" * 32
            session.add(row)
    with LocalRunner(platform) as runner:
        _wait(lambda: runner.failure is not None)


def test_the_runner_goes_on_after_the_chain_was_silent(desk: Any) -> None:
    platform = desk.platform
    address = platform.chain.rpc_url
    provider = platform.chain._provider
    provider.endpoint_uri = "http://127.0.0.1:1"
    trader = str(desk.traders[0].address)
    with platform.transaction() as session:
        ledger.mint(platform, session, trader, 5, key="later")
    with LocalRunner(platform) as runner:
        time.sleep(0.2)
        assert runner.failure is None
        provider.endpoint_uri = address
        runner.wake()
        _wait(lambda: ledger.wallet_balance(platform, trader) == 5)


def test_what_does_not_certify_is_never_submitted_and_other_rounds_go_on(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = desk.platform
    number = desk.open_round()
    desk.buy(0, number, 0, 100, PRICE)
    desk.close_gate(number)

    def refuse(*_: object) -> None:
        raise CertificateError("gap", "far from the best")

    monkeypatch.setattr("market.certificate.check", refuse)
    run_until_idle(platform)
    with platform.transaction() as session:
        row = get_round(session, desk.market, number)
    assert row.state == "gate_closed"
    assert row.error is not None
    assert "far from the best" in row.error
    monkeypatch.undo()
    run_until_idle(platform)
    with platform.transaction() as session:
        assert get_round(session, desk.market, number).state == "confirmed"


def test_coming_to_rest_has_a_time_limit(platform: Platform) -> None:
    with platform.transaction() as session:
        ledger.mint(platform, session, platform.chain.address("Ledger"), 5, key="x")
    with pytest.raises(WattproofError, match="rest"):
        run_until_idle(platform, timeout_s=-1)


def test_a_tick_without_work_changes_nothing(platform: Platform) -> None:
    run_until_idle(platform)
    assert tick(platform) is False
