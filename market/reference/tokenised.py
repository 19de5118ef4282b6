"""TokenisedProducts: tokens in escrow for sale, moved by settled rounds (protocol section 9)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from market.reference.errors import (
    InsufficientOffer,
    MarketFrozen,
    NoRecallPending,
    NotExchange,
    OfferTooLarge,
    RecallNotDue,
    RecallPending,
    ZeroAmount,
)
from market.reference.ledger import Effect

MAX_OFFER = 2**112 - 1


class Rounds(Protocol):
    """What the escrow asks the exchange."""

    address: str

    def effective_round(self, market: int, *, now: int) -> int: ...
    def is_frozen(self, market: int, *, now: int) -> bool: ...
    def is_terminal(self, market: int, number: int, *, now: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """Tokens for sale; from `recall_round` on `recalled` of them are not (0: no recall pending)."""

    offered: int = 0
    recalled: int = 0
    recall_round: int = 0

    @property
    def recallable(self) -> int:
        return min(self.recalled, self.offered)


class TokenisedProducts(ABC):
    """Offers and recalls of tokens, and their sale; how they leave escrow is the token's to say.

    Mixed into slotted dataclasses, whose fields the two attributes are.
    """

    __slots__ = ()

    exchange: Rounds
    offers: dict[tuple[int, int, str], Offer]
    """By market, slot and account."""

    @abstractmethod
    def _from_escrow(self, to: str, market: int, slot: int, amount: int) -> None:
        """Give tokens out of escrow; never refused for what is in it."""

    # Views

    def offer_of(self, market: int, slot: int, holder: str) -> Offer:
        return self.offers.get((market, slot, holder), Offer())

    def sellable(self, market: int, round_number: int, slot: int, holder: str) -> int:
        """Tokens that the holder may sell in that round."""
        known = self.offer_of(market, slot, holder)
        if known.recall_round == 0 or round_number < known.recall_round:
            return known.offered
        return known.offered - known.recallable

    # Holders

    def request_recall(self, market: int, slot: int, amount: int, *, sender: str, now: int) -> None:
        """From the effective round on, `amount` backs no order of the sender."""
        if amount == 0:
            raise ZeroAmount("a recall of nothing")
        if amount > MAX_OFFER:
            raise OfferTooLarge(f"more than {MAX_OFFER} tokens")
        known = self.offer_of(market, slot, sender)
        if known.recall_round != 0:
            raise RecallPending(f"{sender} has a recall pending")
        effective = self.exchange.effective_round(market, now=now)
        self.offers[market, slot, sender] = Offer(known.offered, amount, effective)

    def complete_recall(self, market: int, slot: int, *, sender: str, now: int) -> None:
        known = self.offer_of(market, slot, sender)
        if known.recall_round == 0:
            raise NoRecallPending(f"{sender} asked for nothing back")
        if not self.exchange.is_terminal(market, known.recall_round - 1, now=now):
            raise RecallNotDue(f"not before the end of round {known.recall_round - 1}")
        amount = known.recallable
        self.offers[market, slot, sender] = Offer(known.offered - amount)
        if amount:
            self._from_escrow(sender, market, slot, amount)

    def _raised(self, market: int, slot: int, holder: str, amount: int, *, now: int) -> Offer:
        """The holder's offer with so much more in it.

        Raises ZeroAmount, MarketFrozen, OfferTooLarge.
        """
        if amount == 0:
            raise ZeroAmount("an offer of nothing")
        if self.exchange.is_frozen(market, now=now):
            raise MarketFrozen(f"market {market} is between gate and settlement")
        known = self.offer_of(market, slot, holder)
        if known.offered + amount > MAX_OFFER:
            raise OfferTooLarge(f"more than {MAX_OFFER} tokens")
        return replace(known, offered=known.offered + amount)

    # The exchange

    def deliver(
        self, market: int, round_number: int, slot: int, effects: Iterable[Effect], *, sender: str
    ) -> None:
        """Sellers' offers shrink by what they sold, buyers get it out of escrow."""
        if sender != self.exchange.address:
            raise NotExchange(f"{sender} is not the exchange")
        for effect in effects:
            if effect.moved < 0:
                known = self.offer_of(market, slot, effect.trader)
                if known.offered + effect.moved < 0:
                    raise InsufficientOffer(f"{effect.trader}: {-effect.moved} of {known.offered}")
                changed = replace(known, offered=known.offered + effect.moved)
                self.offers[market, slot, effect.trader] = changed
            elif effect.moved > 0:
                self._from_escrow(effect.trader, market, slot, effect.moved)


class FungibleProducts(TokenisedProducts):
    """Tokens of a slot that are all the same: an amount says what is offered."""

    __slots__ = ()

    @abstractmethod
    def _to_escrow(self, holder: str, market: int, slot: int, amount: int, *, now: int) -> None:
        """Take tokens of the slot's class from their holder, or refuse."""

    def offer(self, market: int, slot: int, amount: int, *, sender: str, now: int) -> None:
        raised = self._raised(market, slot, sender, amount, now=now)
        self._to_escrow(sender, market, slot, amount, now=now)
        self.offers[market, slot, sender] = raised
