"""SettlementToken: an ERC-20 whose supply is what was minted less what was burnt."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from market.reference.authority import Authority
from market.reference.errors import (
    ERC20InsufficientAllowance,
    ERC20InsufficientBalance,
    ERC20InvalidReceiver,
    ERC20InvalidSpender,
)

ZERO_ADDRESS = "0x" + "00" * 20
UNLIMITED = 2**256 - 1


@dataclass(slots=True)
class SettlementToken:
    """Amounts in micro-units."""

    address: str
    authority: Authority
    total_supply: int = 0
    balances: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    allowances: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def balance_of(self, account: str) -> int:
        return self.balances[account]

    def mint(self, to: str, amount: int, *, sender: str) -> None:
        self.authority.require("MINTER", sender)
        if to == ZERO_ADDRESS:
            raise ERC20InvalidReceiver("tokens are not minted to the zero address")
        self.total_supply += amount
        self.balances[to] += amount

    def burn(self, amount: int, *, sender: str) -> None:
        if self.balances[sender] < amount:
            raise ERC20InsufficientBalance(f"{sender} holds {self.balances[sender]}, not {amount}")
        self.balances[sender] -= amount
        self.total_supply -= amount

    def approve(self, spender: str, amount: int, *, sender: str) -> None:
        if spender == ZERO_ADDRESS:
            raise ERC20InvalidSpender("the zero address spends nothing")
        self.allowances[sender, spender] = amount

    def transfer(self, to: str, amount: int, *, sender: str) -> None:
        if to == ZERO_ADDRESS:
            raise ERC20InvalidReceiver("tokens are not sent to the zero address")
        if self.balances[sender] < amount:
            raise ERC20InsufficientBalance(f"{sender} holds {self.balances[sender]}, not {amount}")
        self.balances[sender] -= amount
        self.balances[to] += amount

    def transfer_from(self, owner: str, to: str, amount: int, *, sender: str) -> None:
        allowance = self.allowances[owner, sender]
        if allowance < amount:
            raise ERC20InsufficientAllowance(f"{sender} may spend {allowance}, not {amount}")
        self.transfer(to, amount, sender=owner)
        if allowance != UNLIMITED:
            self.allowances[owner, sender] = allowance - amount
