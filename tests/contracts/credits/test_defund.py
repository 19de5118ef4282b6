from __future__ import annotations

import ape

MONEY = 1_000_000
REDEMPTION = 200_000_000


def test_the_issuer_takes_out_what_nothing_binds(credits, token, series, issuer, bob):
    receipt = credits.defund(series, 30 * MONEY, bob, sender=issuer)
    assert credits.Defunded(series=series, to=bob.address, amount=30 * MONEY) in receipt.events
    assert token.balanceOf(bob) == 30 * MONEY
    assert credits.seriesOf(series).escrow == 70 * MONEY


def test_only_the_issuer_takes_money_out(credits, series, stranger):
    with ape.reverts(credits.NotIssuer, caller=stranger.address):
        credits.defund(series, 1, stranger, sender=stranger)


def test_nothing_goes_out_and_nothing_to_nobody(credits, series, issuer):
    with ape.reverts(credits.ZeroAmount):
        credits.defund(series, 0, issuer, sender=issuer)
    with ape.reverts(credits.ZeroAddress):
        credits.defund(series, 1, "0x" + "00" * 20, sender=issuer)


def test_an_announced_window_binds_the_escrow_at_once(credits, series, window, issuer):
    """An issuer that defunds after announcing would leave credits without cover."""
    bound = 40_000 * REDEMPTION // 1_000_000
    assert credits.owed(series) == bound
    unbound = 100 * MONEY - bound
    with ape.reverts(credits.EscrowBound, unbound=unbound):
        credits.defund(series, unbound + 1, issuer, sender=issuer)
    credits.defund(series, unbound, issuer, sender=issuer)
    with ape.reverts(credits.EscrowBound, unbound=0):
        credits.defund(series, 1, issuer, sender=issuer)


def test_issued_credits_bind_the_escrow_until_they_are_used(credits, series, issued, issuer):
    bound = issued.amount * REDEMPTION // 1_000_000
    credits.closeWindow(issued.window, sender=issuer)
    unbound = 100 * MONEY - bound
    with ape.reverts(credits.EscrowBound, unbound=unbound):
        credits.defund(series, unbound + 1, issuer, sender=issuer)
    credits.redeem(series, issued.amount, issued.holder, sender=issued.holder)
    credits.defund(series, unbound, issuer, sender=issuer)
    assert credits.seriesOf(series).escrow == 0


def test_what_a_credit_is_worth_is_bound_rounded_up(world, credits, terms, expiry, issuer):
    """One Wh at a third of a micro-unit binds a whole one."""
    credits.openSeries(expiry + 1, terms(redemption=333_333), sender=issuer)
    series = credits.seriesId(issuer, expiry + 1)
    world.give(issuer, 10)
    credits.fund(series, 10, sender=issuer)
    credits.announce(series, world.today, 14, 4, 1, sender=issuer)
    assert credits.owed(series) == 1
    with ape.reverts(credits.EscrowBound, unbound=9):
        credits.defund(series, 10, issuer, sender=issuer)


def test_an_expired_series_is_swept_not_defunded(credits, series, expiry, issuer, clock):
    clock.next_at(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.defund(series, 1, issuer, sender=issuer)
