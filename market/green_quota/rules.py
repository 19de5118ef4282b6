"""Two platforms: electricity, and certificates of what was produced.

Who: holders of the credential `ROLE` on both. On the electricity platform wind and thermal
producers sell, retailers buy. Nothing attests what a producer may sell: it is bounded by the margin
that its imbalance would cost. On the certificate platform nobody sells what it has not put up
beforehand: the contract `CAPACITY_SOURCE` keeps what is offered, and hands it over in the
transaction that settles a round.

What: electricity in one zone by the day, thirty days a period, so that periods begin and end with
vintages; and certificates of one technology and zone, one Wh each. A round of the certificate
platform trades one vintage, named by the slot at whose end it expires (`certificate_slot`).

Not delivering: every deviation of a producer's or retailer's meter from what it traded, to either
side, is settled at the day's price made worse by a fifth, at most `ELECTRICITY_RULES.imbalance_cap`
a kWh. Certificates are delivered at once: there is no imbalance and no collateral for it.
"""

from __future__ import annotations

from typing import Final

from market.quantise import price_nano_per_kwh
from market.rules import MarketRules

ROLE: Final = "prosumer"
CAPACITY_SOURCE: Final = "GreenCertificates"

DAY_SECONDS: Final = 86_400
VINTAGE_DAYS: Final = 30
VINTAGE_SECONDS: Final = VINTAGE_DAYS * DAY_SECONDS
LIFETIME_SECONDS: Final = 540 * DAY_SECONDS
"""The contract's constants (protocol section 14): seconds of a vintage, counted from 1970, and how
long its certificates live after its end."""

ELECTRICITY_RULES: Final = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=DAY_SECONDS,
    period_slots=VINTAGE_DAYS,
    price_cap=price_nano_per_kwh(4.0),
    imbalance_cap=price_nano_per_kwh(0.5),
    shortfall_bp=2_000,
    surplus_bp=2_000,
    # No tolerance: orders of one leg only, every result is the canonical one.
    gap_floor_micro=0,
    gap_cap_micro=0,
)

CERTIFICATE_RULES: Final = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=VINTAGE_SECONDS,
    period_slots=1,
    price_cap=price_nano_per_kwh(1.0),
    imbalance_cap=0,
    shortfall_bp=0,
    surplus_bp=0,
    gap_floor_micro=0,
    gap_cap_micro=0,
    tokenised=True,
)


def vintage_of(second: int) -> int:
    """The vintage in which an interval that begins at `second` (Unix, UTC) lies.

    It is also the period of the electricity platform. Raises ValueError for a time before 1970.
    """
    if second < 0:
        raise ValueError(f"vintages are counted from 1970; {second} lies before")
    return second // VINTAGE_SECONDS


def certificate_slot(vintage: int) -> int:
    """The slot in which certificates of a vintage are traded: they expire when it ends.

    A round's gate lies before its slot begins, so a vintage can be traded after it is over.
    """
    return vintage + LIFETIME_SECONDS // VINTAGE_SECONDS
