from __future__ import annotations

import ape
import pytest

NOBODY = "0x" + "00" * 20


def test_the_session_stands_and_is_published(delegations, market, session, alice, bob):
    wanted = session(bob)
    receipt = delegations.authorise(market, wanted, sender=alice)
    (event,) = receipt.events
    assert event.event_name == "SessionAuthorised"
    assert (event.market, event.principal, event.delegate, event.fromRound) == (
        market,
        alice,
        bob,
        1,
    )
    delegate, *bounds = event.session
    assert (delegate.lower(), *bounds) == (bob.address.lower(), *wanted[1:])
    assert tuple(delegations.sessionOf(market, alice, 1)) == wanted
    assert delegations.fromRoundOf(market, alice) == 1
    assert delegations.isNamed(market, alice, bob)
    assert delegations.call_view_method("nonce", alice) == 1


def test_it_says_nothing_of_other_markets_accounts_or_delegates(
    delegations, market, session, alice, bob
):
    delegations.authorise(market, session(bob), sender=alice)
    nobody = (NOBODY, 0, 0, 0, 0, 0)
    assert tuple(delegations.sessionOf(market + 1, alice, 1)) == nobody
    assert tuple(delegations.sessionOf(market, bob, 1)) == nobody
    assert not delegations.isNamed(market + 1, alice, bob)
    assert not delegations.isNamed(market, bob, alice)
    assert not delegations.isNamed(market, alice, alice)
    assert not delegations.isNamed(market, alice, NOBODY)


def test_a_delegate_stays_named_when_another_replaces_it(
    delegations, market, session, alice, bob, accounts
):
    delegations.authorise(market, session(bob), sender=alice)
    delegations.authorise(market, session(accounts[3]), sender=alice)
    assert delegations.sessionOf(market, alice, 1).delegate == accounts[3]
    assert delegations.isNamed(market, alice, bob)
    assert delegations.isNamed(market, alice, accounts[3])


def test_nobody_and_the_account_itself_are_no_delegates(delegations, market, session, alice):
    for wrong in (NOBODY, alice.address):
        with ape.reverts(delegations.InvalidDelegate, delegate=wrong):
            delegations.authorise(market, session(wrong), sender=alice)
    assert not delegations.isNamed(market, alice, alice)


def test_a_session_ends_in_the_future(delegations, market, session, alice, bob, clock):
    now = clock.now + 10
    for past in (0, now - 1, now):
        clock.next_at(now)
        with ape.reverts(delegations.InvalidEnd, until=past):
            delegations.authorise(market, session(bob, until=past), sender=alice)
    clock.next_at(now)
    delegations.authorise(market, session(bob, until=now + 1), sender=alice)


def test_a_market_that_does_not_exist_has_no_delegates(
    delegations, exchange, market, session, alice, bob
):
    for wrong in (0, exchange.marketCount() + 1, 2**32 - 1):
        with ape.reverts(delegations.UnknownMarket, market=wrong):
            delegations.authorise(wrong, session(bob), sender=alice)
    delegations.authorise(exchange.marketCount(), session(bob), sender=alice)


@pytest.mark.parametrize(
    "bounds",
    [
        {"buyWh": 0, "sellWh": 0, "maxPrice": 0, "minPrice": 0},
        {
            "until": 2**40 - 1,
            "buyWh": 2**64 - 1,
            "sellWh": 2**64 - 1,
            "maxPrice": 2**63 - 1,
            "minPrice": 2**63 - 1,
        },
        {"buyWh": 1, "sellWh": 2, "maxPrice": -(2**63), "minPrice": -(2**63)},
    ],
)
def test_every_bound_that_fits_its_type_is_kept_as_it_is(
    delegations, market, session, alice, bob, bounds
):
    wanted = session(bob, **bounds)
    delegations.authorise(market, wanted, sender=alice)
    assert tuple(delegations.sessionOf(market, alice, 1)) == wanted


def test_an_account_of_code_names_a_plain_key(
    delegations, exchange, market, session, bob, accounts, chain
):
    chain.set_balance(exchange.address, 10**20)
    delegations.authorise(market, session(bob), sender=accounts[exchange.address])
    assert delegations.sessionOf(market, exchange, 1).delegate == bob
