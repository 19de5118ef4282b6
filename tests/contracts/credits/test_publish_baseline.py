from __future__ import annotations

import ape
from eth_utils import keccak

HOUR = 3_600
DAY = 86_400
VALUES = b"\0\0\x27\x10" * 24


def test_the_issuer_commits_an_accounts_baseline(credits, published_window, issuer, alice):
    receipt = credits.publishBaseline(published_window, alice, VALUES, sender=issuer)
    (event,) = receipt.events
    assert (event.window, event.account) == (published_window, alice.address)
    assert bytes(event.values) == VALUES
    assert credits.publishedBaseline(published_window, alice) == keccak(VALUES)


def test_a_baseline_is_published_once(credits, published_window, issuer, alice):
    """Nobody makes it better or worse afterwards."""
    credits.publishBaseline(published_window, alice, VALUES, sender=issuer)
    with ape.reverts(credits.BaselinePublishedBefore, account=alice.address):
        credits.publishBaseline(published_window, alice, VALUES, sender=issuer)


def test_only_the_issuer_publishes(credits, published_window, alice):
    with ape.reverts(credits.NotIssuer, caller=alice.address):
        credits.publishBaseline(published_window, alice, VALUES, sender=alice)


def test_no_baseline_is_published_once_the_window_has_begun(
    credits, published_window, issuer, alice, event_day, clock
):
    starts_at = event_day * DAY + 14 * HOUR
    clock.next_at(starts_at)
    with ape.reverts(credits.WindowBegan, startsAt=starts_at):
        credits.publishBaseline(published_window, alice, VALUES, sender=issuer)


def test_computed_baselines_are_not_published(credits, window, issuer, alice):
    with ape.reverts(credits.BaselineIsComputed):
        credits.publishBaseline(window, alice, VALUES, sender=issuer)


def test_a_baseline_has_a_value_for_every_slot_and_a_window(
    credits, published_window, issuer, alice
):
    for values in (b"", VALUES[:-1], VALUES + b"\0"):
        with ape.reverts(credits.BadLength, length=len(values)):
            credits.publishBaseline(published_window, alice, values, sender=issuer)
    with ape.reverts(credits.UnknownWindow, window=published_window + 1):
        credits.publishBaseline(published_window + 1, alice, VALUES, sender=issuer)
