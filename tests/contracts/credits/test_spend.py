from __future__ import annotations

import ape
import pytest

DAY = 86_400
NO_ADDRESS = "0x" + "00" * 20


@pytest.fixture
def holder(issued):
    return issued.holder


def test_credits_become_margin_to_buy_energy_with(world, credits, token, series, market, holder):
    escrow, held = credits.seriesOf(series).escrow, token.balanceOf(world.ledger)
    receipt = credits.spend(series, 1_500, market, sender=holder)
    assert world.ledger.account(market, holder).margin == 300_000
    assert token.balanceOf(world.ledger) == held + 300_000
    assert credits.seriesOf(series).escrow == escrow - 300_000
    assert credits.seriesOf(series).spentWh == 1_500
    assert token.allowance(credits, world.ledger) == 0
    assert credits.CreditsSpent(
        series=series, holder=holder.address, market=market, amount=1_500, value=300_000
    ) in (receipt.events)


def test_credits_are_not_spent_in_a_market_of_another_asset(
    credits, series, hostile, hostile_market, holder
):
    with ape.reverts(credits.OtherAsset, asset=hostile.address):
        credits.spend(series, 1_500, hostile_market, sender=holder)


def test_credits_are_not_spent_where_there_is_no_market(world, credits, series, holder):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(credits.UnknownMarket, market=unknown):
        credits.spend(series, 1_500, unknown, sender=holder)


def test_a_frozen_market_takes_no_credits(world, credits, series, market, holder, clock):
    """Between gate and settlement no margin grows."""
    gate_at = clock.now + 100
    first_slot = (world.today + 1) * 24
    world.exchange.openRound(market, gate_at, first_slot, 4, sender=world.operator)
    clock.next_at(gate_at)
    with ape.reverts(credits.MarketFrozen, market=market):
        credits.spend(series, 1_500, market, sender=holder)
    assert credits.seriesOf(series).spentWh == 0


def test_nothing_is_not_spent_nor_more_than_is_held(credits, series, market, issued, holder):
    with ape.reverts(credits.ZeroAmount):
        credits.spend(series, 0, market, sender=holder)
    with ape.reverts(credits.ERC6909InsufficientBalance):
        credits.spend(series, issued.amount + 1, market, sender=holder)


def test_expired_credits_buy_nothing(credits, series, market, holder, expiry, clock):
    clock.next_at(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.spend(series, 1, market, sender=holder)


def test_a_token_that_calls_back_is_spent_once(
    hostile, hostile_credits, hostile_market, credits, alice
):
    again = credits.redeem.encode_input(hostile_credits, 10, alice)
    hostile.callBack(credits, again, sender=alice)
    credits.spend(hostile_credits, 10, hostile_market, sender=alice)
    assert not hostile.succeeded()
    assert credits.balanceOf(alice, hostile_credits) == 90
    assert credits.seriesOf(hostile_credits).escrow == 18_000 == hostile.balanceOf(credits)
