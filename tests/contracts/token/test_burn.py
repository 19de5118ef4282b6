from __future__ import annotations

import ape


def test_supply_is_mints_less_burns(token, minter, holder):
    token.mint(holder, 100, sender=minter)
    token.mint(minter, 7, sender=minter)
    token.burn(30, sender=holder)
    assert token.totalSupply() == 77
    assert token.balanceOf(holder) == 70


def test_nobody_burns_what_it_has_not(token, minter, holder):
    token.mint(minter, 100, sender=minter)
    with ape.reverts(token.ERC20InsufficientBalance, sender=holder.address, balance=0, needed=1):
        token.burn(1, sender=holder)
    assert token.totalSupply() == 100
