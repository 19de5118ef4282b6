from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from devnet import accounts
from wattproof.accounts import service as ledger
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from wattproof.gateway import outbox
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow, ReadingRow
from wattproof.meters.service import Readings
from wattproof.meters.values import pack, unpack
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_market, get_round
from wattproof.tasks.flow import run_until_idle

PRICE = 100_000_000
SLOTS = 8
FIRST_DEVICE = 20


def _device(trader: int) -> Any:
    return accounts.account(FIRST_DEVICE + trader)


def _register(desk: Any, *traders: int) -> None:
    with desk.platform.transaction() as session:
        for trader in traders:
            meters.register_device(
                desk.platform,
                session,
                device=str(_device(trader).address),
                market=desk.market,
                account=str(desk.traders[trader].address),
                carrier=0,
                capacity_w=50_000,
            )
    run_until_idle(desk.platform)


def _readings(desk: Any, trader: int, period: int, values: dict[int, int | None]) -> Readings:
    return Readings(
        device=str(_device(trader).address),
        market=desk.market,
        period=period,
        values_wh=tuple(values.get(slot, 0) for slot in range(SLOTS)),
    )


def _post(desk: Any, readings: Readings, trader: int) -> ReadingRow:
    signature = readings.sign(meters.domain(desk.platform), bytes(_device(trader).key))
    with desk.platform.transaction() as session:
        return meters.post_readings(desk.platform, session, readings, signature)


