"""The order: every bid in every market is this one EIP-712 struct (protocol section 2)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from market.product import ProductGrid
from market.signature import Domain as Domain
from market.signature import PrivateKey, address_word, message_digest, sign_digest, word
from market.signature import SignatureError as SignatureError
from market.signature import address_bytes as address_bytes
from market.signature import json_integer as json_integer
from market.signature import recover as recover
from market.signature import typed_message as typed_message
from market.units import SCALE

MAX_LEGS = 255

_LEG_FIELDS = (("product", "uint64"), ("coefficient", "int32"))
_ORDER_FIELDS = (
    ("market", "uint32"),
    ("round", "uint32"),
    ("legs", "Leg[]"),
    ("maxUnits", "uint64"),
    ("limit", "int64"),
    ("trader", "address"),
    ("epoch", "uint32"),
    ("salt", "uint64"),
)


def _encode_type(name: str, fields: tuple[tuple[str, str], ...]) -> str:
    return f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})"


_LEG_TYPE = _encode_type("Leg", _LEG_FIELDS)
_LEG_TYPEHASH = keccak(text=_LEG_TYPE)
_ORDER_TYPEHASH = keccak(text=_encode_type("Order", _ORDER_FIELDS) + _LEG_TYPE)


class OrderError(ValueError):
    """An order that cannot stand; the message says what to change."""


def _require(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise OrderError(f"{name} {value} must lie in {low} .. {high}")


@dataclass(frozen=True, slots=True)
class Leg:
    """`coefficient` in millionths of a Wh per unit, positive to the trader; `product` is its id."""

    product: int
    coefficient: int

    def __post_init__(self) -> None:
        _require("product", self.product, 0, (1 << 64) - 1)
        _require("coefficient", self.coefficient, -(1 << 31), (1 << 31) - 1)


@dataclass(frozen=True, slots=True)
class Order:
    """`limit` is the most a unit may cost, in nano per kWh (times Wh per unit); may be negative.

    `trader` is a checksum address. Raises OrderError when a field does not fit its type.
    """

    market: int
    round: int
    legs: tuple[Leg, ...]
    max_units: int
    limit: int
    trader: str
    epoch: int
    salt: int

    def __post_init__(self) -> None:
        _require("market", self.market, 0, (1 << 32) - 1)
        _require("round", self.round, 0, (1 << 32) - 1)
        _require("max_units", self.max_units, 0, (1 << 64) - 1)
        _require("limit", self.limit, -(1 << 63), (1 << 63) - 1)
        _require("epoch", self.epoch, 0, (1 << 32) - 1)
        _require("salt", self.salt, 0, (1 << 64) - 1)
        try:
            address_bytes(self.trader)
        except (ValueError, TypeError) as error:
            raise OrderError(f"trader: {error}") from error

    @property
    def multi_leg(self) -> bool:
        return len(self.legs) != 1

    @property
    def sells(self) -> bool:
        """Whether a single-leg order gives energy away."""
        return self.legs[0].coefficient < 0


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order, its compact signature (64 bytes) and what it is known by (32 bytes).

    `delegate` is the account that signed for the trader; None: the trader signed itself. `digest`
    is the order's id: its hash, bound to the delegate where one signed (`order_id`).
    """

    order: Order
    signature: bytes
    digest: bytes
    delegate: str | None = None

    @property
    def signer(self) -> str:
        """Whose signature it is."""
        return self.order.trader if self.delegate is None else self.delegate

    @classmethod
    def sign(
        cls,
        domain: Domain,
        order: Order,
        private_key: PrivateKey,
        *,
        delegate: str | None = None,
    ) -> SignedOrder:
        """`delegate`: address of the key, where it is not the trader's."""
        digest = order_hash(domain, order)
        signature = sign_digest(digest, private_key)
        return cls(order, signature, order_id(digest, order, delegate), delegate)

    @classmethod
    def verify(
        cls, domain: Domain, order: Order, signature: bytes, *, named: Container[str] = ()
    ) -> SignedOrder:
        """The order with its id and who signed it.

        `named` are the accounts that the trader ever named as its delegates in the order's market
        (protocol section 16). Raises SignatureError unless it or one of them signed.
        """
        digest = order_hash(domain, order)
        signer = recover(digest, signature)
        if signer == order.trader:
            return cls(order, signature, digest)
        if signer not in named:
            raise SignatureError(
                f"signed by {signer}, not by the trader {order.trader} or a delegate it named"
            )
        return cls(order, signature, order_id(digest, order, signer), signer)


def order_id(digest: bytes, order: Order, signer: str | None) -> bytes:
    """What an order is known by in books, receipts and cancellations, 32 bytes.

    Its hash (`digest`) where its trader signed (or `signer` is None), else keccak(hash || signer):
    a receipt for a delegate's order stands for no other signature of the same order.
    """
    if signer is None or signer == order.trader:
        return digest
    return keccak(digest + address_bytes(signer))


