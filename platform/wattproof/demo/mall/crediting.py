"""Energy credits as issuer, malls and buyers go through them, each with its own transactions."""

from __future__ import annotations

from dataclasses import dataclass

from market.energy_credits.rules import expiry_slot
from wattproof.accounts.service import unsigned
from wattproof.credits import service as credits
from wattproof.credits import transactions
from wattproof.credits.service import Part, Series, Terms
from wattproof.demo.cast import Member
from wattproof.demo.stage import Stage
from wattproof.gateway.keys import Role


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window of a series; ``first_slot`` counts from the period's first."""

    window: int
    series: int
    period: int
    first_slot: int
    slots: int

    @property
    def place(self) -> slice:
        """The window's slots in arrays over the period."""
        return slice(self.first_slot, self.first_slot + self.slots)


def open_series(stage: Stage, issuer: Member, expiry: int, terms: Terms, escrow_micro: int) -> int:
    """Open and fund a series; its number."""
    platform = stage.platform
    stage.transact(issuer.address, transactions.open_series(platform, expiry, terms))
    with platform.transaction() as session:
        opened = credits.all_series(platform, session)[-1]
    stage.transact(issuer.address, *transactions.fund(platform, opened, escrow_micro))
    return opened.series


def announce(
    stage: Stage, issuer: Member, series: int, *, period: int, first_slot: int, slots: int, wh: int
) -> OpenWindow:
    """Announce a window with a budget."""
    platform = stage.platform
    standing = credits.get_series(platform, series)
    call = transactions.announce(
        platform, standing, period=period, first_slot=first_slot, slots=slots, budget_wh=wh
    )
    stage.transact(issuer.address, call)
    with platform.transaction() as session:
        window = credits.windows(platform, session, series)[-1].window
    return OpenWindow(window, series, period, first_slot, slots)


def join(stage: Stage, member: Member, window: OpenWindow, cap_wh: int, since: int) -> None:
    """Take part in a window."""
    stage.transact(member.address, transactions.join(stage.platform, window.window, cap_wh, since))


def bind_market(stage: Stage, market: int, issuer: Member) -> None:
    """Let the administrator open a market for the issuer's credits."""
    platform = stage.platform
    call = unsigned(
        platform, "bind the market", credits.CONTRACT, "bindMarket", market, issuer.address
    )
    stage.transact(platform.keys.address(Role.ADMIN), call)


def offer(stage: Stage, member: Member, market: int, expiry: int, amount_wh: int) -> None:
    """Put credits up for sale."""
    call = transactions.offer(stage.platform, market, expiry_slot(expiry), amount_wh)
    stage.transact(member.address, call)


def redeem(stage: Stage, member: Member, series: int, amount_wh: int) -> None:
    """Credits for money, into the holder's wallet."""
    call = transactions.redeem(stage.platform, series, amount_wh, member.address)
    stage.transact(member.address, call)


def spend(stage: Stage, member: Member, series: int, amount_wh: int, market: int) -> None:
    """Credits for margin in a market."""
    stage.transact(member.address, transactions.spend(stage.platform, series, amount_wh, market))


def held_wh(stage: Stage, member: Member, series: int) -> int:
    """What somebody holds, without what is offered, read from the contract."""
    return int(stage.platform.chain.call(credits.CONTRACT, "balanceOf", member.address, series))


def part_of(stage: Stage, window: OpenWindow, member: Member) -> Part:
    """Somebody's part in a window, with what was issued."""
    with stage.platform.transaction() as session:
        parts = credits.parts(session, window.window)
    return next(part for part in parts if part.account == member.address)


def standing(stage: Stage, series: int) -> Series:
    """The series as the chain has it now."""
    return credits.get_series(stage.platform, series)


def sweep(stage: Stage, sender: Member, series: int) -> None:
    """Return an expired series' escrow to its issuer; anyone may."""
    call = unsigned(stage.platform, "sweep the series", credits.CONTRACT, "sweep", series)
    stage.transact(sender.address, call)
