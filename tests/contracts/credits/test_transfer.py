from __future__ import annotations

import ape


def test_credits_go_from_hand_to_hand(credits, series, issued, alice, bob):
    receipt = credits.transfer(bob, series, 700, sender=alice)
    assert credits.balanceOf(bob, series) == 700
    assert credits.balanceOf(alice, series) == issued.amount - 700
    (event,) = receipt.events
    assert (event.sender, event.receiver, event.id, event.amount) == (
        alice.address,
        bob.address,
        series,
        700,
    )


def test_an_approved_spender_moves_what_it_was_allowed(credits, series, issued, alice, bob, carol):
    credits.approve(bob, series, 500, sender=alice)
    credits.transferFrom(alice, carol, series, 400, sender=bob)
    assert credits.allowance(alice, bob, series) == 100
    with ape.reverts(credits.ERC6909InsufficientAllowance):
        credits.transferFrom(alice, carol, series, 101, sender=bob)


def test_an_operator_moves_anything(credits, series, issued, alice, bob, carol):
    credits.setOperator(bob, True, sender=alice)
    credits.transferFrom(alice, carol, series, issued.amount, sender=bob)
    assert credits.balanceOf(carol, series) == issued.amount


def test_expired_credits_do_not_move(credits, series, issued, alice, bob, expiry, clock):
    credits.approve(bob, series, 500, sender=alice)
    clock.move_to(expiry)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.transfer(bob, series, 1, sender=alice)
    with ape.reverts(credits.SeriesExpired, expiry=expiry):
        credits.transferFrom(alice, bob, series, 1, sender=bob)


def test_credits_are_not_lost_in_the_contract_itself(credits, series, issued, alice):
    """Only a sale's escrow is held there."""
    with ape.reverts(credits.ERC6909InvalidReceiver, receiver=credits.address):
        credits.transfer(credits, series, 1, sender=alice)


def test_the_contract_says_that_it_is_erc_6909(credits):
    assert credits.supportsInterface("0x0f632fb3")
    assert credits.supportsInterface("0x01ffc9a7")
    assert not credits.supportsInterface("0xd9b67a26")
