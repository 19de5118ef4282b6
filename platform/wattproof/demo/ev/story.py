"""The day itself, step by step, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from market.ev_battery import MANIFEST
from market.ev_battery.delivery import deliver_positions
from market.readings import readings
from twin.ev_fleet.model import FloatArray
from twin.ev_fleet.plan import FleetOutcome
from twin.ev_fleet.twin import MeteredDay
from wattproof.demo import checks, metering, trading
from wattproof.demo.cast import Cast
from wattproof.demo.dispatching import Reviewed, bid_from
from wattproof.demo.ev import desk
from wattproof.demo.ev.options import EvOptions
from wattproof.demo.ev.participants import gather, set_margins_aside
from wattproof.demo.ev.results import Results, report_on
from wattproof.demo.ev.scene import PILE_OPERATOR, SUPPLIER, Scene
from wattproof.demo.presentation import Presentation
from wattproof.demo.report import DemoReport
from wattproof.demo.stage import Stage, open_stage
from wattproof.demo.trading import TradedRound
from wattproof.meters import service as meters

_RULES = MANIFEST.rules
_DAY_S = _RULES.slot_seconds * _RULES.period_slots


def play(scene: Scene, options: EvOptions, presentation: Presentation) -> DemoReport:
    """Run the day on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused.
    """
    with open_stage(options.data_dir, presentation) as stage:
        return _Day(scene, stage, options.seed).run()


@dataclass(frozen=True, slots=True)
class _Day:
    scene: Scene
    stage: Stage
    seed: int

    def run(self) -> DemoReport:
        scene, stage, show = self.scene, self.stage, self.stage.show
        with show.step("Identities, meters") as step:
            joined = gather(stage, scene, scene.bids())
            cast = joined.cast
            step.note(f"{len(cast.members)} participants")
        opened = self._open_round(joined.market)
        reviewed: Reviewed | None = None
        if scene.lived is None:
            with show.step("Plan over the dispatch centre's desk") as step:
                reviewed, approved = desk.review(stage, scene, cast, opened, self.seed)
                scene = replace(scene, plan=approved)
                step.note(f"{len(reviewed.edits)} slots fixed by hand, approved, acknowledged")
        with show.step("Margins set aside, orders signed, receipts given") as step:
            bids = scene.bids()
            set_margins_aside(stage, joined, bids)
            signed, receipts = trading.hand_in(stage, cast, opened, bids)
            if reviewed is not None:
                owners = [cast[name].address for name in scene.owner_ids]
                bid_from(stage, reviewed, cast[PILE_OPERATOR], signed, owners)
            step.note(f"{len(signed)} orders")
        with show.step("Cleared and settled on-chain") as step:
            traded = trading.settle(stage, opened, _RULES, signed, receipts)
            settlement = traded.settlement
            step.note(f"{settlement.book.count} orders, {len(settlement.clearing.prices)} prices")
        period = opened.first_slot // _RULES.period_slots
        with show.step("Delivery and readings") as step:
            positions = traded.positions_wh(cast)
            outcome = _deliver(scene, positions, traded)
            stage.advance_to(opened.first_slot * _RULES.slot_seconds + _DAY_S)
            self._post(cast, opened.market, period, outcome, positions)
            step.note(f"{len(scene.participants)} signed readings")
        with show.step("Imbalance closed") as step:
            stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
            closures = metering.closures(stage, opened.market, period)
            step.note(f"{len(closures)} accounts")
        with show.step("Twin corrected by the meters"):
            learnt = (
                desk.learn(stage, scene, cast, reviewed, outcome)
                if reviewed is not None
                else _learnt(scene, outcome)
            )
        replay = checks.replay(stage)
        return report_on(
            Results(
                scene=scene,
                stage=stage,
                cast=cast,
                capacity_wh=joined.capacity_wh,
                traded=traded,
                positions_wh=positions,
                outcome=outcome,
                closures=closures,
                reviewed=reviewed,
                days_learnt=learnt,
                replay=replay,
            ),
            show.seconds,
        )

    def _open_round(self, market: int) -> trading.OpenRound:
        """Open a round of the whole next UTC day that is far enough."""
        gate_at = self.stage.now() + trading.GATE_LEAD_S
        first_slot = (gate_at // _DAY_S + 1) * _RULES.period_slots
        return trading.open_round(
            self.stage,
            market,
            gate_at=gate_at,
            first_slot=first_slot,
            slots=self.scene.horizon.slots,
        )

    def _post(
        self,
        cast: Cast,
        market: int,
        period: int,
        outcome: FleetOutcome,
        positions: dict[str, FloatArray],
    ) -> None:
        """Every device signs its period and the platform posts it.

        The supplier's schedule is nominated upstream and delivered as traded.
        """
        scene = self.scene
        names = [*scene.vehicles.owner_ids, SUPPLIER, *(c.owner_id for c in scene.consumers)]
        metered = np.vstack(
            [
                outcome.energy_wh,
                positions[SUPPLIER][None, :],
                *(consumer.metered_wh[None, :] for consumer in scene.consumers),
            ]
        )
        values = readings(names, metered, _RULES.period_slots)
        metering.post(self.stage, cast, market, period, values)


def _deliver(scene: Scene, positions: dict[str, FloatArray], traded: TradedRound) -> FleetOutcome:
    """The fleet's real day: re-planned as sessions came, or following what was traded."""
    if scene.lived is not None:
        return scene.lived
    return deliver_positions(
        scene.vehicles,
        scene.stays,
        scene.horizon,
        share_positions(scene, positions),
        np.array(traded.settlement.clearing.prices, dtype=float),
        scene.metered_load_w(),
    )


def _learnt(scene: Scene, outcome: FleetOutcome) -> int:
    """Let the twin learn from the day; how many days it has learnt from since."""
    came = np.ones(scene.stays.count, dtype=np.bool_)
    corrected = scene.twin.close_loop(scene.model, MeteredDay(scene.stays, outcome, came))
    return corrected.days_closed - scene.model.days_closed


def share_positions(scene: Scene, positions: dict[str, FloatArray]) -> FloatArray:
    """An owner's position spread over its vehicles as planned, shape (vehicle, slot), Wh."""
    planned = scene.plan.energy_wh
    spread = np.zeros_like(planned)
    for owner in scene.owner_ids:
        own = [place for place, name in enumerate(scene.vehicles.owner_ids) if name == owner]
        total = positions[owner]
        if len(own) == 1:
            spread[own[0]] = total
            continue
        part = np.abs(planned[own])
        weight = part.sum(axis=0)
        spread[own] = total * np.where(weight > 0.0, part / np.where(weight > 0.0, weight, 1), 0.0)
    return spread
