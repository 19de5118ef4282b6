"""What holds for both functions that take a signed change."""

from __future__ import annotations

import ape
import pytest

NOBODY = "0x" + "00" * 20
KINDS = ("Authorisation", "Revocation")


@pytest.fixture(params=KINDS)
def signed(request, change, delegations, market, session, key_holder, bob, clock, alice):
    """A change that could be brought: what is revoked was authorised, with nonce 0."""
    if request.param == "Revocation":
        grant = change("Authorisation", session(bob))
        deadline = clock.now + 1_000
        grant.bring(key_holder.sign("Authorisation", *grant.signed, deadline=deadline), deadline)
    return change(request.param)


@pytest.fixture
def deadline(clock):
    return clock.now + 1_000


@pytest.fixture
def refuses(delegations, signed, key_holder, market):
    """`refuses(signature, deadline)`: for that reason, and nothing changes."""

    def check(signature, deadline, error="InvalidSignature", **how):
        account = key_holder.address
        before = (
            delegations.call_view_method("nonce", account),
            tuple(delegations.sessionOf(market, account, 1)),
        )
        with ape.reverts(getattr(delegations, error)):
            signed.bring(signature, deadline, **how)
        assert before == (
            delegations.call_view_method("nonce", account),
            tuple(delegations.sessionOf(market, account, 1)),
        )

    return check


def test_anybody_brings_what_the_principal_signed(
    delegations, signed, key_holder, market, deadline, bob, alice
):
    nonce = delegations.call_view_method("nonce", key_holder.address)
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    receipt = signed.bring(signature, deadline)
    assert receipt.events[0].principal == key_holder.address
    assert delegations.call_view_method("nonce", key_holder.address) == nonce + 1
    assert delegations.call_view_method("nonce", alice) == 0
    holder = bob.address if signed.kind == "Authorisation" else NOBODY
    assert delegations.sessionOf(market, key_holder.address, 1).delegate == holder


def test_a_signature_is_good_once(signed, key_holder, deadline, refuses):
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    signed.bring(signature, deadline)
    refuses(signature, deadline)


def test_the_deadline_itself_is_in_time_and_a_second_later_is_not(
    signed, key_holder, deadline, clock, refuses, delegations
):
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    clock.next_at(deadline + 1)
    refuses(signature, deadline, "SignatureExpired")
    later = deadline + 10
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=later)
    clock.next_at(later)
    signed.bring(signature, later)


def test_another_deadline_than_the_signed_one_is_refused(signed, key_holder, deadline, refuses):
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    refuses(signature, deadline + 1)


def test_another_nonce_chain_contract_or_name_is_refused(
    signed, key_holder, deadline, refuses, exchange, delegations, chain
):
    nonce = delegations.call_view_method("nonce", key_holder.address)
    for other in (
        {"nonce": nonce + 1},
        {"nonce": nonce - 1 if nonce else 7},
        {"chain_id": chain.chain_id + 1},
        {"contract": exchange.address},
        {"name": "Powerproof"},
    ):
        signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline, **other)
        refuses(signature, deadline)


def test_another_key_or_another_principal_is_refused(
    signed, key_holder, deadline, refuses, bob, delegations
):
    """The delegate's own signature names nobody and dismisses nobody."""
    stranger = type(key_holder)(b"\x52" * 32, delegations, key_holder.chain_id)
    for principal in (key_holder.address, stranger.address):
        signature = stranger.sign(
            signed.kind, *signed.signed, deadline=deadline, principal=principal
        )
        refuses(signature, deadline)
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    refuses(signature, deadline, principal=bob.address)


def test_what_no_key_signed_is_not_the_zero_accounts(signed, refuses, deadline):
    for nothing in (bytes(64), b"\xff" * 32 + b"\x7f" + b"\x00" * 31):
        refuses(nothing, deadline, principal=NOBODY)


def test_the_other_s_and_other_lengths_are_refused(signed, key_holder, deadline, refuses, malleate):
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    refuses(malleate(signature), deadline)
    for wrong in (b"", signature[:-1], signature + b"\0", signature[:32] + b"\0" + signature[32:]):
        refuses(wrong, deadline)


def test_a_change_for_another_market_is_refused(signed, key_holder, deadline, refuses, market):
    signature = key_holder.sign(signed.kind, market + 1, *signed.signed[1:], deadline=deadline)
    refuses(signature, deadline)


