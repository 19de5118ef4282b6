from __future__ import annotations

import ape
import pytest

DAY = 86_400


def test_a_series_keeps_its_terms_and_is_announced(credits, terms, expiry, issuer, market, token):
    expiry += DAY
    receipt = credits.openSeries(expiry, terms(), sender=issuer)
    series = credits.seriesId(issuer, expiry)
    assert series == int(issuer.address, 16) << 40 | expiry
    (event,) = receipt.events
    assert (event.series, event.issuer, event.expiry) == (series, issuer.address, expiry)
    assert event.asset == token.address
    opened = credits.seriesOf(series)
    assert (opened.terms.market, opened.terms.carrier) == (market, 0)
    assert opened.terms.redemption == 200_000_000
    assert opened.asset == token.address
    assert (opened.escrow, opened.budgetWh, opened.issuedWh, opened.spentWh) == (0, 0, 0, 0)


def test_only_a_credit_issuer_opens_a_series(credits, terms, expiry, stranger):
    with ape.reverts(credits.AccessManagedUnauthorized, caller=stranger.address):
        credits.openSeries(expiry, terms(), sender=stranger)


def test_an_issuer_has_one_series_an_expiry(credits, terms, series, expiry, issuer):
    with ape.reverts(credits.SeriesExists, series=series):
        credits.openSeries(expiry, terms(redemption=1), sender=issuer)
    credits.openSeries(expiry + DAY, terms(), sender=issuer)


def test_a_series_expires_in_the_future(credits, terms, issuer, clock):
    expiry = clock.now + 100
    clock.next_at(expiry)
    with ape.reverts(credits.ExpiryPassed, expiry=expiry):
        credits.openSeries(expiry, terms(), sender=issuer)
    credits.openSeries(expiry + 2, terms(), sender=issuer)


def test_credits_are_worth_something(credits, terms, expiry, issuer):
    with ape.reverts(credits.ZeroAmount):
        credits.openSeries(expiry, terms(redemption=0), sender=issuer)


def test_a_series_needs_a_market_and_a_carrier_of_it(world, credits, terms, expiry, issuer):
    unknown = world.exchange.marketCount() + 1
    expiry += DAY
    with ape.reverts(credits.UnknownMarket, market=unknown):
        credits.openSeries(expiry, terms(of_market=unknown), sender=issuer)
    with ape.reverts(credits.UnknownCarrier, carrier=1):
        credits.openSeries(expiry, terms(carrier=1), sender=issuer)


@pytest.mark.parametrize("changes", [{"periodSlots": 23}, {"slotSeconds": 900}])
def test_baselines_need_periods_of_a_day(world, credits, terms, expiry, issuer, kit, changes):
    market = world.create_market(kit.ENERGY_MARKET, **changes)
    with ape.reverts(credits.BadBaselineRule):
        credits.openSeries(expiry, terms(of_market=market), sender=issuer)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": 2},
        {"day_mask": 0},
        {"day_mask": 0x80},
        {"adjust_cap_bp": 5_001},
        {"adjust_lead": 2, "adjust_slots": 3},
    ],
)
def test_a_rule_that_no_baseline_can_follow_is_refused(credits, terms, expiry, issuer, kit, wrong):
    with ape.reverts(credits.BadBaselineRule):
        credits.openSeries(expiry, terms(kit.Rule(**wrong)), sender=issuer)
