"""The day itself, step by step, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.chp_power import MANIFEST
from market.chp_power.dispatch import planned_day
from market.dispatch import DispatchPlan, Edit
from market.inputs import to_json
from twin.chp.model import FloatArray
from twin.chp.operation import operate
from twin.chp.plan import ChpOutcome, ChpPlan
from wattproof.demo import checks, dispatching, metering, trading
from wattproof.demo.calendar import Calendar, calendar_from
from wattproof.demo.cast import Cast
from wattproof.demo.chp import events, response
from wattproof.demo.chp.lived import Results
from wattproof.demo.chp.options import ChpOptions
from wattproof.demo.chp.participants import gather, set_margins_aside
from wattproof.demo.chp.response import CalledEvent
from wattproof.demo.chp.results import report_on
from wattproof.demo.chp.scene import (
    DISPATCHER,
    FOUNDRY,
    FOUNDRY_CAPACITY_W,
    GRID_COMPANY,
    PAST_DAYS,
    PLANT,
    THERMAL,
    WIND,
    Scene,
)
from wattproof.demo.presentation import Presentation
from wattproof.demo.report import Comparison, DemoReport
from wattproof.demo.stage import Stage, open_stage
from wattproof.demo.trading import TradedRound
from wattproof.dispatch.planning import Proposal
from wattproof.meters import service as meters

_RULES = MANIFEST.rules
_PLANNING_HOUR = 9.0
_GATE_HOUR = 16.0
_DELIVERED_SHARE = 0.4
_REASON = "The northern line is under repair after the peak: keep the plant a little lower"


def play(
    scene: Scene, strategies: Comparison, options: ChpOptions, presentation: Presentation
) -> DemoReport:
    """Run the day on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused.
    """
    with open_stage(options.data_dir, presentation) as stage:
        calendar = calendar_from(stage, PAST_DAYS)
        return _Day(scene.on(calendar), stage, calendar).run(strategies)


@dataclass(frozen=True, slots=True)
class _Day:
    scene: Scene
    stage: Stage
    calendar: Calendar

    def run(self, strategies: Comparison) -> DemoReport:
        scene, stage, calendar = self.scene, self.stage, self.calendar
        show = stage.show
        with show.step("Identities, meters, roles") as step:
            joined = gather(stage, scene)
            cast, market = joined.cast, joined.market
            step.note(f"{len(cast.members)} participants")
        with show.step("Ten metered days go by") as step:
            scene.past.live_through(stage, cast, market, calendar, _PLANNING_HOUR)
            step.note(f"{2 * (PAST_DAYS - 1)} signed readings")
        with show.step("Programmes, enrolment, events called") as step:
            programmes = events.create(stage, cast, market)
            events.enrol(stage, cast, scene, programmes, calendar.first)
            peak, trough = events.call(stage, cast, scene, programmes, calendar)
            step.note(f"slots {peak.first_slot} and {trough.first_slot}, {peak.slots} each")
        with show.step("Plan over the dispatch centre's desk") as step:
            reviewed = self._review(cast, market)
            plan = reviewed.approved.plan
            step.note(f"{len(reviewed.edits)} slots fixed by hand, approved, acknowledged")
        with show.step("Stations instructed") as step:
            targets = self._instruct(cast, plan, peak, trough)
            step.note(", ".join(f"{watts / 1e6:.1f} MW" for watts in targets.values()))
        with show.step("Orders signed, receipts given") as step:
            bids = scene.bids(plan)
            set_margins_aside(stage, joined, bids)
            opened = trading.open_day(stage, market, calendar, _RULES, _GATE_HOUR)
            signed, receipts = trading.hand_in(stage, cast, opened, bids)
            dispatching.bid_from(stage, reviewed, cast[PLANT], signed, [cast[PLANT].address])
            step.note(f"{len(signed)} orders")
        with show.step("Cleared and settled on-chain") as step:
            traded = trading.settle(stage, opened, _RULES, signed, receipts)
            step.note(f"{traded.settlement.book.count} orders")
        with show.step("Delivery and readings") as step:
            planned = planned_day(scene.inputs, reviewed.edits)
            outcome = self._lived(planned)
            metered = self._metered(cast, traded, outcome, targets, peak)
            scene.past.end_day(stage, cast, market, calendar, metered)
            step.note(f"{len(metered)} signed readings")
        with show.step("Performance reported, imbalance closed") as step:
            stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
            closures = metering.closures(stage, market, calendar.day)
            step.note(f"{len(closures)} accounts")
        called = {each.event: each for each in (peak, trough)}
        with show.step("Incentive and penalty paid"):
            stage.advance_to(stage.now() + peak.terms.dispute_window + 1)
            parts = {
                (event, name): response.part_of(stage, called[event], cast[name])
                for event, name in targets
            }
        with show.step("Twin corrected by the meters"):
            corrected = dispatching.measure(stage, reviewed, cast[PLANT], to_json(outcome))
        replay = checks.replay(stage)
        return report_on(
            Results(
                scene=scene,
                stage=stage,
                cast=cast,
                traded=traded,
                reviewed=reviewed,
                plan=planned,
                outcome=outcome,
                heat_led=scene.heat_led,
                metered_wh=metered,
                peak=peak,
                trough=trough,
                targets_w=targets,
                parts=parts,
                closures=closures,
                corrected=corrected,
                replay=replay,
            ),
            strategies,
            show.seconds,
        )

    def _review(self, cast: Cast, market: int) -> dispatching.Reviewed:
        proposal = Proposal(
            market=market,
            period=self.calendar.day,
            participant=cast[PLANT].address,
            inputs=to_json(self.scene.inputs),
        )
        return dispatching.review(
            self.stage, proposal, cast[PLANT], cast[DISPATCHER], self._edits, _REASON
        )

    def _edits(self, plan: DispatchPlan) -> tuple[Edit, ...]:
        """Three slots after the event's highest load, held 2 % lower than proposed."""
        load_w = self.scene.inputs.signal.load_w
        first = min(int(np.argmax(load_w)) + 6, plan.slots - 3)
        line = plan.lines["electricity"]
        return tuple(
            Edit("electricity", slot, round(0.98 * line[slot])) for slot in range(first, first + 3)
        )

    def _instruct(
        self, cast: Cast, plan: DispatchPlan, peak: CalledEvent, trough: CalledEvent
    ) -> dict[tuple[int, str], int]:
        """Targets by event and name, W; nobody is asked for nothing."""
        wanted = {
            (peak.event, PLANT): events.plant_target_w(self.scene, plan, peak),
            (peak.event, FOUNDRY): FOUNDRY_CAPACITY_W,
            (trough.event, PLANT): events.plant_target_w(self.scene, plan, trough),
        }
        targets = {place: watts for place, watts in wanted.items() if watts > 0}
        called = {each.event: each for each in (peak, trough)}
        for (number, name), watts in targets.items():
            response.instruct(self.stage, cast[GRID_COMPANY], called[number], cast[name], watts)
        return targets

    def _lived(self, plan: ChpPlan) -> ChpOutcome:
        """The plant's real day, following a plan."""
        inputs = self.scene.inputs
        return operate(inputs.model(), plan, inputs.signal, self.scene.real)

    def _metered(
        self,
        cast: Cast,
        traded: TradedRound,
        outcome: ChpOutcome,
        targets: dict[tuple[int, str], int],
        peak: CalledEvent,
    ) -> dict[str, FloatArray]:
        """What every meter shows, Wh a slot.

        The foundry sheds only a part of what it promised. Thermal stations are nominated upstream
        and deliver as traded.
        """
        hours = self.scene.slot_hours
        metered = {name: load.metered_wh.copy() for name, load in self.scene.loads.items()}
        shed_w = _DELIVERED_SHARE * targets[peak.event, FOUNDRY]
        metered[FOUNDRY][peak.window] -= shed_w * hours
        metered[PLANT] = -outcome.power_w * hours
        metered[WIND] = -outcome.wind_taken_w * hours
        metered[THERMAL] = traded.positions_wh(cast)[THERMAL]
        return metered
