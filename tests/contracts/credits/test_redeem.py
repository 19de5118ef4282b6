from __future__ import annotations

import ape
import pytest

MONEY = 1_000_000


@pytest.fixture
def holder(issued):
    return issued.holder


def test_the_holder_is_paid_what_the_series_promises(credits, token, series, issued, holder, bob):
    escrow = credits.seriesOf(series).escrow
    receipt = credits.redeem(series, 1_500, bob, sender=holder)
    assert token.balanceOf(bob) == 300_000  # 1.5 kWh at 0.20
    assert credits.seriesOf(series).escrow == escrow - 300_000
    assert credits.seriesOf(series).spentWh == 1_500
    assert credits.balanceOf(holder, series) == issued.amount - 1_500
    assert credits.CreditsRedeemed(
        series=series, holder=holder.address, to=bob.address, amount=1_500, value=300_000
    ) in (receipt.events)


def test_nobody_redeems_twice(credits, series, issued, holder):
    credits.redeem(series, issued.amount, holder, sender=holder)
    with ape.reverts(
        credits.ERC6909InsufficientBalance, sender=holder.address, balance=0, needed=1, id=series
    ):
        credits.redeem(series, 1, holder, sender=holder)


def test_nobody_redeems_more_than_it_holds(credits, series, issued, holder, stranger):
    with ape.reverts(credits.ERC6909InsufficientBalance):
        credits.redeem(series, issued.amount + 1, holder, sender=holder)
    with ape.reverts(credits.ERC6909InsufficientBalance):
        credits.redeem(series, 2**256 - 1, stranger, sender=stranger)


def test_nothing_is_not_redeemed_and_not_for_nobody(credits, series, holder):
    with ape.reverts(credits.ZeroAmount):
        credits.redeem(series, 0, holder, sender=holder)
    with ape.reverts(credits.ZeroAddress):
        credits.redeem(series, 1, "0x" + "00" * 20, sender=holder)


def test_expired_credits_are_worth_nothing(credits, series, holder, expiry, clock):
    clock.next_at(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.redeem(series, 1, holder, sender=holder)


def test_credits_are_redeemed_up_to_the_last_second(credits, series, holder, expiry, clock):
    clock.next_at(expiry - 1)
    credits.redeem(series, 1, holder, sender=holder)


def test_a_thousand_small_redemptions_pay_no_more_than_one_large(credits, token, earn, alice):
    """Of a Wh worth 1.6 micro each pays 1; the rest stays with the issuer."""
    series = earn(1_000, 1_600_000)
    before = token.balanceOf(alice)
    for _ in range(25):
        credits.redeem(series, 1, alice, sender=alice)
    assert token.balanceOf(alice) - before == 25
    assert credits.owed(series) == 975 * 16 // 10
    assert credits.seriesOf(series).escrow == 1_600 - 25
    credits.redeem(series, 975, alice, sender=alice)
    assert token.balanceOf(alice) - before == 25 + 975 * 16 // 10
    assert credits.owed(series) == 0
    assert credits.seriesOf(series).escrow == 15


def test_what_is_worth_less_than_a_micro_unit_is_not_burnt(credits, earn, token, alice):
    """At 0.3 micro a Wh three Wh are worth nothing yet."""
    series = earn(100, 300_000)
    with ape.reverts(credits.WorthNothing, amount=3):
        credits.redeem(series, 3, alice, sender=alice)
    credits.redeem(series, 4, alice, sender=alice)
    assert token.balanceOf(alice) == 1


def test_a_token_that_calls_back_pays_once(hostile, hostile_credits, credits, alice):
    """It would redeem again while it moves."""
    again = credits.redeem.encode_input(hostile_credits, 10, alice)
    hostile.callBack(credits, again, sender=alice)
    credits.redeem(hostile_credits, 10, alice, sender=alice)
    assert not hostile.succeeded()
    assert credits.balanceOf(alice, hostile_credits) == 90
    assert hostile.balanceOf(alice) == 2_000
    assert credits.seriesOf(hostile_credits).escrow == 18_000 == hostile.balanceOf(credits)
