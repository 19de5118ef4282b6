"""Delegations: who signs for whom, round by round, within which bounds (protocol section 16)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from eth_utils.crypto import keccak

from market.reference.errors import (
    InvalidDelegate,
    InvalidEnd,
    InvalidSignature,
    NoSession,
    SignatureExpired,
    UnknownMarket,
)
from market.reference.token import ZERO_ADDRESS
from market.signature import Domain, SignatureError, address_word, message_digest, recover, word

AUTHORISATION_TYPE = keccak(
    text="Authorisation(address principal,uint32 market,address delegate,uint40 until,uint64 buyWh,"
    "uint64 sellWh,int64 maxPrice,int64 minPrice,uint256 nonce,uint256 deadline)"
)
REVOCATION_TYPE = keccak(
    text="Revocation(address principal,uint32 market,uint256 nonce,uint256 deadline)"
)


class Rounds(Protocol):
    """What the delegations ask the exchange."""

    chain_id: int

    @property
    def market_count(self) -> int: ...
    def effective_round(self, market: int, *, now: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Session:
    """`until` in seconds (excluded), energy in Wh a round, prices in nano-units per kWh."""

    delegate: str
    until: int
    buy_wh: int
    sell_wh: int
    max_price: int
    min_price: int

    def covers(self, worth: int, bought_wh: int, sold_wh: int) -> bool:
        """Whether an order is priced within bounds that may cost `worth` (nano per kWh x Wh)."""
        return worth <= self.max_price * bought_wh - self.min_price * sold_wh

    @property
    def words(self) -> bytes:
        return address_word(self.delegate) + b"".join(
            word(value)
            for value in (self.until, self.buy_wh, self.sell_wh, self.max_price, self.min_price)
        )


NOBODY = Session(ZERO_ADDRESS, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sessions:
    """An account's in a market: `current` from `from_round` on, `before` in earlier rounds."""

    current: Session = NOBODY
    before: Session = NOBODY
    from_round: int = 0


@dataclass(slots=True)
class Delegations:
    address: str
    exchange: Rounds
    sessions: dict[tuple[int, str], Sessions] = field(default_factory=dict)
    named: set[tuple[int, str, str]] = field(default_factory=set)
    """(market, principal, delegate), for ever."""
    nonces: dict[str, int] = field(default_factory=dict)

    def authorise(self, market: int, session: Session, *, sender: str, now: int) -> None:
        """From the effective round on the session's delegate signs for the sender."""
        self._authorise(sender, market, session, now)

    def authorise_signed(
        self,
        principal: str,
        market: int,
        session: Session,
        deadline: int,
        signature: bytes,
        *,
        now: int,
    ) -> None:
        struct = AUTHORISATION_TYPE + address_word(principal) + word(market) + session.words
        self._check_signature(principal, struct, deadline, signature, now)
        self._authorise(principal, market, session, now)

    def revoke(self, market: int, *, sender: str, now: int) -> None:
        """From the effective round on nobody but the sender signs for it."""
        self._revoke(sender, market, now)

    def revoke_signed(
        self, principal: str, market: int, deadline: int, signature: bytes, *, now: int
    ) -> None:
        struct = REVOCATION_TYPE + address_word(principal) + word(market)
        self._check_signature(principal, struct, deadline, signature, now)
        self._revoke(principal, market, now)

    def session_of(self, market: int, principal: str, number: int) -> Session:
        """The session that the round is judged by; for the last round or the one before."""
        sessions = self._sessions(market, principal)
        return sessions.current if number >= sessions.from_round else sessions.before

    def from_round_of(self, market: int, principal: str) -> int:
        return self._sessions(market, principal).from_round

    def is_named(self, market: int, principal: str, delegate: str) -> bool:
        """Whether the principal ever named the delegate in the market."""
        return (market, principal, delegate) in self.named

    def nonce(self, principal: str) -> int:
        """Changes that the principal made."""
        return self.nonces.get(principal, 0)

    def _authorise(self, principal: str, market: int, session: Session, now: int) -> None:
        if not 1 <= market <= self.exchange.market_count:
            raise UnknownMarket(f"no market {market}")
        if session.delegate in (ZERO_ADDRESS, principal):
            raise InvalidDelegate(session.delegate)
        if session.until <= now:
            raise InvalidEnd(f"{session.until} is not after {now}")
        self._change(principal, market, session, now)
        self.named.add((market, principal, session.delegate))

    def _revoke(self, principal: str, market: int, now: int) -> None:
        if self._sessions(market, principal).current == NOBODY:
            raise NoSession(f"{principal} in market {market}")
        self._change(principal, market, NOBODY, now)

    def _change(self, principal: str, market: int, session: Session, now: int) -> None:
        """Acts from the effective round on; the session before is kept for earlier rounds."""
        sessions = self._sessions(market, principal)
        effective = self.exchange.effective_round(market, now=now)
        if effective > sessions.from_round:
            sessions = Sessions(before=sessions.current, from_round=effective)
        self.sessions[market, principal] = replace(sessions, current=session)
        self.nonces[principal] = self.nonce(principal) + 1

    def _sessions(self, market: int, principal: str) -> Sessions:
        return self.sessions.get((market, principal), Sessions())

    def _check_signature(
        self, principal: str, struct: bytes, deadline: int, signature: bytes, now: int
    ) -> None:
        if now > deadline:
            raise SignatureExpired(f"{deadline}")
        struct += word(self.nonce(principal)) + word(deadline)
        domain = Domain(self.exchange.chain_id, self.address)
        try:
            signer = recover(message_digest(domain, keccak(struct)), signature)
        except SignatureError as error:
            raise InvalidSignature(str(error)) from error
        if signer != principal:
            raise InvalidSignature(f"signed by {signer}, not {principal}")