@pytest.mark.parametrize("field", range(6))
def test_every_bound_is_signed(
    delegations, change, session, key_holder, market, deadline, bob, accounts, field
):
    wanted = session(bob)
    signed = change("Authorisation", wanted)
    signature = key_holder.sign(signed.kind, *signed.signed, deadline=deadline)
    altered = list(wanted)
    altered[field] = accounts[4].address if field == 0 else altered[field] + 1
    with ape.reverts(delegations.InvalidSignature):
        signed.bring(signature, deadline, values=(market, tuple(altered)))


def test_both_changes_use_one_nonce_over_all_markets(
    delegations, change, session, key_holder, market, deadline, bob, alice
):
    for nonce, number in enumerate((market, market + 1)):
        wanted = session(bob)
        signature = key_holder.sign(
            "Authorisation", number, *wanted, deadline=deadline, nonce=nonce
        )
        delegations.authoriseSigned(
            key_holder.address, number, wanted, deadline, signature, sender=alice
        )
    signature = key_holder.sign("Revocation", market + 1, deadline=deadline, nonce=2)
    delegations.revokeSigned(key_holder.address, market + 1, deadline, signature, sender=alice)
    assert delegations.call_view_method("nonce", key_holder.address) == 3
    ended = [
        delegations.sessionOf(number, key_holder.address, 1).delegate
        for number in (market, market + 1)
    ]
    assert ended == [bob.address, NOBODY]


def test_what_was_signed_and_kept_is_good_for_nothing_after_any_other_change(
    delegations, session, key_holder, market, deadline, bob, alice, accounts, chain
):
    """Whoever was to bring an authorisation keeps it until the account revoked by transaction."""
    wanted = session(bob)
    chain.set_balance(key_holder.address, 10**20)
    own = accounts[key_holder.address]
    delegations.authorise(market, wanted, sender=own)
    kept = key_holder.sign("Authorisation", market, *wanted, deadline=deadline)
    delegations.revoke(market, sender=own)
    assert delegations.call_view_method("nonce", key_holder.address) == 2
    with ape.reverts(delegations.InvalidSignature):
        delegations.authoriseSigned(
            key_holder.address, market, wanted, deadline, kept, sender=alice
        )
    assert delegations.sessionOf(market, key_holder.address, 1).delegate == NOBODY


def test_a_signed_change_meets_the_same_conditions(
    delegations, change, session, key_holder, market, deadline, bob, alice, clock, exchange
):
    for error, number, wanted in (
        ("InvalidDelegate", market, session(NOBODY)),
        ("InvalidDelegate", market, session(key_holder.address)),
        ("InvalidEnd", market, session(bob, until=clock.now)),
        ("UnknownMarket", exchange.marketCount() + 1, session(bob)),
    ):
        signature = key_holder.sign("Authorisation", number, *wanted, deadline=deadline)
        with ape.reverts(getattr(delegations, error)):
            delegations.authoriseSigned(
                key_holder.address, number, wanted, deadline, signature, sender=alice
            )
    signature = key_holder.sign("Revocation", market, deadline=deadline)
    with ape.reverts(delegations.NoSession):
        delegations.revokeSigned(key_holder.address, market, deadline, signature, sender=alice)
    assert delegations.call_view_method("nonce", key_holder.address) == 0


def test_a_refused_change_uses_no_nonce(
    delegations, session, key_holder, market, deadline, bob, alice
):
    """A relayer that brings a revocation too early spoils nothing that is signed beside it."""
    wanted, account = session(bob), key_holder.address
    beside = key_holder.sign("Authorisation", market, *wanted, deadline=deadline)
    early = key_holder.sign("Revocation", market, deadline=deadline)
    with ape.reverts(delegations.NoSession):
        delegations.revokeSigned(account, market, deadline, early, sender=alice)
    delegations.authoriseSigned(account, market, wanted, deadline, beside, sender=alice)
    assert delegations.call_view_method("nonce", account) == 1


def test_of_two_signed_with_one_nonce_the_first_one_that_is_brought_counts(
    delegations, session, key_holder, market, deadline, bob, alice
):
    wanted, account = session(bob), key_holder.address
    first, second = (
        key_holder.sign("Authorisation", market, *terms, deadline=deadline)
        for terms in (wanted, session(alice))
    )
    delegations.authoriseSigned(account, market, wanted, deadline, first, sender=alice)
    with ape.reverts(delegations.InvalidSignature):
        delegations.authoriseSigned(account, market, session(alice), deadline, second, sender=alice)
    assert delegations.sessionOf(market, account, 1).delegate == bob
