"""GreenCertificates: a token for every Wh that a meter proved (protocol section 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from market.reference.certificate_pools import Parcel, Pool
from market.reference.certificate_store import CertificateStores
from market.reference.certified_devices import VINTAGE_SECONDS, CertificateId
from market.reference.errors import (
    BadDevice,
    BoundBefore,
    NotBound,
    NothingToCollect,
    NotTradable,
    OfferTooLarge,
    OtherClass,
    ZeroAmount,
)
from market.reference.exchange import Exchange
from market.reference.tokenised import Offer, TokenisedProducts

MOST_POSITIONS = 2**96 - 1
"""In a pool."""


@dataclass(slots=True, kw_only=True)
class GreenCertificates(CertificateStores, TokenisedProducts):
    """What is in pools and parcels is held by the contract's own address."""

    exchange: Exchange
    classes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Technology and zone by market."""
    pools: dict[tuple[int, int], Pool] = field(default_factory=dict)
    """By market and slot."""
    offers: dict[tuple[int, int, str], Offer] = field(default_factory=dict)

    # The issuing body

    def bind_market(self, market: int, technology: int, zone: int, *, sender: str) -> None:
        self.authority.require("MARKET_ADMIN", sender)
        if technology == 0:
            raise BadDevice("no certificate has technology 0")
        if market in self.classes:
            raise BoundBefore(str(market))
        params = self.exchange.market(market)
        if (
            params.capacity_source != self.address
            or params.capacity_unit_wh != 0
            or params.slot_seconds != VINTAGE_SECONDS
        ):
            raise NotTradable(str(market))
        self.classes[market] = technology, zone

    # Holders

    def offer(
        self,
        market: int,
        slot: int,
        ids: Sequence[int],
        amounts: Sequence[int],
        *,
        sender: str,
        now: int,
    ) -> None:
        self._require_same_length(ids, amounts)
        if market not in self.classes:
            raise NotBound(str(market))
        pool = self.pools.get((market, slot), Pool())
        tail = pool.tail
        for token_id, amount in zip(ids, amounts, strict=True):
            if amount == 0:
                raise ZeroAmount("an offer of nothing")
            self._require_live(token_id, now)
            self._require_class(market, slot, token_id)
            tail += amount
            if tail > MOST_POSITIONS:
                raise OfferTooLarge("more positions than a pool has")
        raised = self._raised(market, slot, sender, tail - pool.tail, now=now)
        self._require_held(sender, ids, amounts)
        self.pools[market, slot] = pool
        for token_id, amount in zip(ids, amounts, strict=True):
            self.balances[sender, token_id] -= amount
            self.balances[self.address, token_id] += amount
            pool.append(token_id, amount)
        self.offers[market, slot, sender] = raised

    def collect(self, market: int, slot: int, holder: str, most: int) -> bool:
        if most == 0:
            raise ZeroAmount("nothing to collect")
        pool = self.pools.get((market, slot))
        collected = pool.collect(holder, most) if pool else []
        if pool is None or not collected:
            raise NothingToCollect(holder)
        for token_id, amount in collected:
            self.balances[self.address, token_id] -= amount
            self.balances[holder, token_id] += amount
        return bool(pool.parcels[holder])

    # Views

    def pool_of(self, market: int, slot: int) -> tuple[int, int]:
        """Head and tail."""
        pool = self.pools.get((market, slot), Pool())
        return pool.head, pool.tail

    def parcels_of(self, market: int, slot: int, holder: str) -> list[Parcel]:
        return self.pools.get((market, slot), Pool()).parcels.get(holder, [])

    def certificates_at(
        self, market: int, slot: int, start: int, length: int
    ) -> list[tuple[int, int]]:
        """Id and Wh, lot by lot."""
        return list(self.pools.get((market, slot), Pool()).at(start, length))

    # Parts

    def _from_escrow(self, to: str, market: int, slot: int, amount: int) -> None:
        self.pools[market, slot].assign(to, amount)

    def _require_class(self, market: int, slot: int, token_id: int) -> None:
        """The slot's: of the market's technology and zone, expiring as the slot ends."""
        known, _ = self._interval_of(token_id)
        found = CertificateId.of(token_id).technology, known.zone
        expires_at = (slot + 1) * VINTAGE_SECONDS
        if found != self.classes[market] or self.expiry_of(token_id) != expires_at:
            raise OtherClass(hex(token_id))
