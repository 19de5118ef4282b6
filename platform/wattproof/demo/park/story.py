"""The day itself, step by step, on a platform of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.dispatch import DispatchPlan, Edit
from market.inputs import to_json
from market.park_energy.bids import orders_of
from market.park_energy.delivery import Filled, filled_wh, lived_shares
from market.park_energy.dispatch import PLANNER, SiteLog
from market.park_energy.rules import CARRIERS, RULES
from twin.park.believed import main_output, output_w
from wattproof.demo import checks, dispatching, metering, trading
from wattproof.demo.calendar import DAY_S, Calendar, calendar_from
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.park.lived import Results, filled_of, meter_values
from wattproof.demo.park.options import ParkOptions
from wattproof.demo.park.participants import (
    Joined,
    gather,
    install_meters,
    set_margins_aside,
    transport_orders,
)
from wattproof.demo.park.results import report_on
from wattproof.demo.park.scene import DISPATCHER, STATION, Scene
from wattproof.demo.presentation import Presentation
from wattproof.demo.report import Comparison, DemoReport
from wattproof.demo.stage import Stage, open_stage
from wattproof.dispatch.planning import Proposal
from wattproof.meters import service as meters

_GATE_HOUR = 16.0
_PAST_DAYS = 2  # the eve, on which the gate closes, has not begun
_ELECTRICITY = CARRIERS[0]
_SITE_REASON = "A bearing runs warm: keep the machine a tenth lower where it is loaded most"
_STATION_REASON = "Keep a little in the store through the dearest quarter-hour"


def play(
    scene: Scene, strategies: Comparison, options: ParkOptions, presentation: Presentation
) -> DemoReport:
    """Run the day on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused.
    """
    with open_stage(options.data_dir, presentation) as stage:
        calendar = calendar_from(stage, _PAST_DAYS)
        return _Day(scene.on(calendar), stage, calendar).run(strategies)


@dataclass(frozen=True, slots=True)
class _Day:
    scene: Scene
    stage: Stage
    calendar: Calendar

    def run(self, strategies: Comparison) -> DemoReport:
        scene, stage, calendar = self.scene, self.stage, self.calendar
        show = stage.show
        with show.step("Market, network, identities") as step:
            joined = gather(stage, scene)
            cast, market = joined.cast, joined.market
            step.note(f"{len(cast.members)} participants, {len(joined.network.links)} links")
        with show.step("Plans over the dispatch centre's desk") as step:
            reviewed = self._review(joined)
            step.note(", ".join(f"{len(each.edits)} slots of {n}" for n, each in reviewed.items()))
        with show.step("All sites plan and bid, meters installed") as step:
            plans = {site.name: PLANNER.solve(scene.site_inputs(site)) for site in scene.park.sites}
            desk = reviewed[scene.desk_site]
            plans[scene.desk_site] = desk.approved.plan
            offers = scene.offers(
                plans, {scene.desk_site: desk.edits}, reviewed[STATION].approved.plan
            )
            bids = orders_of(offers)
            opened = trading.open_day(stage, market, calendar, RULES, _GATE_HOUR)
            transport = transport_orders(joined, opened)
            installed = install_meters(stage, joined, plans, bids, transport)
            set_margins_aside(stage, joined, bids, transport)
            step.note(f"{len(installed)} meters")
        with show.step("Orders signed, receipts given") as step:
            signed, receipts = trading.hand_in(stage, cast, opened, bids, transport)
            for name, each in reviewed.items():
                dispatching.bid_from(stage, each, cast[name], signed, [cast[name].address])
            step.note(f"{len(signed)} orders")
        with show.step("Cleared and settled on-chain") as step:
            traded = trading.settle(stage, opened, RULES, signed, receipts)
            step.note(f"{len(traded.settlement.book.grid)} products in one clearing")
        with show.step("Delivery and readings of every carrier") as step:
            filled = filled_of(traded, offers)
            values = {
                meter: metering.whole_wh(drawn)
                for meter, drawn in meter_values(scene, cast, traded, filled, installed).items()
            }
            stage.advance_to(calendar.at(calendar.day) + DAY_S)
            metering.post_carriers(stage, cast, market, calendar.day, values)
            step.note(f"{len(values)} signed readings")
        with show.step("Imbalance closed, carrier by carrier") as step:
            stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
            closures = metering.closures(stage, market, calendar.day)
            step.note(f"{len(closures)} accounts")
        with show.step("Twins corrected by the meters"):
            corrected = dispatching.measure(stage, desk, cast[scene.desk_site], self._log(filled))
            dispatching.measure(stage, reviewed[STATION], cast[STATION], {})
        replay = checks.replay(stage)
        return report_on(
            Results(
                scene=scene,
                stage=stage,
                cast=cast,
                network=joined.network,
                traded=traded,
                offers=offers,
                reviewed=reviewed,
                metered_wh=values,
                closures=closures,
                corrected=corrected,
                replay=replay,
            ),
            strategies,
            show.seconds,
        )

    def _review(self, joined: Joined) -> dict[str, Reviewed]:
        """The plans that a dispatcher looks at: of a site, and of the station."""
        scene, cast = self.scene, joined.cast
        site = scene.park.site(scene.desk_site)
        wanted: dict[str, tuple[Any, Any, str]] = {
            site.name: (scene.site_inputs(site), self._site_edits, _SITE_REASON),
            STATION: (scene.station, _station_edits, _STATION_REASON),
        }
        return {
            name: dispatching.review(
                self.stage,
                Proposal(
                    market=joined.market,
                    period=self.calendar.day,
                    participant=cast[name].address,
                    inputs=to_json(inputs),
                ),
                cast[name],
                cast[DISPATCHER],
                edits_of,
                reason,
            )
            for name, (inputs, edits_of, reason) in wanted.items()
        }

    def _site_edits(self, plan: DispatchPlan) -> tuple[Edit, ...]:
        """The machine that is largest, a tenth lower in the four slots that load it most."""
        line = plan.lines[self.scene.failure.part]
        loads = np.convolve(np.array(line, dtype=float), np.ones(4), mode="valid")
        first = int(np.argmax(loads))
        return tuple(
            Edit(self.scene.failure.part, slot, round(0.9 * line[slot]))
            for slot in range(first, first + 4)
        )

    def _log(self, filled: Sequence[Filled]) -> Any:
        """What the desk site saw of its machines and processes, as its next plan learns from."""
        scene = self.scene
        site, hours = scene.park.site(scene.desk_site), scene.slot_hours
        slots = scene.park.horizon.slots
        own = [each for each in filled if each.offer.bid.owner_id == site.name]
        traded = filled_wh(own, slots)
        nothing = np.zeros((len(CARRIERS), slots))
        drive = np.array(
            [traded.get(part.name, nothing)[part.drive] / hours for part in site.converters]
        )
        given = np.array(
            [
                output_w(part, drive[place], main_output(part))
                for place, part in enumerate(site.converters)
            ]
        )
        expected, real = scene.needs(scene.expected), scene.needs(scene.real)
        lived = lived_shares(site, expected[site.name], real[site.name])
        wanted = expected[site.name].demand_w * np.array(
            [lived[part.name] for part in site.processes]
        ).reshape(-1, slots)
        for place, part in enumerate(site.converters):
            if part.name == scene.failure.part:
                drive[place, scene.failure.slots] *= scene.failure.share
                given[place, scene.failure.slots] *= scene.failure.share
        return to_json(SiteLog(drive, given, wanted))


def _station_edits(plan: DispatchPlan) -> tuple[Edit, ...]:
    """A fifth less given in the slot that gives most."""
    line = plan.lines[_ELECTRICITY]
    slot = int(np.argmin(np.array(line)))
    return (Edit(_ELECTRICITY, slot, round(0.8 * line[slot])),)
