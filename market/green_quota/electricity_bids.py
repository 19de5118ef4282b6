"""Bids on the electricity platform: what a kWh costs or is worth, with its certificates.

A kWh that earns a certificate is offered for the certificate's worth less, a kWh that obliges
somebody to show a share of one for that much more. So a quota acts on the price of electricity
without that anybody tells the platform of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from market.bid import Bid, kept, make_bid
from market.green_quota.costs import CostCurve, ThermalCosts, WindCosts
from market.green_quota.rules import ELECTRICITY_RULES
from market.quantise import energy_wh

STEPS = 8
"""Asks a slot: more of them follow marginal cost more closely, and are more orders to settle."""

_WH_PER_KWH = 1_000.0


@dataclass(frozen=True, slots=True)
class CertificateOutlook:
    """What a bidder expects certificates to be worth when it has to show or sell them.

    Attributes:
        price_per_kwh: expected price, tokens per kWh certified.
        penalty_per_kwh: what is due for a certificate that lacks, tokens per kWh; 0 or more.
    """

    price_per_kwh: float
    penalty_per_kwh: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.penalty_per_kwh < float("inf"):
            raise ValueError(f"penalty_per_kwh must be 0 or more, not {self.penalty_per_kwh}")
        if self.price_per_kwh != self.price_per_kwh:
            raise ValueError("price_per_kwh is not a number")

    @property
    def worth_per_kwh(self) -> float:
        """The price, which lies between 0 (nobody has to take one) and the penalty that it saves
        (nobody has to buy one)."""
        return min(max(self.price_per_kwh, 0.0), self.penalty_per_kwh)


def wind_asks(
    owner_id: str,
    costs: WindCosts,
    available_wh: Sequence[float],
    outlook: CertificateOutlook,
    *,
    owed_share: float = 0.0,
    steps: int = STEPS,
) -> tuple[Bid, ...]:
    """Offers of a producer that earns one certificate a kWh; where they are worth more than
    producing costs it pays for being allowed to, down to the market's cap.

    Args:
        available_wh: what the wind gives, shape (slot,), Wh of 0 or more.
        owed_share: certificates owed for each kWh produced, where producers are obliged.
    """
    return _asks(
        owner_id,
        costs.curve,
        available_wh,
        outlook.worth_per_kwh * (_share(owed_share) - 1.0),
        steps,
    )


def thermal_asks(
    owner_id: str,
    costs: ThermalCosts,
    available_wh: Sequence[float],
    outlook: CertificateOutlook,
    *,
    owed_share: float = 0.0,
    steps: int = STEPS,
) -> tuple[Bid, ...]:
    """Offers of a producer that earns no certificates, and owes some where producers are obliged.

    Args:
        available_wh: what the plant can give, shape (slot,), Wh of 0 or more.
        owed_share: certificates owed for each kWh produced.
    """
    return _asks(
        owner_id, costs.curve, available_wh, outlook.worth_per_kwh * _share(owed_share), steps
    )


def retailer_bids(
    owner_id: str,
    load_wh: Sequence[float],
    worth_per_kwh: float,
    outlook: CertificateOutlook,
    *,
    owed_share: float = 0.0,
) -> tuple[Bid, ...]:
    """Bids for what a retailer's customers take: what they pay, less the certificates owed for it.

    Args:
        load_wh: shape (slot,), Wh of 0 or more.
        worth_per_kwh: what supplying a kWh brings, tokens per kWh.
        owed_share: certificates owed for each kWh consumed, where retailers are obliged.
    """
    limit = worth_per_kwh - outlook.worth_per_kwh * _share(owed_share)
    return kept(
        [
            make_bid(owner_id, slot, _energy(owner_id, wh), limit, ELECTRICITY_RULES.price_cap)
            for slot, wh in enumerate(load_wh)
        ]
    )


def _asks(
    owner_id: str,
    curve: CostCurve,
    available_wh: Sequence[float],
    added_per_kwh: float,
    steps: int,
) -> tuple[Bid, ...]:
    """Steps of equal size, each at its mean marginal cost.

    Costs rise within a step, so its first part costs less than its mean: however much of a step is
    filled, its price covers what that costs. Without a slope one step says it all.
    """
    if steps < 1:
        raise ValueError(f"{owner_id} needs at least one step, not {steps}")
    parts = steps if curve.slope_per_kwh2 > 0.0 else 1
    bids: list[Bid | None] = []
    for slot, available in enumerate(available_wh):
        whole = energy_wh(_energy(owner_id, available) / _WH_PER_KWH)
        edges = [whole * part // parts for part in range(parts + 1)]
        for start, end in pairwise(edges):
            middle_kwh = (start + end) / 2.0 / _WH_PER_KWH
            price = curve.marginal_per_kwh(middle_kwh) + added_per_kwh
            cap = ELECTRICITY_RULES.price_cap
            bids.append(make_bid(owner_id, slot, float(start - end), price, cap))
    return kept(bids)


def _energy(owner_id: str, wh: float) -> float:
    if not wh >= 0.0:
        raise ValueError(f"{owner_id}: energy must be 0 Wh or more, not {wh}")
    return wh


def _share(owed_share: float) -> float:
    if not 0.0 <= owed_share <= 1.0:
        raise ValueError(f"owed_share must lie between 0 and 1, not {owed_share}")
    return owed_share
