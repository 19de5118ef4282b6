"""ERC-6909 as OpenZeppelin has it: many fungible tokens in one contract, without receiver hooks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from market.reference.errors import (
    ERC6909InsufficientAllowance,
    ERC6909InsufficientBalance,
    ERC6909InvalidReceiver,
    ERC6909InvalidSpender,
)
from market.reference.token import UNLIMITED, ZERO_ADDRESS


@dataclass(slots=True, kw_only=True)
class MultiToken:
    """Balances are whole units of the token `token_id`; what a subclass forbids does not move."""

    balances: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    allowances: defaultdict[tuple[str, str, int], int] = field(
        default_factory=lambda: defaultdict(int)
    )
    operators: set[tuple[str, str]] = field(default_factory=set)

    def balance_of(self, owner: str, token_id: int) -> int:
        return self.balances[owner, token_id]

    def supply_of(self, token_id: int) -> int:
        """All that everybody holds: the left side of the conservation of tokens."""
        return sum(amount for (_, held), amount in self.balances.items() if held == token_id)

    def approve(self, spender: str, token_id: int, amount: int, *, sender: str) -> bool:
        self._require_spender(spender)
        self.allowances[sender, spender, token_id] = amount
        return True

    def set_operator(self, spender: str, approved: bool, *, sender: str) -> bool:
        self._require_spender(spender)
        (self.operators.add if approved else self.operators.discard)((sender, spender))
        return True

    def transfer(self, receiver: str, token_id: int, amount: int, *, sender: str, now: int) -> bool:
        if receiver == ZERO_ADDRESS:
            raise ERC6909InvalidReceiver("tokens are not sent to the zero address")
        self._refuse_move(receiver, token_id, now)
        self._take(sender, token_id, amount)
        self.balances[receiver, token_id] += amount
        return True

    def transfer_from(
        self, owner: str, receiver: str, token_id: int, amount: int, *, sender: str, now: int
    ) -> bool:
        allowance = self.allowances[owner, sender, token_id]
        free_hand = sender == owner or (owner, sender) in self.operators or allowance == UNLIMITED
        if not free_hand and allowance < amount:
            raise ERC6909InsufficientAllowance(f"{sender} may move {allowance}, not {amount}")
        self.transfer(receiver, token_id, amount, sender=owner, now=now)
        if not free_hand:
            self.allowances[owner, sender, token_id] = allowance - amount
        return True

    def _refuse_move(self, receiver: str, token_id: int, now: int) -> None:
        """Raises where the token's own rules forbid a movement at `now`; zero address: a burn."""

    def _take(self, owner: str, token_id: int, amount: int) -> None:
        held = self.balances[owner, token_id]
        if held < amount:
            raise ERC6909InsufficientBalance(f"{owner} holds {held} of {token_id}, not {amount}")
        self.balances[owner, token_id] = held - amount

    @staticmethod
    def _require_spender(spender: str) -> None:
        if spender == ZERO_ADDRESS:
            raise ERC6909InvalidSpender("the zero address moves nothing")