def order_hash(domain: Domain, order: Order) -> bytes:
    """EIP-712 digest of the order, 32 bytes; it binds chain and exchange."""
    legs = b"".join(
        keccak(_LEG_TYPEHASH + word(leg.product) + word(leg.coefficient)) for leg in order.legs
    )
    return message_digest(
        domain,
        keccak(
            _ORDER_TYPEHASH
            + word(order.market)
            + word(order.round)
            + keccak(legs)
            + word(order.max_units)
            + word(order.limit)
            + address_word(order.trader)
            + word(order.epoch)
            + word(order.salt)
        ),
    )


def typed_data(domain: Domain, order: Order) -> dict[str, Any]:
    """The order as a wallet takes it (`eth_signTypedData_v4`), safe for JSON."""
    return typed_message(
        domain, "Order", {"Order": _ORDER_FIELDS, "Leg": _LEG_FIELDS}, order_to_json(order)
    )


def sign_order(domain: Domain, order: Order, private_key: PrivateKey) -> bytes:
    """Compact signature of the order, 64 bytes."""
    return sign_digest(order_hash(domain, order), private_key)


def limit_is_within_cap(order: Order, price_cap: int) -> bool:
    """Whether |limit| does not exceed the price cap on the order's energy a unit."""
    return abs(order.limit) * SCALE <= price_cap * sum(abs(leg.coefficient) for leg in order.legs)


def check_well_formed(
    order: Order,
    grid: ProductGrid,
    price_cap: int,
    *,
    takes_coupled: bool = True,
    open_carriers: int = 0,
    network: str | None = None,
) -> None:
    """Raises OrderError saying what is wrong; `price_cap` in nano per kWh.

    `takes_coupled`: whether the market takes orders of several legs. `open_carriers`: carriers that
    others than the account `network` may trade; 0: the market has no network, all are open.
    """
    if not 1 <= len(order.legs) <= MAX_LEGS:
        raise OrderError(f"an order has 1 to {MAX_LEGS} legs, not {len(order.legs)}")
    if order.multi_leg and not takes_coupled:
        raise OrderError("this market takes orders of one leg only")
    if order.max_units < 1:
        raise OrderError("max_units must be at least 1")
    previous = -1
    for leg in order.legs:
        if leg.product <= previous:
            raise OrderError("legs must be sorted by product, each product once")
        previous = leg.product
        if leg.product not in grid:
            raise OrderError(f"product {leg.product} is not traded in this round")
        if leg.coefficient == 0:
            raise OrderError(f"the coefficient of product {leg.product} is zero: leave the leg out")
    # Legs ascend by carrier: the last one decides.
    if open_carriers and order.trader != network and previous >> 48 >= open_carriers:
        raise OrderError(
            f"carrier {previous >> 48} is the network account's alone; "
            f"everybody trades carriers 0 to {open_carriers - 1}"
        )
    if not order.multi_leg and abs(order.legs[0].coefficient) != SCALE:
        raise OrderError("a single leg has coefficient +1000000 (buy) or -1000000 (sell)")
    if not limit_is_within_cap(order, price_cap):
        raise OrderError(
            f"limit {order.limit} is beyond the market's price cap of {price_cap} nano per kWh"
        )


def order_to_json(order: Order) -> dict[str, Any]:
    """The order under its EIP-712 field names, safe for JSON."""
    return {
        "market": order.market,
        "round": order.round,
        "legs": [
            {"product": json_integer(leg.product), "coefficient": leg.coefficient}
            for leg in order.legs
        ],
        "maxUnits": json_integer(order.max_units),
        "limit": json_integer(order.limit),
        "trader": order.trader,
        "epoch": order.epoch,
        "salt": json_integer(order.salt),
    }


def order_from_json(value: Mapping[str, Any]) -> Order:
    """The order of such a mapping; integers may be decimal strings. Raises OrderError."""
    unknown = set(value) - {name for name, _ in _ORDER_FIELDS}
    if unknown:
        raise OrderError(f"unknown fields: {', '.join(sorted(unknown))}")
    try:
        legs = tuple(
            Leg(_integer(leg["product"]), _integer(leg["coefficient"])) for leg in value["legs"]
        )
        return Order(
            market=_integer(value["market"]),
            round=_integer(value["round"]),
            legs=legs,
            max_units=_integer(value["maxUnits"]),
            limit=_integer(value["limit"]),
            trader=value["trader"],
            epoch=_integer(value["epoch"]),
            salt=_integer(value["salt"]),
        )
    except KeyError as error:
        raise OrderError(f"field {error} is missing") from error
    except TypeError as error:
        raise OrderError(f"an order cannot be read from this: {error}") from error


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise OrderError(f"{value!r} is not an integer or a decimal string")
    try:
        return int(value)
    except ValueError as error:
        raise OrderError(f"{value!r} is not a decimal integer") from error
