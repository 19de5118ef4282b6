"""Why an order was filled or not, and why a price is what it is: exact, without any solver."""

from __future__ import annotations

from market.explanation.cleared import ClearedRound, ExplanationError
from market.explanation.constraints import ProductExplanation, explain_product
from market.explanation.curve import Curve, Level, Side, Step, book_levels, curve_of
from market.explanation.names import ProductNames
from market.explanation.network_names import network_order_names, network_places
from market.explanation.order import LegExplanation, OrderExplanation, explain_order
from market.explanation.reason import Reason, reason_of
from market.explanation.shape import OrderKind

__all__ = [
    "ClearedRound",
    "Curve",
    "ExplanationError",
    "LegExplanation",
    "Level",
    "OrderExplanation",
    "OrderKind",
    "ProductExplanation",
    "ProductNames",
    "Reason",
    "Side",
    "Step",
    "book_levels",
    "curve_of",
    "explain_order",
    "explain_product",
    "network_order_names",
    "network_places",
    "reason_of",
]
