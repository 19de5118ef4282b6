from __future__ import annotations

import ape
import pytest

DAY = 86_400


@pytest.fixture
def later(expiry):
    """An expiry of which there is no series yet."""
    return expiry + DAY


def test_a_series_keeps_its_terms_and_is_announced(credits, terms, later, issuer, market, token):
    receipt = credits.openSeries(later, terms(), sender=issuer)
    series = credits.seriesId(issuer, later)
    assert series == int(issuer.address, 16) << 40 | later
    (event,) = receipt.events
    assert (event.series, event.issuer, event.expiry) == (series, issuer.address, later)
    assert event.asset == token.address
    opened = credits.seriesOf(series)
    assert (opened.terms.market, opened.terms.carrier) == (market, 0)
    assert opened.terms.redemption == 200_000_000
    assert opened.asset == token.address
    assert (opened.escrow, opened.budgetWh, opened.issuedWh, opened.spentWh) == (0, 0, 0, 0)


def test_only_a_credit_issuer_opens_a_series(credits, terms, later, stranger):
    with ape.reverts(credits.AccessManagedUnauthorized, caller=stranger.address):
        credits.openSeries(later, terms(), sender=stranger)


def test_an_issuer_has_one_series_an_expiry(credits, terms, series, expiry, later, issuer):
    with ape.reverts(credits.SeriesExists, series=series):
        credits.openSeries(expiry, terms(redemption=1), sender=issuer)
    credits.openSeries(later, terms(), sender=issuer)


def test_a_series_expires_in_the_future(credits, terms, issuer, clock):
    soon = clock.now + 100
    clock.next_at(soon)
    with ape.reverts(credits.ExpiryPassed, expiry=soon):
        credits.openSeries(soon, terms(), sender=issuer)
    credits.openSeries(soon + 2, terms(), sender=issuer)


def test_credits_are_worth_something(credits, terms, later, issuer):
    with ape.reverts(credits.ZeroAmount):
        credits.openSeries(later, terms(redemption=0), sender=issuer)


def test_a_series_needs_a_market_and_a_carrier_of_it(world, credits, terms, later, issuer):
    unknown = world.exchange.marketCount() + 1
    with ape.reverts(credits.UnknownMarket, market=unknown):
        credits.openSeries(later, terms(of_market=unknown), sender=issuer)
    with ape.reverts(credits.UnknownCarrier, carrier=1):
        credits.openSeries(later, terms(carrier=1), sender=issuer)


@pytest.mark.parametrize("changes", [{"periodSlots": 23}, {"slotSeconds": 900}])
def test_baselines_need_periods_of_a_day(world, credits, terms, later, issuer, kit, changes):
    market = world.create_market(kit.ENERGY_MARKET, **changes)
    with ape.reverts(credits.BadRule):
        credits.openSeries(later, terms(of_market=market), sender=issuer)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": 2},
        {"day_mask": 0},
        {"day_mask": 0x80},
        {"day_mask": 0b0010000},
        {"adjust_cap_bp": 5_001},
        {"adjust_lead": 2, "adjust_slots": 3},
    ],
)
def test_a_rule_that_no_baseline_can_follow_is_refused(credits, terms, later, issuer, kit, wrong):
    with ape.reverts(credits.BadRule):
        credits.openSeries(later, terms(kit.Rule(**wrong)), sender=issuer)
