"""The day itself, step by step, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.chp_power import MANIFEST
from market.chp_power.dispatch import planned_day
from market.dispatch import DispatchPlan, Edit
from market.inputs import to_json
from market.readings import readings
from twin.chp.model import FloatArray
from twin.chp.operation import operate
from twin.chp.plan import ChpOutcome, ChpPlan
from wattproof import audit
from wattproof.demo import dispatching, metering, trading
from wattproof.demo.calendar import DAY_S, Calendar, calendar_from
from wattproof.demo.cast import Cast
from wattproof.demo.chp import events, response
from wattproof.demo.chp.options import ChpOptions
from wattproof.demo.chp.participants import gather, set_margins_aside
from wattproof.demo.chp.response import CalledEvent
from wattproof.demo.chp.results import Results, report_on
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
        show, platform = stage.show, stage.platform
        with show.step("Identities, meters, roles") as step:
            joined = gather(stage, scene)
            cast, market = joined.cast, joined.market
            step.note(f"{len(cast.members)} participants")
        with show.step("Ten metered days go by") as step:
            self._live_through_history(cast, market)
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
            opened = trading.open_round(
                stage,
                market,
                gate_at=calendar.at(calendar.eve, _GATE_HOUR),
                first_slot=calendar.day * _RULES.period_slots,
                slots=_RULES.period_slots,
            )
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
            self._post_day(cast, market, metered)
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
        with show.step("Replay from the chain alone") as step:
            replay = audit.replay(
                platform.chain.rpc_url, platform.deployment, database=platform.engine
            )
            step.note(f"{sum(replay.checked.values()):,} values compared")
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

    def _live_through_history(self, cast: Cast, market: int) -> None:
        """All days but the eve, two at a time, and on to the eve's morning."""
        calendar = self.calendar
        past = list(calendar.history)[:-1]
        for place in range(0, len(past), 2):
            pair = past[place : place + 2]
            self.stage.advance_to(calendar.at(pair[-1] + 1))
            for period in pair:
                metering.post(self.stage, cast, market, period, self._past_values(period))
        self.stage.advance_to(calendar.at(calendar.eve, _PLANNING_HOUR))

    def _past_values(self, period: int) -> Any:
        place = period - self.calendar.first
        power_w = self.scene.history[place].power_w
        rows = np.vstack([-power_w * self.scene.slot_hours, self.scene.foundry_history_wh[place]])
        return readings((PLANT, FOUNDRY), rows, _RULES.period_slots)

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

    def _post_day(self, cast: Cast, market: int, metered: dict[str, FloatArray]) -> None:
        """The eve's readings of those with a baseline, then everybody's of the day."""
        calendar, stage = self.calendar, self.stage
        stage.advance_to(calendar.at(calendar.day) + DAY_S)
        metering.post(stage, cast, market, calendar.eve, self._past_values(calendar.eve))
        values = readings(list(metered), np.vstack(list(metered.values())), _RULES.period_slots)
        metering.post(stage, cast, market, calendar.day, values)
