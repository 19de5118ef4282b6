"""The day itself, step by step, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.ev_battery import MANIFEST
from market.ev_battery.delivery import deliver_positions
from market.readings import readings
from twin.ev_fleet.model import FloatArray
from twin.ev_fleet.plan import FleetOutcome
from twin.ev_fleet.twin import FleetModel, MeteredDay
from wattproof import audit
from wattproof.demo import metering, trading
from wattproof.demo.cast import Cast
from wattproof.demo.ev.options import EvOptions
from wattproof.demo.ev.participants import gather
from wattproof.demo.ev.results import Results, report_on
from wattproof.demo.ev.scene import SUPPLIER, Scene
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
        return _Day(scene, stage).run()


@dataclass(frozen=True, slots=True)
class _Day:
    scene: Scene
    stage: Stage

    def run(self) -> DemoReport:
        scene, stage, show = self.scene, self.stage, self.stage.show
        platform = stage.platform
        bids = scene.bids()
        with show.step("Identities, meters, money") as step:
            joined = gather(stage, scene, bids)
            cast = joined.cast
            step.note(f"{len(cast.members)} participants")
        with show.step("Orders signed, receipts given") as step:
            opened = self._open_round(joined.market)
            signed, receipts = trading.hand_in(stage, cast, opened, bids)
            step.note(f"{len(signed)} orders")
        with show.step("Cleared and settled on-chain") as step:
            traded = trading.settle(stage, opened, _RULES, signed, receipts)
            settlement = traded.settlement
            step.note(f"{settlement.book.count} orders, {len(settlement.clearing.prices)} prices")
        period = opened.first_slot // _RULES.period_slots
        with show.step("Delivery and readings") as step:
            positions = traded.positions_wh(cast)
            outcome = self._deliver(positions, traded)
            stage.advance_to(opened.first_slot * _RULES.slot_seconds + _DAY_S)
            self._post(cast, opened.market, period, outcome, positions)
            step.note(f"{len(cast.members)} signed readings")
        with show.step("Imbalance closed") as step:
            stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
            closures = metering.closures(stage, opened.market, period)
            step.note(f"{len(closures)} accounts")
        with show.step("Twin corrected by the meters"):
            corrected = self._close_loop(outcome)
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
                capacity_wh=joined.capacity_wh,
                traded=traded,
                positions_wh=positions,
                outcome=outcome,
                closures=closures,
                corrected=corrected,
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

    def _deliver(self, positions: dict[str, FloatArray], traded: TradedRound) -> FleetOutcome:
        """The fleet's real day: re-planned as sessions came, or following what was traded."""
        scene = self.scene
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

    def _close_loop(self, outcome: FleetOutcome) -> FleetModel:
        scene = self.scene
        came = np.ones(scene.stays.count, dtype=np.bool_)
        return scene.twin.close_loop(scene.model, MeteredDay(scene.stays, outcome, came))


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
