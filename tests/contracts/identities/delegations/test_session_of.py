"""From which round a change acts: the effective one, like an epoch."""

from __future__ import annotations

NOBODY = "0x" + "00" * 20


def delegates(delegations, market, account, rounds):
    return [delegations.sessionOf(market, account, number).delegate for number in rounds]


def test_a_change_before_the_gate_acts_at_that_gate(
    delegations, market, session, alice, bob, open_round, clock
):
    gate_at = clock.now + 1_000
    open_round(1, gate_at)
    clock.next_at(gate_at - 1)
    receipt = delegations.authorise(market, session(bob), sender=alice)
    assert receipt.events[0].fromRound == 1
    assert delegates(delegations, market, alice, (1, 2)) == [bob, bob]


def test_a_change_in_the_second_of_the_gate_or_later_acts_at_the_next(
    delegations, market, session, alice, bob, open_round, clock
):
    gate_at = clock.now + 1_000
    open_round(1, gate_at)
    clock.next_at(gate_at)
    receipt = delegations.authorise(market, session(bob), sender=alice)
    assert receipt.events[0].fromRound == 2
    assert delegates(delegations, market, alice, (1, 2, 3)) == [NOBODY, bob, bob]


def test_what_a_gated_round_is_judged_by_stays_whatever_is_said_later(
    delegations, exchange, market, session, alice, bob, accounts, open_round, clock
):
    carol, dora = accounts[3], accounts[4]
    first = session(bob)
    delegations.authorise(market, first, sender=alice)
    gate_at = clock.now + 1_000
    open_round(1, gate_at)
    clock.move_to(gate_at)
    delegations.revoke(market, sender=alice)
    delegations.authorise(market, session(carol), sender=alice)
    delegations.authorise(market, session(bob, buyWh=1), sender=alice)
    delegations.authorise(market, session(dora), sender=alice)
    assert tuple(delegations.sessionOf(market, alice, 1)) == first
    assert delegations.sessionOf(market, alice, 2).delegate == dora
    assert delegations.fromRoundOf(market, alice) == 2
    # the round goes void while the next is open; a change for that one keeps dora for round 1
    open_round(2, gate_at + 3_700)
    delegations.authorise(market, session(carol), sender=alice)
    assert tuple(delegations.sessionOf(market, alice, 1)) == first
    clock.move_to(gate_at + 3_700)
    delegations.revoke(market, sender=alice)
    assert delegates(delegations, market, alice, (2, 3)) == [carol, NOBODY]


def test_two_changes_before_one_gate_leave_the_last(
    delegations, market, session, alice, bob, accounts, open_round, clock
):
    carol = accounts[3]
    open_round(1, clock.now + 1_000)
    delegations.authorise(market, session(bob), sender=alice)
    delegations.authorise(market, session(carol), sender=alice)
    assert delegates(delegations, market, alice, (0, 1)) == [NOBODY, carol]
    delegations.revoke(market, sender=alice)
    assert delegates(delegations, market, alice, (1, 2)) == [NOBODY, NOBODY]


def test_an_account_that_never_named_anybody_has_the_session_of_nobody(delegations, market, bob):
    assert tuple(delegations.sessionOf(market, bob, 1)) == (NOBODY, 0, 0, 0, 0, 0)
    assert tuple(delegations.sessionOf(market, bob, 0)) == (NOBODY, 0, 0, 0, 0, 0)
    assert delegations.fromRoundOf(market, bob) == 0
