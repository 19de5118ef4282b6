"""Bids on the certificate platform.

Who is obliged pays no more than the penalty that a certificate saves, and the less the more it
holds: the next one may turn out not to be needed. Who has certificates asks what it could get for
them later; a large seller may hold some back, so that a dearer bid sets the price of the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from market.bid import Bid, kept, make_bid
from market.green_quota.rules import CERTIFICATE_RULES
from market.units import SCALE

STEPS = 4
_YEAR_SECONDS = 365.0 * 86_400.0


@dataclass(frozen=True, slots=True)
class CertificateNeed:
    """How many certificates somebody will owe, as far as it knows, and how many it has.

    What will be owed depends on energy not metered yet: any amount between the two bounds is held
    to be as likely as any other.

    Attributes:
        least_owed_wh: owed for certain, Wh.
        most_owed_wh: owed at most, Wh.
        held_wh: eligible certificates it has already, surrendered ones included, Wh (`countable`).
        penalty_per_kwh: what is due for one that lacks, tokens per kWh.
        later_worth_per_kwh: what one that is left over is worth afterwards, banked for the next
            quota or sold, tokens per kWh.
    """

    least_owed_wh: int
    most_owed_wh: int
    held_wh: int
    penalty_per_kwh: float
    later_worth_per_kwh: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.least_owed_wh <= self.most_owed_wh:
            raise ValueError("0 <= least_owed_wh <= most_owed_wh must hold")
        if self.held_wh < 0:
            raise ValueError(f"held_wh must be 0 or more, not {self.held_wh}")
        if not 0.0 <= self.later_worth_per_kwh <= self.penalty_per_kwh < math.inf:
            raise ValueError("0 <= later_worth_per_kwh <= penalty_per_kwh must hold")

    def worth_per_kwh(self, place_wh: float) -> float:
        """Worth of the certificate at a place, counted from the first one held, tokens per kWh.

        The penalty times the probability that it is needed, and the later worth times that it is
        not.
        """
        if place_wh <= self.least_owed_wh:
            needed = 1.0
        elif place_wh >= self.most_owed_wh:
            needed = 0.0
        else:
            needed = (self.most_owed_wh - place_wh) / (self.most_owed_wh - self.least_owed_wh)
        worth = needed * self.penalty_per_kwh + (1.0 - needed) * self.later_worth_per_kwh
        return min(worth, self.penalty_per_kwh)


def countable_wh(current_wh: int, earlier_wh: int, owed_wh: int, bank_limit: int) -> int:
    """How many of one's certificates count toward an obligation, Wh (protocol section 15).

    Args:
        earlier_wh: of them, those from before the compliance period, which count as far as
            ``bank_limit`` (millionths of what is owed) allows.
    """
    return current_wh + min(earlier_wh, bank_limit * owed_wh // SCALE)


def certificate_bids(
    owner_id: str, need: CertificateNeed, *, at_most_wh: int | None = None, steps: int = STEPS
) -> tuple[Bid, ...]:
    """Bids of an obliged party: what is needed for certain at the penalty, what may be needed in
    ``steps`` falling ones.

    Nothing where it holds enough whatever happens.

    Args:
        at_most_wh: how much to buy in this round; None: all that may be needed.
    """
    if steps < 1:
        raise ValueError(f"{owner_id} needs at least one step, not {steps}")
    end = need.most_owed_wh if at_most_wh is None else need.held_wh + max(at_most_wh, 0)
    end = min(end, need.most_owed_wh)
    span = need.most_owed_wh - need.least_owed_wh
    edges = [0, *(need.least_owed_wh + span * step // steps for step in range(steps + 1))]
    bids: list[Bid | None] = []
    for start, stop in pairwise(edges):
        worth = need.worth_per_kwh((start + stop) / 2.0)
        wanted = min(stop, end) - max(start, need.held_wh)
        if wanted > 0:
            bids.append(make_bid(owner_id, 0, float(wanted), worth, CERTIFICATE_RULES.price_cap))
    return kept(bids)


def reservation_price_per_kwh(
    later_prices: Mapping[float, float], *, interest: float = 0.0
) -> float:
    """The least a holder sells for now: the best it expects from waiting, tokens per kWh.

    Args:
        later_prices: expected price by how many seconds from now, while the certificate lives;
            nothing: it can only be sold now.
        interest: a year, as a share.
    """
    discounted = [
        price * math.exp(-math.log1p(interest) * seconds / _YEAR_SECONDS)
        for seconds, price in later_prices.items()
    ]
    return max([0.0, *discounted])


def certificate_ask(
    owner_id: str, held_wh: int, reservation_per_kwh: float, *, withheld_wh: int = 0
) -> Bid:
    """Offer what is held, less what is held back, for the reservation price or more.

    Raises ValueError where nothing is left to offer, or the price is below 0 or not a number.
    """
    if not 0 <= withheld_wh < held_wh:
        raise ValueError(f"{owner_id} offers nothing: {held_wh} Wh held, {withheld_wh} withheld")
    if not reservation_per_kwh >= 0.0:
        raise ValueError(f"{owner_id}: a reservation price is 0 or more: {reservation_per_kwh}")
    offered = float(withheld_wh - held_wh)
    ask = make_bid(owner_id, 0, offered, reservation_per_kwh, CERTIFICATE_RULES.price_cap)
    assert ask is not None  # at least one Wh is left
    return ask


def withheld_wh(held_wh: int, reservation_per_kwh: float, demand: Sequence[Bid]) -> int:
    """How much a seller that knows the others' demand holds back, Wh.

    It offers so much that its proceeds above the reservation price are greatest: one Wh less than
    some of the bids want together, so that the last of them is not full and sets the price.

    Args:
        demand: bids that are left to it, such as all of them less what others sell.
    """
    best_wh, best, wanted = 0, 0.0, 0
    for bid in sorted(demand, key=lambda bid: -bid.price_nano_per_kwh):
        wanted += bid.energy_wh
        offered = min(held_wh, wanted - 1)
        gain = offered * (bid.price_nano_per_kwh / 1e9 - reservation_per_kwh)
        if gain > best:
            best_wh, best = offered, gain
    return held_wh - best_wh
