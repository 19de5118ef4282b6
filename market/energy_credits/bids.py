"""Bids for credits of one class: sellers ask what redeeming would give, buyers bid their worth."""

from __future__ import annotations

from market.bid import Bid, make_bid
from market.energy_credits.rules import RULES


def credit_ask(owner_id: str, held_wh: int, redemption_nano_per_kwh: int) -> Bid:
    """Offer what is held, for no less than the issuer would pay for it.

    Raises ValueError where nothing is held.
    """
    if held_wh <= 0:
        raise ValueError(f"{owner_id} holds no credits to sell")
    return Bid(owner_id, 0, -held_wh, redemption_nano_per_kwh)


def credit_bid(owner_id: str, wanted_wh: int, worth_per_kwh: float) -> Bid:
    """Ask for credits up to what one kWh of shown saving is worth to the buyer.

    Raises ValueError where nothing is wanted, or the worth is not a number.
    """
    bid = make_bid(owner_id, 0, float(wanted_wh), worth_per_kwh, RULES.price_cap)
    if bid is None or wanted_wh < 0:
        raise ValueError(f"{owner_id} wants no credits")
    return bid
