"""Session delegates: one key that signs an account's orders in a market, within bounds.

Protocol section 16. Who named whom stands on the chain (contract `Delegations`); here is what a
session says, what its principal signs to name or dismiss a delegate, and the rule at the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eth_utils.crypto import keccak

from market.order import Order
from market.signature import (
    Domain,
    SignatureError,
    SignedMessage,
    address_bytes,
    address_word,
    json_integer,
    message_digest,
    typed_message,
    word,
)

NOBODY = "0x" + "00" * 20
"""The delegate of the session of nobody."""

_SESSION_FIELDS = (
    ("delegate", "address"),
    ("until", "uint40"),
    ("buyWh", "uint64"),
    ("sellWh", "uint64"),
    ("maxPrice", "int64"),
    ("minPrice", "int64"),
)
_PRINCIPAL_FIELDS = (("principal", "address"), ("market", "uint32"))
_ONCE_FIELDS = (("nonce", "uint256"), ("deadline", "uint256"))
_AUTHORISATION_FIELDS = (*_PRINCIPAL_FIELDS, *_SESSION_FIELDS, *_ONCE_FIELDS)
_REVOCATION_FIELDS = (*_PRINCIPAL_FIELDS, *_ONCE_FIELDS)


def _typehash(name: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    return keccak(text=f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})")


_AUTHORISATION_TYPEHASH = _typehash("Authorisation", _AUTHORISATION_FIELDS)
_REVOCATION_TYPEHASH = _typehash("Revocation", _REVOCATION_FIELDS)


class DelegationError(ValueError):
    """A session that no contract would take; the message says what to change."""


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise DelegationError(f"{name} {value} must lie in {low} .. {high}")


@dataclass(frozen=True, slots=True)
class Session:
    """What a delegate may sign in every round of a market.

    `delegate` is a checksum address; a gate at `until` (seconds, UTC) is too late. `buy_wh` and
    `sell_wh` are energy a round. Its orders may value what they take at `max_price` at most and
    what they give at `min_price` at least (nano per kWh). Raises DelegationError.
    """

    delegate: str
    until: int
    buy_wh: int
    sell_wh: int
    max_price: int
    min_price: int

    def __post_init__(self) -> None:
        _require("until", self.until, 0, (1 << 40) - 1)
        _require("buy_wh", self.buy_wh, 0, (1 << 64) - 1)
        _require("sell_wh", self.sell_wh, 0, (1 << 64) - 1)
        _require("max_price", self.max_price, -(1 << 63), (1 << 63) - 1)
        _require("min_price", self.min_price, -(1 << 63), (1 << 63) - 1)
        try:
            address_bytes(self.delegate)
        except (ValueError, TypeError) as error:
            raise DelegationError(f"delegate: {error}") from error
        if self.delegate == NOBODY:
            raise DelegationError("a delegate is somebody: the session of nobody is None")

    @classmethod
    def of_chain(cls, view: Mapping[str, Any]) -> Session | None:
        """The session as the contract says it; None for the session of nobody."""
        if view["delegate"] == NOBODY:
            return None
        return cls(
            delegate=view["delegate"],
            until=int(view["until"]),
            buy_wh=int(view["buyWh"]),
            sell_wh=int(view["sellWh"]),
            max_price=int(view["maxPrice"]),
            min_price=int(view["minPrice"]),
        )

    def to_chain(self) -> dict[str, str | int]:
        """The session under its names in the contract."""
        return {
            "delegate": self.delegate,
            "until": self.until,
            "buyWh": self.buy_wh,
            "sellWh": self.sell_wh,
            "maxPrice": self.max_price,
            "minPrice": self.min_price,
        }

    def to_json(self) -> dict[str, str | int]:
        """As `to_chain`, safe for JSON."""
        return {
            name: json_integer(value) if isinstance(value, int) else value
            for name, value in self.to_chain().items()
        }

    @property
    def words(self) -> bytes:
        """The fields as ABI words, in their order."""
        return address_word(self.delegate) + b"".join(
            word(value)
            for value in (self.until, self.buy_wh, self.sell_wh, self.max_price, self.min_price)
        )


class SessionBreach(StrEnum):
    """How an order that a delegate signed fails its session, in the order in which it is judged."""

    DELEGATE = "delegate"
    ENDED = "ended"
    PRICE = "price"
    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Traded:
    """Energy that orders buy and sell at full fill, in Wh, not negative."""

    bought_wh: int = 0
    sold_wh: int = 0

    def __add__(self, other: Traded) -> Traded:
        return Traded(self.bought_wh + other.bought_wh, self.sold_wh + other.sold_wh)


def session_breach(
    session: Session | None,
    delegate: str,
    order: Order,
    amount: Traded,
    before: Traded,
    gate_at: int,
) -> SessionBreach | None:
    """How an order signed by `delegate` fails the session of its round; None where it is within.

    `amount` is what the order buys and sells, `before` what the delegate's orders that counted
    before it in the book do; the round's gate is at `gate_at` (seconds, UTC).
    """
    if session is None or session.delegate != delegate:
        return SessionBreach.DELEGATE
    if gate_at >= session.until:
        return SessionBreach.ENDED
    worth = session.max_price * amount.bought_wh - session.min_price * amount.sold_wh
    if order.limit * order.max_units > worth:
        return SessionBreach.PRICE
    if before.bought_wh + amount.bought_wh > session.buy_wh:
        return SessionBreach.BUY
    if before.sold_wh + amount.sold_wh > session.sell_wh:
        return SessionBreach.SELL
    return None


@dataclass(frozen=True, slots=True)
class Authorisation(SignedMessage):
    """`principal` names its delegate in a market, replacing the one before.

    Anyone may hand it in, once (`nonce`: how many changes the principal made) and up to
    `deadline` (seconds, UTC). The domain's contract is `Delegations`.
    """

    principal: str
    market: int
    session: Session
    nonce: int
    deadline: int

    def digest(self, domain: Domain) -> bytes:
        return message_digest(
            domain,
            keccak(
                _AUTHORISATION_TYPEHASH
                + address_word(self.principal)
                + word(self.market)
                + self.session.words
                + word(self.nonce)
                + word(self.deadline)
            ),
        )

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The message as a wallet takes it (`eth_signTypedData_v4`), safe for JSON."""
        return typed_message(
            domain,
            "Authorisation",
            {"Authorisation": _AUTHORISATION_FIELDS},
            {
                "principal": self.principal,
                "market": self.market,
                **self.session.to_json(),
                "nonce": json_integer(self.nonce),
                "deadline": json_integer(self.deadline),
            },
        )


@dataclass(frozen=True, slots=True)
class Revocation(SignedMessage):
    """`principal` ends its session in a market; handed in as an `Authorisation`."""

    principal: str
    market: int
    nonce: int
    deadline: int

    def digest(self, domain: Domain) -> bytes:
        return message_digest(
            domain,
            keccak(
                _REVOCATION_TYPEHASH
                + address_word(self.principal)
                + word(self.market)
                + word(self.nonce)
                + word(self.deadline)
            ),
        )

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The message as a wallet takes it (`eth_signTypedData_v4`), safe for JSON."""
        return typed_message(
            domain,
            "Revocation",
            {"Revocation": _REVOCATION_FIELDS},
            {
                "principal": self.principal,
                "market": self.market,
                "nonce": json_integer(self.nonce),
                "deadline": json_integer(self.deadline),
            },
        )


def check_signed(
    change: Authorisation | Revocation, domain: Domain, signature: bytes, now: int
) -> None:
    """Raises SignatureError where the contract would refuse the signature or its time."""
    if now > change.deadline:
        raise SignatureError(f"it had to arrive by {change.deadline}, it is {now}")
    signer = change.signer(domain, signature)
    if signer != change.principal:
        raise SignatureError(f"signed by {signer}, not by the account {change.principal}")
