"""Series, windows and holdings of energy credits.

The chain is the only place where credits live. What exists is listed from indexed events; what it
stands at is read from the contract. Nothing is stored here a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from sqlmodel import Session, select

from market.reference.baseline import BaselineRule
from wattproof.claims.service import rule_of
from wattproof.errors import NotFoundError
from wattproof.indexer import history
from wattproof.indexer.models import EventRow, argument
from wattproof.meters.values import unpack
from wattproof.runtime import Platform

CONTRACT = "EnergyCredits"
_EXPIRY_BITS = 40


@dataclass(frozen=True, slots=True)
class Terms:
    """What a series promises: `redemption` nano a kWh against a baseline rule (protocol 11, 12)."""

    market: int
    carrier: int
    redemption_nano_per_kwh: int
    rule: BaselineRule


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it stands; money in micro-units, energy in Wh."""

    series: int
    terms: Terms
    asset: str
    escrow_micro: int
    owed_micro: int
    open_budget_wh: int
    issued_wh: int
    spent_wh: int

    @property
    def issuer(self) -> str:
        """Checksum address of who backs it."""
        return str(to_checksum_address((self.series >> _EXPIRY_BITS).to_bytes(20, "big")))

    @property
    def expiry(self) -> int:
        """From this second on its credits are worth nothing."""
        return self.series & ((1 << _EXPIRY_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Window:
    """Slots of a period in which reductions are credited."""

    window: int
    series: int
    period: int
    first_slot: int
    slots: int
    budget_wh: int
    joined_wh: int
    claim_by: int


@dataclass(frozen=True, slots=True)
class Part:
    """An account's part in a window; ``issued_wh`` is None until its reading was final."""

    window: int
    account: str
    cap_wh: int
    since: int
    issued_wh: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """Credits of one series that an account holds, and those it has offered for sale, Wh."""

    series: int
    held_wh: int
    offered_wh: Mapping[int, int]


# -- reading ---------------------------------------------------------------------------------------


def all_series(platform: Platform, session: Session) -> list[Series]:
    """Every series, oldest first, as the chain has it now."""
    return _series(platform, [int(e.args["series"]) for e in events(session, "SeriesOpened")])


def get_series(platform: Platform, series: int) -> Series:
    """One series. Raises NotFoundError."""
    found = _series(platform, [series])
    if int(found[0].asset, 16) == 0:
        raise NotFoundError(f"nobody opened series {series}; GET /credits/series lists them all")
    return found[0]


def windows(platform: Platform, session: Session, series: int) -> list[Window]:
    """The windows of a series, oldest first."""
    numbers = [
        int(event.args["window"])
        for event in events(session, "WindowAnnounced")
        if int(event.args["series"]) == series
    ]
    return _windows(platform, numbers)


def get_window(platform: Platform, window: int) -> Window:
    """One window. Raises NotFoundError."""
    if not 1 <= window <= platform.chain.call(CONTRACT, "windowCount"):
        raise NotFoundError(f"nobody announced window {window}")
    return _windows(platform, [window])[0]


def parts(session: Session, window: int) -> list[Part]:
    """Who joined a window, in the order of joining."""
    issued = {
        event.args["account"]: int(event.args["amount"])
        for event in events(session, "CreditsIssued")
        if int(event.args["window"]) == window
    }
    return [
        Part(
            window,
            event.args["account"],
            int(event.args["capWh"]),
            int(event.args["since"]),
            issued.get(event.args["account"]),
        )
        for event in events(session, "WindowJoined")
        if int(event.args["window"]) == window
    ]


def holdings(platform: Platform, session: Session, account: str) -> list[Holding]:
    """What an account holds and offers; series of which it has nothing are left out."""
    opened = [int(e.args["series"]) for e in events(session, "SeriesOpened")]
    bound = {int(e.args["market"]): e.args["issuer"] for e in events(session, "MarketBound")}
    lengths = dict(
        zip(
            bound,
            (
                params["slotSeconds"]
                for params in platform.chain.call_many(
                    ("Exchange", "market", (market,)) for market in bound
                )
            ),
            strict=True,
        )
    )
    held = platform.chain.call_many((CONTRACT, "balanceOf", (account, s)) for s in opened)
    places = [
        (series, market, expiry // lengths[market] - 1)
        for series in opened
        for expiry in [series & ((1 << _EXPIRY_BITS) - 1)]
        for market, issuer in bound.items()
        if int(issuer, 16) == series >> _EXPIRY_BITS and expiry % lengths[market] == 0
    ]
    offered = platform.chain.call_many(
        (CONTRACT, "offerOf", (market, slot, account)) for _, market, slot in places
    )
    by_series: dict[int, dict[int, int]] = {series: {} for series in opened}
    for (series, market, _), found in zip(places, offered, strict=True):
        if found["offered"]:
            by_series[series][market] = found["offered"]
    return [
        Holding(series, amount, by_series[series])
        for series, amount in zip(opened, held, strict=True)
        if amount or by_series[series]
    ]


def published(session: Session, window: int, account: str) -> tuple[int | None, ...]:
    """An account's published baseline, Wh a slot of the period. Raises NotFoundError."""
    found = session.exec(
        select(EventRow).where(
            EventRow.contract == CONTRACT,
            EventRow.name == "BaselinePublished",
            argument("window") == str(window),
            argument("account") == account,
        )
    ).first()
    if found is None:
        raise NotFoundError(f"no baseline of {account} was published for window {window}")
    return tuple(unpack(bytes.fromhex(found.args["values"][2:])))


def events(session: Session, name: str) -> Sequence[EventRow]:
    """Indexed events of the contract, oldest first."""
    return history.events(session, CONTRACT, name)


def opened(session: Session) -> dict[int, Terms]:
    """Terms of every indexed series by its number."""
    return {int(e.args["series"]): _terms(e.args["terms"]) for e in events(session, "SeriesOpened")}


# -- parts -----------------------------------------------------------------------------------------


def _series(platform: Platform, numbers: list[int]) -> list[Series]:
    views = platform.chain.call_many((CONTRACT, "seriesOf", (n,)) for n in numbers)
    owed = platform.chain.call_many((CONTRACT, "owed", (n,)) for n in numbers)
    return [
        Series(
            series=number,
            terms=_terms(view["terms"]),
            asset=view["asset"],
            escrow_micro=view["escrow"],
            owed_micro=needed,
            open_budget_wh=view["budgetWh"],
            issued_wh=view["issuedWh"],
            spent_wh=view["spentWh"],
        )
        for number, view, needed in zip(numbers, views, owed, strict=True)
    ]


def _terms(view: Mapping[str, Any]) -> Terms:
    return Terms(view["market"], view["carrier"], int(view["redemption"]), rule_of(view["rule"]))


def _windows(platform: Platform, numbers: list[int]) -> list[Window]:
    views = platform.chain.call_many((CONTRACT, "windowOf", (n,)) for n in numbers)
    deadlines = platform.chain.call_many((CONTRACT, "claimBy", (n,)) for n in numbers)
    return [
        Window(
            window=number,
            series=view["series"],
            period=view["period"],
            first_slot=view["firstSlot"],
            slots=view["slots"],
            budget_wh=view["budgetWh"],
            joined_wh=view["joinedWh"],
            claim_by=deadline,
        )
        for number, view, deadline in zip(numbers, views, deadlines, strict=True)
    ]
