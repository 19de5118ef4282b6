from __future__ import annotations

import ape


def test_the_minter_creates_units_and_supply_counts_them(token, minter, holder):
    token.mint(holder, 5_000_000, sender=minter)
    assert token.balanceOf(holder) == token.totalSupply() == 5_000_000


def test_only_the_minter_mints(token, holder):
    with ape.reverts(token.AccessManagedUnauthorized, caller=holder.address):
        token.mint(holder, 1, sender=holder)
    assert token.totalSupply() == 0


def test_a_unit_is_a_millionth(token):
    assert token.decimals() == 6
    assert (token.name(), token.symbol()) == ("Wattproof Settlement Unit", "WSU")