def _traded(desk: Any) -> tuple[int, int]:
    """Trader 1 sells 3 kWh to trader 0 in slot 0; returns round and period."""
    number = desk.open_round()
    desk.buy(0, number, 0, 3_000, 3 * PRICE)
    desk.sell(1, number, 0, 3_000, PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        row = get_round(session, desk.market, number)
    assert row.state == "confirmed"
    return number, row.period


def _end(desk: Any, period: int) -> int:
    with desk.platform.transaction() as session:
        return meters.period_end(get_market(session, desk.market), period)


def _balance(desk: Any, trader: int) -> Any:
    with desk.platform.transaction() as session:
        found = ledger.balances(session, str(desk.traders[trader].address))
    return found, found.markets[0]


def test_positions_close_by_themselves_once_readings_are_final(desk: Any) -> None:
    _register(desk, 0, 1)
    number, period = _traded(desk)
    desk.move_to(_end(desk, period) + 1)
    # The buyer took all, the seller delivered 2 of 3 kWh.
    _post(desk, _readings(desk, 0, period, {0: 3_000}), 0)
    _post(desk, _readings(desk, 1, period, {0: -2_000}), 1)
    run_until_idle(desk.platform)
    desk.move_to(_end(desk, period) + meters.DISPUTE_WINDOW_S + 100)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        closures = {row.account: row for row in session.exec(select(ClosureRow)).all()}
        row = get_round(session, desk.market, number)
    assert row.state == "closed"
    buyer = closures[str(desk.traders[0].address)]
    seller = closures[str(desk.traders[1].address)]
    assert (buyer.closed, buyer.charge_micro) == (True, 0)
    # 1 kWh missing at the price of 0.2 plus a fifth of it.
    assert (seller.closed, seller.charge_micro) == (True, 240_000)
    found, market = _balance(desk, 1)
    assert market.locked_micro == 0
    # Proceeds of 0.6 and the collateral of 3 tokens are free, less the charge.
    assert sum(found.free_micro.values()) == 1_000_000_000 + 600_000 + 3_000_000 - 240_000


def test_who_has_no_reading_is_judged_after_the_post_window(desk: Any) -> None:
    _register(desk, 0)
    number, period = _traded(desk)
    desk.move_to(_end(desk, period) + 1)
    _post(desk, _readings(desk, 0, period, {0: 3_000}), 0)
    run_until_idle(desk.platform)
    desk.move_to(_end(desk, period) + meters.DISPUTE_WINDOW_S + 100)
    run_until_idle(desk.platform)
    assert _balance(desk, 0)[1].locked_micro == 0
    assert _balance(desk, 1)[1].locked_micro > 0
    desk.move_to(_end(desk, period) + meters.POST_WINDOW_S + 100)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        key = (desk.market, period, str(desk.traders[1].address))
        seller = session.get(ClosureRow, key)
        assert get_round(session, desk.market, number).state == "closed"
    assert seller is not None
    assert seller.charge_micro == 720_000  # all 3 kWh at 0.24


def test_a_trader_without_a_position_in_one_of_two_rounds_closes_with_a_proof_of_absence(
    desk: Any,
) -> None:
    _register(desk, 0, 1, 2)
    first, period = _traded(desk)
    with desk.platform.transaction() as session:
        row = get_round(session, desk.market, first)
        second = rounds.open_round(
            desk.platform,
            session,
            desk.market,
            gate_at=desk.now() + 50,
            first_slot=row.first_slot + 2,
            slots=2,
        ).number
    run_until_idle(desk.platform)
    desk.buy(2, second, 0, 1_000, 3 * PRICE)
    desk.sell(1, second, 0, 1_000, PRICE)
    desk.close_gate(second)
    run_until_idle(desk.platform)
    desk.move_to(_end(desk, period) + 1)
    _post(desk, _readings(desk, 0, period, {0: 3_000}), 0)
    _post(desk, _readings(desk, 1, period, {0: -3_000, 2: -1_000}), 1)
    _post(desk, _readings(desk, 2, period, {2: 1_000}), 2)
    run_until_idle(desk.platform)
    desk.move_to(_end(desk, period) + meters.DISPUTE_WINDOW_S + 100)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        states = {get_round(session, desk.market, number).state for number in (first, second)}
        closures = session.exec(select(ClosureRow)).all()
    assert states == {"closed"}
    assert [row.charge_micro for row in closures] == [0, 0, 0]


def test_readings_are_refused_before_the_period_ends_and_long_after(desk: Any) -> None:
    _register(desk, 0)
    period = desk.now() // (SLOTS * 900) + 1
    with pytest.raises(RefusedError, match="not over"):
        _post(desk, _readings(desk, 0, period, {}), 0)
    desk.move_to(_end(desk, period) + meters.POST_WINDOW_S + 10)
    with pytest.raises(RefusedError, match="arrive by"):
        _post(desk, _readings(desk, 0, period, {}), 0)


def test_readings_of_a_wrong_key_size_or_length_are_refused(desk: Any) -> None:
    _register(desk, 0)
    period = desk.now() // (SLOTS * 900) + 1
    desk.move_to(_end(desk, period) + 1)
    with pytest.raises(InvalidError, match="signed by"):
        _post(desk, _readings(desk, 0, period, {}), 1)
    with pytest.raises(InvalidError, match="beyond"):
        _post(desk, _readings(desk, 0, period, {3: 12_501}), 0)
    short = Readings(str(_device(0).address), desk.market, period, (0,) * 7)
    with pytest.raises(InvalidError, match="8 slots"):
        _post(desk, short, 0)
    unknown = Readings(str(_device(5).address), desk.market, period, (0,) * 8)
    with pytest.raises(NotFoundError):
        _post(desk, unknown, 5)


def test_a_device_cannot_say_two_things_about_a_period(desk: Any) -> None:
    _register(desk, 0)
    period = desk.now() // (SLOTS * 900) + 1
    desk.move_to(_end(desk, period) + 1)
    _post(desk, _readings(desk, 0, period, {0: 5, 1: None}), 0)
    _post(desk, _readings(desk, 0, period, {0: 5, 1: None}), 0)
    with pytest.raises(ConflictError):
        _post(desk, _readings(desk, 0, period, {0: 6}), 0)
    run_until_idle(desk.platform)
    with desk.platform.transaction() as session:
        row = session.exec(select(ReadingRow)).one()
    assert row.chain_status == "Posted"
    assert row.values_wh[:3] == [5, None, 0]


@pytest.mark.parametrize("values", [[], [0], [None, -(2**31) + 1, 2**31 - 1, -5]])
def test_packed_readings_are_read_back(values: list[int | None]) -> None:
    assert unpack(pack(values)) == values


@pytest.mark.parametrize("value", [2**31, -(2**31)])
def test_a_reading_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(InvalidError, match="does not fit"):
        pack([value])


def _reserve(desk: Any, trader: int, period: int) -> None:
    """The contract of credits reserves slot 0, as it does when the trader joins a window."""
    chain, account = desk.platform.chain, str(desk.traders[trader].address)
    claimant = chain.address("EnergyCredits")
    chain.request("anvil_impersonateAccount", claimant)
    chain.request("anvil_setBalance", claimant, hex(10**18))
    sent = chain.request(
        "eth_sendTransaction",
        {
            "from": claimant,
            "to": chain.address("Deviations"),
            "data": chain.encode("Deviations", "reserve", desk.market, account, 0, period, 1),
        },
    )
    desk.mined(sent)
    assert chain.call_many([("Deviations", "taken", (desk.market, account, 0, period))]) == [1]


def test_closing_waits_for_what_may_still_be_claimed_and_does_not_try_meanwhile(desk: Any) -> None:
    _register(desk, 0, 1)
    _number, period = _traded(desk)
    _reserve(desk, 1, period)
    desk.move_to(_end(desk, period) + 1)
    for trader, wh in ((0, 3_000), (1, -3_000)):
        _post(desk, _readings(desk, trader, period, {0: wh}), trader)
    run_until_idle(desk.platform)
    desk.move_to(_end(desk, period) + meters.DISPUTE_WINDOW_S + 100)
    run_until_idle(desk.platform)

    def closed(trader: int) -> bool:
        with desk.platform.transaction() as session:
            key = (desk.market, period, str(desk.traders[trader].address))
            row = session.get(ClosureRow, key)
        return row is not None and row.closed

    assert (closed(0), closed(1)) == (True, False)
    with desk.platform.transaction() as session:
        assert meters.close_imbalance(desk.platform, session, desk.market, period) == 0
        key = f"close:{desk.market}:{period}:{desk.traders[1].address}"
        assert outbox.find(session, key) is None  # nothing was sent only to be refused
    # Nobody claimed it: the reservation is dead, and the position closes by itself.
    asked = ("Deviations", "claimBy", (desk.market, period))
    (claim_by,) = desk.platform.chain.call_many([asked])
    desk.move_to(claim_by + 1)
    run_until_idle(desk.platform)
    assert closed(1)
