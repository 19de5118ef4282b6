"""A demo day's checks hold of an honest round, and each fails where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from devnet import accounts
from market.bid import Bid
from market.chp_power import MANIFEST
from wattproof.demo import cast as casting
from wattproof.demo import checks, metering, trading
from wattproof.demo.cast import Cast
from wattproof.demo.presentation import Presentation
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.errors import WattproofError
from wattproof.meters import service as meters
from wattproof.runtime import Platform

RULES = MANIFEST.rules
DAY = RULES.slot_seconds * RULES.period_slots
BIDS = (
    Bid("plant", 0, -8_000, 50_000_000),
    Bid("plant", 1, -4_000, 50_000_000),
    Bid("town", 0, 6_000, 90_000_000),
    Bid("town", 1, 6_000, 90_000_000),
)


@dataclass
class Day:
    stage: Stage
    cast: Cast
    traded: TradedRound

    def failing(self, traded: TradedRound) -> set[str]:
        return {check.name for check in checks.round_checks(self.stage, traded) if not check.ok}


@pytest.fixture
def day(platform: Platform) -> Day:
    stage = Stage(platform, Presentation(as_json=True))
    cast = casting.gather(stage, ["plant", "town"])
    market = casting.make_market(stage, MANIFEST)
    with platform.transaction() as session:
        for member in cast.members.values():
            casting.identify(stage, session, member, MANIFEST.role)
            casting.equip(stage, session, market, member, 100_000)
        casting.fund(
            stage, session, market, casting.margins_micro(cast, MANIFEST, BIDS), key="test"
        )
    stage.rest()
    gate_at = stage.now() + 600
    opened = trading.open_round(
        stage,
        market,
        gate_at=gate_at,
        first_slot=(gate_at // DAY + 1) * RULES.period_slots,
        slots=2,
    )
    signed, receipts = trading.hand_in(stage, cast, opened, BIDS)
    return Day(stage, cast, trading.settle(stage, opened, RULES, signed, receipts))


def test_everything_holds_of_an_honest_round(day):
    assert day.failing(day.traded) == set()
    positions = day.traded.positions_wh(day.cast)
    assert positions["plant"].tolist() == [-6_000.0, -4_000.0]
    assert positions["town"].tolist() == [6_000.0, 4_000.0]
    assert checks.settlement_gas(day.stage, day.traded) > 100_000


def test_a_missing_receipt_is_seen(day):
    fewer = replace(day.traded, receipts=day.traded.receipts[1:])
    assert day.failing(fewer) == {
        "every signed order of the round got the operator's receipt",
        "the committed book of the round holds every receipted order",
    }


def test_a_forged_receipt_is_seen(day):
    first = day.traded.receipts[0]
    forged = replace(first, received_at=first.received_at - 1)
    tampered = replace(day.traded, receipts=[forged, *day.traded.receipts[1:]])
    assert day.failing(tampered) == {"every signed order of the round got the operator's receipt"}


def test_an_altered_fill_breaks_certificate_and_balance(day):
    clearing = day.traded.settlement.clearing
    fills = (clearing.fills[0] - 1, *clearing.fills[1:])
    settlement = replace(day.traded.settlement, clearing=replace(clearing, fills=fills))
    failing = day.failing(replace(day.traded, settlement=settlement))
    assert "the certificate of the round holds, checked without a solver" in failing
    assert "what is bought in the round is sold, product by product" in failing


def test_the_ledger_holds_what_everybody_has_and_nobody_may_be_left_out(day):
    markets = [1, day.traded.opened.market]
    others = [accounts.address(accounts.FIRST_TRADER + i) for i in range(4)]
    assert checks.money(day.stage, day.cast, markets, others).ok
    assert not checks.money(day.stage, day.cast, markets, others[1:]).ok


def test_positions_are_closed_once_their_readings_are_final(day):
    stage, opened = day.stage, day.traded.opened
    period = opened.first_slot // RULES.period_slots
    assert not checks.closed(day.cast, day.traded, {}).ok
    stage.advance_to((period + 1) * DAY)
    nothing = [0] * (RULES.period_slots - 2)
    metering.post(
        stage,
        day.cast,
        opened.market,
        period,
        {"plant": [-6_000, -3_000, *nothing], "town": [6_000, 4_000, *nothing]},
    )
    stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
    closures = metering.closures(stage, opened.market, period)
    assert checks.closed(day.cast, day.traded, closures).ok
    # 1 kWh short at 0.09, the bid that got only a part, made worse by a fifth.
    assert closures[day.cast["plant"].address].charge_micro == 108_000
    assert closures[day.cast["town"].address].charge_micro == 0


def test_a_write_that_the_chain_refuses_ends_the_day_with_its_name(day):
    from wattproof.accounts.service import withdraw_transaction

    plant = day.cast["plant"].address
    too_much = withdraw_transaction(day.stage.platform, 10**15, plant)
    with pytest.raises(WattproofError, match=r"the write withdraw:.* is refused"):
        day.stage.transact(plant, too_much)
