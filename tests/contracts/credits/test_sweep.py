from __future__ import annotations

import ape

MONEY = 1_000_000


def test_an_expired_series_returns_its_escrow_to_the_issuer(
    credits, token, series, issued, issuer, stranger, expiry, clock
):
    before = token.balanceOf(issuer)
    clock.next_at(expiry)
    receipt = credits.sweep(series, sender=stranger)
    assert credits.SeriesSwept(series=series, amount=100 * MONEY) in receipt.events
    assert token.balanceOf(issuer) == before + 100 * MONEY
    assert credits.seriesOf(series).escrow == 0
    assert credits.balanceOf(issued.holder, series) == issued.amount
    assert credits.owed(series) == 0


def test_nothing_is_swept_before_the_expiry(credits, series, issuer, expiry, clock):
    clock.next_at(expiry - 1)
    with ape.reverts(credits.NotExpired, expiry=expiry):
        credits.sweep(series, sender=issuer)


def test_a_series_is_swept_once(credits, series, issuer, expiry, clock):
    clock.next_at(expiry)
    credits.sweep(series, sender=issuer)
    with ape.reverts(credits.ZeroAmount):
        credits.sweep(series, sender=issuer)


def test_one_series_does_not_pay_for_another(
    world, credits, token, terms, series, expiry, issuer, clock
):
    credits.openSeries(expiry + 86_400, terms(), sender=issuer)
    later = credits.seriesId(issuer, expiry + 86_400)
    world.give(issuer, 3 * MONEY)
    credits.fund(later, 3 * MONEY, sender=issuer)
    clock.next_at(expiry)
    credits.sweep(series, sender=issuer)
    assert token.balanceOf(credits) == credits.seriesOf(later).escrow == 3 * MONEY


def test_an_unknown_series_is_not_swept(credits, series, issuer):
    with ape.reverts(credits.UnknownSeries, series=series + 1):
        credits.sweep(series + 1, sender=issuer)
