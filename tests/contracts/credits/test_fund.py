from __future__ import annotations

import ape

MONEY = 1_000_000


def test_money_goes_into_the_series_escrow(world, credits, token, series, issuer):
    world.give(issuer, 7 * MONEY)
    before, held = credits.seriesOf(series).escrow, token.balanceOf(credits)
    receipt = credits.fund(series, 7 * MONEY, sender=issuer)
    assert credits.Funded(series=series, amount=7 * MONEY) in receipt.events
    assert credits.seriesOf(series).escrow == before + 7 * MONEY
    assert token.balanceOf(credits) == held + 7 * MONEY


def test_somebody_else_may_fund_but_not_take_it_out(world, credits, series, stranger):
    world.give(stranger, MONEY)
    credits.fund(series, MONEY, sender=stranger)
    with ape.reverts(credits.NotIssuer, caller=stranger.address):
        credits.defund(series, MONEY, stranger, sender=stranger)


def test_nothing_is_not_funded(credits, series, issuer):
    with ape.reverts(credits.ZeroAmount):
        credits.fund(series, 0, sender=issuer)


def test_an_unknown_series_takes_no_money(world, credits, series, issuer):
    world.give(issuer, MONEY)
    with ape.reverts(credits.UnknownSeries, series=series + 1):
        credits.fund(series + 1, MONEY, sender=issuer)


def test_an_expired_series_takes_no_money(world, credits, series, expiry, issuer, clock):
    world.give(issuer, MONEY)
    clock.next_at(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.fund(series, MONEY, sender=issuer)


def test_more_money_than_64_bits_is_refused(world, credits, series, issuer):
    left = 2**64 - 1 - credits.seriesOf(series).escrow
    with ape.reverts(credits.SeriesFull):
        credits.fund(series, left + 1, sender=issuer)
    world.give(issuer, left)
    credits.fund(series, left, sender=issuer)


def test_a_token_that_takes_a_fee_is_refused(hostile, hostile_series, credits, issuer):
    hostile.takeFee(100, sender=issuer)
    with ape.reverts(credits.WrongAmountReceived, expected=1_000, received=990):
        credits.fund(hostile_series, 1_000, sender=issuer)
    assert credits.seriesOf(hostile_series).escrow == 10_000


def test_a_token_that_calls_back_funds_once(hostile, hostile_series, credits, issuer):
    """The token would take its own deposit out again while it moves."""
    again = credits.fund.encode_input(hostile_series, 1_000)
    hostile.callBack(credits, again, sender=issuer)
    credits.fund(hostile_series, 1_000, sender=issuer)
    assert not hostile.succeeded()
    assert credits.seriesOf(hostile_series).escrow == 11_000
    assert hostile.balanceOf(credits) == 11_000
