from __future__ import annotations

import ape

NOBODY = "0x" + "00" * 20


def test_the_session_is_then_nobodys_but_the_delegate_stays_named(
    delegations, market, session, alice, bob
):
    delegations.authorise(market, session(bob), sender=alice)
    receipt = delegations.revoke(market, sender=alice)
    (event,) = receipt.events
    assert event.event_name == "SessionRevoked"
    assert (event.market, event.principal, event.fromRound) == (market, alice, 1)
    assert tuple(delegations.sessionOf(market, alice, 1)) == (NOBODY, 0, 0, 0, 0, 0)
    assert delegations.isNamed(market, alice, bob)
    assert delegations.call_view_method("nonce", alice) == 2


def test_without_a_session_there_is_nothing_to_revoke(delegations, market, session, alice, bob):
    with ape.reverts(delegations.NoSession, market=market, principal=alice.address):
        delegations.revoke(market, sender=alice)
    delegations.authorise(market, session(bob), sender=alice)
    # neither the delegate nor another market's account ends it
    for wrong, caller in ((market, bob), (market + 1, alice)):
        with ape.reverts(delegations.NoSession):
            delegations.revoke(wrong, sender=caller)
    delegations.revoke(market, sender=alice)
    with ape.reverts(delegations.NoSession):
        delegations.revoke(market, sender=alice)


def test_an_expired_session_is_revoked_like_any_other(
    delegations, market, session, alice, bob, clock
):
    delegations.authorise(market, session(bob, until=clock.now + 50), sender=alice)
    clock.move_to(clock.now + 100)
    delegations.revoke(market, sender=alice)
    assert delegations.sessionOf(market, alice, 1).delegate == NOBODY


def test_after_it_the_same_delegate_can_be_named_again(delegations, market, session, alice, bob):
    delegations.authorise(market, session(bob), sender=alice)
    delegations.revoke(market, sender=alice)
    wanted = session(bob, buyWh=1)
    delegations.authorise(market, wanted, sender=alice)
    assert tuple(delegations.sessionOf(market, alice, 1)) == wanted
