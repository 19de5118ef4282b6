"""Energy credits: what issuers and holders sign. Nonce and fees are the wallet's business."""

from __future__ import annotations

from collections.abc import Sequence

from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.claims.service import rule_on_chain
from wattproof.credits.service import CONTRACT, Series, Terms
from wattproof.meters.values import pack
from wattproof.runtime import Platform

_JOIN_GAS = 400_000
_PUBLISH_GAS = 600_000


# -- the issuer ------------------------------------------------------------------------------------


def open_series(platform: Platform, expiry: int, terms: Terms) -> UnsignedTransaction:
    """Open the signer's series that expires at ``expiry`` (role CREDIT_ISSUER)."""
    values = {
        "market": terms.market,
        "carrier": terms.carrier,
        "redemption": terms.redemption_nano_per_kwh,
        "rule": rule_on_chain(terms.rule),
    }
    return unsigned(platform, "open a series", CONTRACT, "openSeries", expiry, values)


def fund(platform: Platform, series: Series, amount_micro: int) -> list[UnsignedTransaction]:
    """Approve, then put money into the escrow."""
    credits = platform.chain.address(CONTRACT)
    return [
        unsigned(
            platform, "approve the escrow", "SettlementToken", "approve", credits, amount_micro
        ),
        unsigned(platform, "fund the series", CONTRACT, "fund", series.series, amount_micro),
    ]


def defund(platform: Platform, series: Series, amount_micro: int, to: str) -> UnsignedTransaction:
    """Take out what neither credits nor windows need."""
    return unsigned(platform, "take out", CONTRACT, "defund", series.series, amount_micro, to)


def announce(
    platform: Platform,
    series: Series,
    *,
    period: int,
    first_slot: int,
    slots: int,
    budget_wh: int,
) -> UnsignedTransaction:
    """Announce a window; ``first_slot`` counts in the period."""
    return unsigned(
        platform,
        "announce a window",
        CONTRACT,
        "announce",
        series.series,
        period,
        first_slot,
        slots,
        budget_wh,
    )


def close_window(platform: Platform, window: int) -> UnsignedTransaction:
    """Give back what nobody joined (once the window has begun) or claimed in time."""
    return unsigned(platform, "close the window", CONTRACT, "closeWindow", window)


def publish_baseline(
    platform: Platform, window: int, account: str, values_wh: Sequence[int]
) -> UnsignedTransaction:
    """Publish an account's baseline, Wh a slot of the period, before it joins."""
    return unsigned(
        platform,
        "publish the baseline",
        CONTRACT,
        "publishBaseline",
        window,
        account,
        pack(values_wh),
        gas=_PUBLISH_GAS,
    )


# -- accounts --------------------------------------------------------------------------------------


def join(platform: Platform, window: int, cap_wh: int, since: int) -> UnsignedTransaction:
    """Take part in a window with at most ``cap_wh``; baseline days begin with period ``since``."""
    return unsigned(
        platform, "join the window", CONTRACT, "join", window, cap_wh, since, gas=_JOIN_GAS
    )


def redeem(platform: Platform, series: int, amount_wh: int, to: str) -> UnsignedTransaction:
    """Credits for money out of the escrow."""
    return unsigned(platform, "redeem credits", CONTRACT, "redeem", series, amount_wh, to)


def spend(platform: Platform, series: int, amount_wh: int, market: int) -> UnsignedTransaction:
    """Credits for margin with which energy is bought."""
    return unsigned(platform, "spend credits", CONTRACT, "spend", series, amount_wh, market)


def offer(platform: Platform, market: int, slot: int, amount_wh: int) -> UnsignedTransaction:
    """Offer credits for sale: what is sold in a round must be offered before its gate."""
    return unsigned(platform, "offer credits", CONTRACT, "offer", market, slot, amount_wh)


def recall(platform: Platform, market: int, slot: int, amount_wh: int) -> UnsignedTransaction:
    """Announce that offered credits come back."""
    return unsigned(platform, "recall credits", CONTRACT, "requestRecall", market, slot, amount_wh)


def complete_recall(platform: Platform, market: int, slot: int) -> UnsignedTransaction:
    """Take recalled credits back once no earlier round can need them."""
    return unsigned(platform, "take credits back", CONTRACT, "completeRecall", market, slot)
