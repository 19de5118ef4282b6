"""What a meter's deviations come to, recomputed from readings: each Wh once, and only once."""

from __future__ import annotations

from collections.abc import Sequence

from market.reference.baseline import BaselineRule, adjusted
from market.reference.deviations import left_over
from market.reference.imbalance import long_price, short_price
from market.rules import MarketRules
from market.units import SCALE, ceil_div
from wattproof.demo.report import Check


def ten_of_ten_wh(
    past_wh: Sequence[Sequence[int]],
    day_wh: Sequence[int],
    window: slice,
    rule: BaselineRule,
    *,
    increases: bool = False,
) -> list[int]:
    """Baseline of a window of complete days, Wh a slot (protocol section 11).

    Args:
        past_wh: the ten baseline days, Wh a slot of the period each.
        increases: whether more consumption is claimed, not less.
    """
    slots = range(window.start, window.stop)
    return adjusted(rule, past_wh, day_wh, slots, 0, increases=increases)


def imbalance_micro(
    position_wh: Sequence[int],
    metered_wh: Sequence[int],
    used_wh: Sequence[int],
    prices: Sequence[int],
    rules: MarketRules,
) -> int:
    """What a day's imbalance costs, micro-units, negative where it earns (protocol section 6)."""
    return ceil_div(imbalance_scaled(position_wh, metered_wh, used_wh, prices, rules), SCALE)


def imbalance_scaled(
    position_wh: Sequence[int],
    metered_wh: Sequence[int],
    used_wh: Sequence[int],
    prices: Sequence[int],
    rules: MarketRules,
) -> int:
    """The same of one carrier, in nano/kWh x Wh: carriers are added up before they are rounded."""
    total = 0
    for position, metered, used, price in zip(
        position_wh, metered_wh, used_wh, prices, strict=True
    ):
        deviation = metered - position
        at = short_price if deviation > 0 else long_price
        bp = rules.shortfall_bp if deviation > 0 else rules.surplus_bp
        unit = at(price, bp, rules.imbalance_cap)
        earns = deviation * unit < 0
        total += (left_over(deviation, used) if earns else deviation) * unit
    return total


def counted_once(
    name: str,
    charged_micro: int,
    position_wh: Sequence[int],
    metered_wh: Sequence[int],
    used_wh: Sequence[int],
    prices: Sequence[int],
    rules: MarketRules,
) -> Check:
    """Whether an account's imbalance leaves out what it was paid for as a change."""
    once = imbalance_micro(position_wh, metered_wh, used_wh, prices, rules)
    nothing = [0] * len(used_wh)
    twice = imbalance_micro(position_wh, metered_wh, nothing, prices, rules)
    return Check(
        f"what the {name} was paid for is not imbalance as well",
        charged_micro == once,
        f"imbalance {charged_micro / 1e6:,.2f}; counted twice it would be {twice / 1e6:,.2f}",
    )
