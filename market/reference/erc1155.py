"""ERC-1155 as OpenZeppelin has it, without receivers' hooks: here every account takes tokens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from market.reference.errors import (
    ERC1155InsufficientBalance,
    ERC1155InvalidArrayLength,
    ERC1155InvalidOperator,
    ERC1155InvalidReceiver,
    ERC1155InvalidSender,
    ERC1155MissingApprovalForAll,
)
from market.reference.token import ZERO_ADDRESS


class ERC1155:
    """Balances are whole units of the token `token_id`; what a subclass forbids does not move.

    Mixed into slotted dataclasses, whose fields the two attributes are.
    """

    __slots__ = ()

    balances: defaultdict[tuple[str, int], int]
    operators: set[tuple[str, str]]
    """Owner, and who may move all that it holds."""

    # Views

    def balance_of(self, owner: str, token_id: int) -> int:
        return self.balances[owner, token_id]

    def is_approved_for_all(self, owner: str, operator: str) -> bool:
        return (owner, operator) in self.operators

    def supply_of(self, token_id: int) -> int:
        """All that everybody holds: the left side of the conservation of tokens."""
        return sum(amount for (_, held), amount in self.balances.items() if held == token_id)

    # Holders

    def set_approval_for_all(self, operator: str, approved: bool, *, sender: str) -> None:
        if operator == ZERO_ADDRESS:
            raise ERC1155InvalidOperator("the zero address moves nothing")
        (self.operators.add if approved else self.operators.discard)((sender, operator))

    def safe_transfer_from(
        self,
        owner: str,
        to: str,
        token_id: int,
        amount: int,
        data: bytes,
        *,
        sender: str,
        now: int,
    ) -> None:
        self.safe_batch_transfer_from(owner, to, [token_id], [amount], data, sender=sender, now=now)

    def safe_batch_transfer_from(
        self,
        owner: str,
        to: str,
        ids: Sequence[int],
        amounts: Sequence[int],
        data: bytes,
        *,
        sender: str,
        now: int,
    ) -> None:
        self._require_approved(owner, sender)
        if to == ZERO_ADDRESS:
            raise ERC1155InvalidReceiver("tokens are not sent to the zero address")
        if owner == ZERO_ADDRESS:
            raise ERC1155InvalidSender("the zero address holds nothing")
        self._refuse_transfer(to, ids, now)
        if len(ids) != len(amounts):
            raise ERC1155InvalidArrayLength(f"{len(ids)} ids, {len(amounts)} amounts")
        if to == owner:
            # What comes back at once serves again.
            for token_id, amount in zip(ids, amounts, strict=True):
                self._require_held(owner, [token_id], [amount])
        else:
            self._require_held(owner, ids, amounts)
        for token_id, amount in zip(ids, amounts, strict=True):
            self.balances[owner, token_id] -= amount
            self.balances[to, token_id] += amount

    # Parts

    def _refuse_transfer(self, to: str, ids: Sequence[int], now: int) -> None:
        """Raises where the token's own rules forbid a transfer at `now`."""

    def _require_approved(self, owner: str, sender: str) -> None:
        if sender != owner and not self.is_approved_for_all(owner, sender):
            raise ERC1155MissingApprovalForAll(f"{sender} may not act for {owner}")

    def _require_held(self, owner: str, ids: Sequence[int], amounts: Sequence[int]) -> None:
        """All of them together: an id that is listed twice needs both amounts."""
        needed: Counter[int] = Counter()
        for token_id, amount in zip(ids, amounts, strict=True):
            needed[token_id] += amount
            held = self.balances[owner, token_id]
            if held < needed[token_id]:
                raise ERC1155InsufficientBalance(
                    f"{owner} holds {held} of {token_id:#x}, not {needed[token_id]}"
                )
