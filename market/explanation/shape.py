"""What kind of thing an order is, told from its legs alone."""

from __future__ import annotations

from enum import StrEnum

from market.explanation.names import ProductNames
from market.order import Order
from market.product import Product


class OrderKind(StrEnum):
    """Buys or sells one product; carries from zone to zone; keeps from slot to slot; turns carriers
    into others; takes or gives several products together; or something of everything."""

    BUY = "buy"
    SELL = "sell"
    LINE = "line"
    STORAGE = "storage"
    CONVERTER = "converter"
    BLOCK = "block"
    COMBINED = "combined"


def kind_of(order: Order) -> OrderKind:
    """The kind of an order with at least one leg."""
    if not order.multi_leg:
        return OrderKind.SELL if order.sells else OrderKind.BUY
    taken, given = _sides(order)
    if not taken or not given:
        return OrderKind.BLOCK
    if not {p.carrier for p in taken} & {p.carrier for p in given}:
        return OrderKind.CONVERTER
    products = taken + given
    carriers, zones, slots = (
        len({getattr(product, part) for product in products})
        for part in ("carrier", "zone", "slot")
    )
    if (carriers, slots) == (1, 1):
        return OrderKind.LINE
    if (carriers, zones) == (1, 1):
        return OrderKind.STORAGE
    return OrderKind.COMBINED


def description(order: Order, names: ProductNames, own_name: str | None = None) -> str:
    """The order in a few words, without an article: "line from north to south"."""
    if own_name is not None:
        return own_name
    taken, given = _sides(order)
    match kind_of(order):
        case OrderKind.BUY:
            return "buy order"
        case OrderKind.SELL:
            return "sell order"
        case OrderKind.LINE:
            return f"line from {_zones(taken, names)} to {_zones(given, names)}"
        case OrderKind.CONVERTER:
            return f"converter of {_carriers(taken, names)} into {_carriers(given, names)}"
        case OrderKind.STORAGE:
            return f"storage of {names.carrier(taken[0].carrier)} in {_zones(taken, names)}"
        case OrderKind.BLOCK:
            return f"block of {len(order.legs)} products to {'buy' if taken else 'sell'} together"
        case OrderKind.COMBINED:
            return f"combined order of {len(order.legs)} products"


def _sides(order: Order) -> tuple[list[Product], list[Product]]:
    """Products the trader takes, and those it gives."""
    taken = [Product.from_id(leg.product) for leg in order.legs if leg.coefficient > 0]
    given = [Product.from_id(leg.product) for leg in order.legs if leg.coefficient < 0]
    return taken, given


def _zones(products: list[Product], names: ProductNames) -> str:
    return " and ".join(names.zone(number) for number in sorted({p.zone for p in products}))


def _carriers(products: list[Product], names: ProductNames) -> str:
    return " and ".join(names.carrier(number) for number in sorted({p.carrier for p in products}))
