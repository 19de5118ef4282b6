"""Energy credits: escrows, windows, every issue measured again, holdings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.units import SCALE, ceil_div
from wattproof.audit import token_moves
from wattproof.audit.claims import check_used, reductions
from wattproof.audit.claims_state import CreditSeries, CreditWindow, JoinedWindow
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import State
from wattproof.claims.service import rule_of

_CONTRACT = "EnergyCredits"
_NOBODY = "0x" + "00" * 20
_EXPIRY_BITS = 40
_EXPIRY = (1 << _EXPIRY_BITS) - 1
_MOST_IN_A_SLOT = 2**31 - 1


def series_opened(state: State, entry: Entry) -> None:
    args, terms = entry.event.args, entry.event.args["terms"]
    if args["series"] != int(args["issuer"], 16) << _EXPIRY_BITS | args["expiry"]:
        raise entry.mismatch("series", f"{args['series']} is not of its issuer and expiry")
    state.credits.series[args["series"]] = CreditSeries(
        market=terms["market"],
        carrier=terms["carrier"],
        redemption=terms["redemption"],
        rule=rule_of(terms["rule"]),
        terms=terms,
        asset=args["asset"],
    )


def funded(state: State, entry: Entry) -> None:
    args, series = entry.event.args, state.credits.series[entry.event.args["series"]]
    token_moves.received(state, entry, series.asset, args["from"], args["amount"])
    series.escrow += args["amount"]


def defunded(state: State, entry: Entry) -> None:
    args, series = entry.event.args, state.credits.series[entry.event.args["series"]]
    token_moves.sent(state, entry, series.asset, args["to"], args["amount"])
    series.escrow -= args["amount"]
    _require_covered(series, entry)


def series_swept(state: State, entry: Entry) -> None:
    args, series = entry.event.args, state.credits.series[entry.event.args["series"]]
    issuer = to_checksum_address((args["series"] >> _EXPIRY_BITS).to_bytes(20, "big"))
    token_moves.sent(state, entry, series.asset, issuer, args["amount"])
    if entry.time < args["series"] & _EXPIRY or args["amount"] != series.escrow:
        raise entry.mismatch("escrow", f"{args['amount']} of {series.escrow} left too early")
    series.escrow, series.swept = 0, True


def window_announced(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.credits.windows[args["window"]] = CreditWindow(
        args["series"], args["period"], args["firstSlot"], args["slots"], args["budgetWh"]
    )
    series = state.credits.series[args["series"]]
    series.budget_wh += args["budgetWh"]
    _require_covered(series, entry)


def baseline_published(state: State, entry: Entry) -> None:
    args = entry.event.args
    state.credits.windows[args["window"]].published[args["account"]] = args["values"]


def window_joined(state: State, entry: Entry) -> None:
    args = entry.event.args
    window = state.credits.windows[args["window"]]
    window.joined_wh += args["capWh"]
    window.parts[args["account"]] = JoinedWindow(args["capWh"], args["since"], args["reservation"])
    if window.joined_wh > window.budget_wh:
        raise entry.mismatch("budget", f"{window.joined_wh} Wh joined {window.budget_wh} Wh")


def credits_issued(state: State, entry: Entry) -> None:
    args = entry.event.args
    window = state.credits.windows[args["window"]]
    series, part = state.credits.series[window.series], window.parts[args["account"]]
    if part.issued:
        raise entry.mismatch("account", "had its credits before")
    if args["series"] != window.series:
        raise entry.mismatch("series", f"is {args['series']}, the window's is {window.series}")
    part.issued = True
    window.budget_wh -= part.cap_wh
    window.joined_wh -= part.cap_wh
    series.budget_wh -= part.cap_wh
    series.issued_wh += args["amount"]
    slots = range(window.first_slot, window.first_slot + window.slots)
    found = reductions(
        state,
        (series.market, args["account"], series.carrier, window.period),
        series.rule,
        slots,
        part.since,
        window.published.get(args["account"], b""),
    )
    derived, left = {}, part.cap_wh
    for slot, reduction in zip(slots, found, strict=True):
        derived[slot] = min(max(0, reduction), left, _MOST_IN_A_SLOT)
        left -= derived[slot]
    check_used(state, entry, part.reservation, derived)
    if args["amount"] != sum(derived.values()):
        raise entry.mismatch("amount", f"is {args['amount']}, derived is {sum(derived.values())}")


def window_closed(state: State, entry: Entry) -> None:
    args = entry.event.args
    window = state.credits.windows[args["window"]]
    window.budget_wh -= args["releasedWh"]
    window.joined_wh = min(window.joined_wh, window.budget_wh)
    state.credits.series[window.series].budget_wh -= args["releasedWh"]
    if window.budget_wh < 0:
        raise entry.mismatch("budget", f"released {args['releasedWh']} Wh, more than was open")


def redeemed(state: State, entry: Entry) -> None:
    args = entry.event.args
    asset = state.credits.series[args["series"]].asset
    token_moves.sent(state, entry, asset, args["to"], args["value"])
    _use_up(state, entry)


def spent(state: State, entry: Entry) -> None:
    args = entry.event.args
    asset = state.credits.series[args["series"]].asset
    token_moves.paid(state, entry, asset, args["holder"], args["value"])
    _use_up(state, entry)


def _use_up(state: State, entry: Entry) -> None:
    """The credits are gone (a transfer to nobody), their value leaves."""
    args, series = entry.event.args, state.credits.series[entry.event.args["series"]]
    if args["value"] != args["amount"] * series.redemption // SCALE:
        raise entry.mismatch("value", f"is {args['value']} for {args['amount']} credits")
    series.spent_wh += args["amount"]
    series.escrow -= args["value"]
    _require_covered(series, entry)


def transfer(state: State, entry: Entry) -> None:
    args = entry.event.args
    if args["sender"] != _NOBODY:
        key = args["sender"], args["id"]
        if state.credits.held[key] < args["amount"]:
            raise entry.mismatch("holding", f"{key} has {state.credits.held[key]}")
        state.credits.held[key] -= args["amount"]
    if args["receiver"] != _NOBODY:
        state.credits.held[args["receiver"], args["id"]] += args["amount"]


def market_bound(state: State, entry: Entry) -> None:
    state.credits.issuers[entry.event.args["market"]] = entry.event.args["issuer"]


def _require_covered(series: CreditSeries, entry: Entry) -> None:
    open_wh = series.issued_wh - series.spent_wh + series.budget_wh
    owed = ceil_div(open_wh * series.redemption, SCALE)
    if series.escrow < owed:
        raise entry.mismatch("escrow", f"{series.escrow} do not cover {owed}")


def expectations(state: State) -> list[tuple[str, tuple[Any, ...], Any]]:
    """View functions of the contract, their arguments, and what they must answer."""
    found: list[tuple[str, tuple[Any, ...], Any]] = [
        ("balanceOf", (account, series), amount)
        for (account, series), amount in state.credits.held.items()
    ]
    found += [
        ("issuerOf", (market,), state.credits.issuers.get(market, _NOBODY))
        for market in state.markets
    ]
    for number, series in state.credits.series.items():
        stands: dict[str, Any] = {
            "terms": series.terms,
            "asset": series.asset,
            "escrow": series.escrow,
            "budgetWh": series.budget_wh,
            "issuedWh": series.issued_wh,
            "spentWh": series.spent_wh,
        }
        found.append(("seriesOf", (number,), stands))
    for number, window in state.credits.windows.items():
        found += _window_views(number, window)
    return found


def _window_views(number: int, window: CreditWindow) -> list[tuple[str, tuple[Any, ...], Any]]:
    view = {
        "series": window.series,
        "period": window.period,
        "firstSlot": window.first_slot,
        "slots": window.slots,
        "budgetWh": window.budget_wh,
        "joinedWh": window.joined_wh,
    }
    found: list[tuple[str, tuple[Any, ...], Any]] = [("windowOf", (number,), view)]
    for account, part in window.parts.items():
        joined = {
            "capWh": part.cap_wh,
            "since": part.since,
            "issued": part.issued,
            "reservation": part.reservation,
        }
        found.append(("joinedOf", (number, account), joined))
    for account, values in window.published.items():
        found.append(("publishedBaseline", (number, account), keccak(values)))
    return found


HANDLERS: Mapping[tuple[str, str], Handler] = {
    (_CONTRACT, "SeriesOpened"): series_opened,
    (_CONTRACT, "Funded"): funded,
    (_CONTRACT, "Defunded"): defunded,
    (_CONTRACT, "SeriesSwept"): series_swept,
    (_CONTRACT, "WindowAnnounced"): window_announced,
    (_CONTRACT, "BaselinePublished"): baseline_published,
    (_CONTRACT, "WindowJoined"): window_joined,
    (_CONTRACT, "CreditsIssued"): credits_issued,
    (_CONTRACT, "WindowClosed"): window_closed,
    (_CONTRACT, "CreditsRedeemed"): redeemed,
    (_CONTRACT, "CreditsSpent"): spent,
    (_CONTRACT, "Transfer"): transfer,
    (_CONTRACT, "MarketBound"): market_bound,
}
