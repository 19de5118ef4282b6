"""The identity day itself, step by step, on a platform of its own."""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.demo import checks
from wattproof.demo.calendar import Calendar, calendar_from
from wattproof.demo.identity import (
    certifying,
    handing_on,
    living,
    privacy,
    showing,
    trading,
    trusting,
)
from wattproof.demo.identity.certifying import Certified
from wattproof.demo.identity.options import IdentityOptions
from wattproof.demo.identity.people import (
    ADA,
    ANALYST,
    BANK,
    CERTIFIER,
    GATEWAY,
    GRID,
    HOMES,
    REGULATOR,
    THIEF,
    Joined,
    gather,
)
from wattproof.demo.identity.results import Results, report_on
from wattproof.demo.identity.trading import Day, Desk
from wattproof.demo.presentation import Presentation
from wattproof.demo.report import DemoReport
from wattproof.demo.stage import Stage, open_stage

_EXPELLED = HOMES[-2]
"""Whose credential the grid operator takes back."""
_LEAVING = HOMES[0]
"""Who has its data erased."""
_MOVED = HOMES[-1]
"""Whose DID goes to another key."""


def play(options: IdentityOptions, presentation: Presentation) -> DemoReport:
    """Run the day on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused that must go through.
    """
    with open_stage(options.data_dir, presentation) as stage:
        return _run(stage, calendar_from(stage, 2))


def _run(stage: Stage, calendar: Calendar) -> DemoReport:
    show = stage.show
    with show.step("Identities, meters, two accredited issuers") as step:
        joined = gather(stage)
        cast = joined.cast
        step.note(f"{len(cast.members)} participants")
    with show.step("Credentials of both issuers, status lists, grants on-chain") as step:
        holders = [cast[name] for name in (ADA, *HOMES)]
        of_grid = certifying.certify(stage, cast[GRID], holders)
        certifying.grant(stage, of_grid.values())
        of_body = certifying.certify(stage, cast[CERTIFIER], [cast[ADA]])
        step.note(f"{len(of_grid) + len(of_body)} credentials")
    with show.step("A DID handed to another key"):
        handed_on = handing_on.hand_on(stage, cast[_MOVED], cast[BANK])
    ada = cast[ADA].address
    with show.step("Role and zone shown to the market, nothing else") as step:
        shown = showing.show(stage, of_grid[ada], cast[THIEF])
        step.note(f"{len(shown.kept_back)} claims kept back")
    day = Day()
    with show.step("First round: a gateway sells within its owner's bounds") as step:
        trading.authorise(stage, joined, calendar)
        _first(stage, joined, calendar, day)
        step.note(f"{day.rounds[0].traded_wh / 1e3:.1f} kWh")
    with show.step("Second round: the gateway is stolen") as step:
        _second(stage, joined, calendar, day)
        step.note(f"{day.rounds[1].traded_wh / 1e3:.1f} kWh")
    with show.step("Third round: gateway dismissed, a credential revoked") as step:
        _third(stage, joined, calendar, day, of_grid)
        step.note(f"{day.rounds[2].traded_wh / 1e3:.1f} kWh")
    with show.step("Delivery, readings, imbalance") as step:
        closures = living.live(stage, joined, calendar, day.rounds)
        step.note(f"{len(closures)} accounts closed")
    with show.step("A profile of two certificates and one settled day"):
        trusted = trusting.trust(
            stage,
            cast[ADA],
            [of_body[ada], of_grid[ada]],
            reader=cast[BANK],
            stranger=cast[THIEF],
            regulator=cast[REGULATOR],
        )
    with show.step("Sums of everybody's load under differential privacy; a home leaves") as step:
        kept = privacy.keep_private(
            stage, joined, calendar.day, analyst=cast[ANALYST], leaver=cast[_LEAVING]
        )
        step.note(f"{kept.accounts} accounts")
    replay = checks.replay(stage)
    return report_on(
        Results(
            stage=stage,
            joined=joined,
            credentials=len(of_grid) + len(of_body),
            handed_on=handed_on,
            shown=shown,
            day=day,
            closures=closures,
            trusted=trusted,
            kept=kept,
            replay=replay,
        ),
        show.seconds,
    )


def _first(stage: Stage, joined: Joined, calendar: Calendar, day: Day) -> None:
    desk = Desk.open(stage, joined, calendar, 0)
    desk.sells(joined.cast[GATEWAY])
    desk.homes_buy()
    day.rounds.append(desk.settle())


def _second(stage: Stage, joined: Joined, calendar: Calendar, day: Day) -> None:
    """A thief has the gateway's key, and the time until its owner notices."""
    cast = joined.cast
    desk = Desk.open(stage, joined, calendar, 1)
    desk.homes_buy()
    day.refused["the stolen gateway sells below the lowest price"] = desk.refusal(
        desk.dumped(), cast[GATEWAY]
    )
    day.refused["the thief signs with a key of his own"] = desk.refusal(desk.dumped(), cast[THIEF])
    desk.sells(cast[GATEWAY])
    day.refused["the gateway sells more than it may in a round"] = desk.refusal(
        desk.order(cast[ADA], 0, -1, -trading.LOWEST_ASK), cast[GATEWAY]
    )
    day.forced = desk.force(desk.dumped(), cast[GATEWAY], cast[THIEF]).digest
    day.rounds.append(desk.settle())


def _third(
    stage: Stage, joined: Joined, calendar: Calendar, day: Day, given: Mapping[str, Certified]
) -> None:
    """The owner dismisses the gateway, the issuer expels a home: both before the gate."""
    cast = joined.cast
    desk = Desk.open(stage, joined, calendar, 2)
    signed = desk.sells(cast[GATEWAY])
    day.dismissed = frozenset(each.digest for each in signed)
    bids = desk.homes_buy()
    expelled = cast[_EXPELLED]
    day.uncertified = frozenset(
        each.digest for each in bids if each.order.trader == expelled.address
    )
    trading.dismiss(stage, joined)
    certifying.revoke(stage, given.values(), given[expelled.address])
    day.refused["the gateway goes on after it was dismissed"] = desk.refusal(
        desk.order(cast[ADA], 0, -1, -trading.LOWEST_ASK), cast[GATEWAY]
    )
    day.refused["a home trades without its credential"] = desk.refusal(
        desk.order(expelled, 0, 1, trading.LOWEST_ASK), expelled
    )
    desk.sells(cast[ADA])
    day.rounds.append(desk.settle())
