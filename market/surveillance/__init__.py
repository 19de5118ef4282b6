"""The market supervisor's analysis of settled rounds: exact, reproducible, from books and prices.

Margins, pivotal suppliers, concentration, withholding, wash trades and related identities. It reads
what others rebuilt from the chain (`Observed`), knows no node and no database, and uses no floats:
the same observations give the same report to the last byte.
"""

from __future__ import annotations

from market.surveillance.costs import CostCurve, Costs, read_costs
from market.surveillance.declarations import DeclarationError
from market.surveillance.findings import Finding, FindingKind, findings_of
from market.surveillance.identities import (
    Declared,
    Group,
    Hub,
    Identities,
    Link,
    LinkKind,
    identify,
    read_groups,
)
from market.surveillance.report import (
    MarketReport,
    Observed,
    SurveillanceReport,
    in_range,
    survey,
)
from market.surveillance.stock import CertificateClass, NeedChange, Stock, StockChange
from market.surveillance.trading import SettledRound

__all__ = [
    "CertificateClass",
    "CostCurve",
    "Costs",
    "DeclarationError",
    "Declared",
    "Finding",
    "FindingKind",
    "Group",
    "Hub",
    "Identities",
    "Link",
    "LinkKind",
    "MarketReport",
    "NeedChange",
    "Observed",
    "SettledRound",
    "Stock",
    "StockChange",
    "SurveillanceReport",
    "findings_of",
    "identify",
    "in_range",
    "read_costs",
    "read_groups",
    "survey",
]
