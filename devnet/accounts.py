"""The public development accounts of the embedded chain (the node's well-known mnemonic).

Index 0 deploys and administers, 1 operates, 2 is the balancing account, 3 issues credentials,
registers meters and attests batteries; demo traders follow from 4 on, and 1,000 runs the networks
of markets. Everybody knows these keys: they are for a chain of one's own and nothing else.
"""

from __future__ import annotations

from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount

from devnet.node import MNEMONIC

DEPLOYER, OPERATOR, BALANCING, ISSUER, FIRST_TRADER = range(5)
NETWORK = 1_000


@cache
def account(index: int) -> LocalAccount:
    """The development account with this index of the standard derivation path."""
    Account.enable_unaudited_hdwallet_features()
    derived: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return derived


def address(index: int) -> str:
    """The checksum address of a development account."""
    return str(account(index).address)
