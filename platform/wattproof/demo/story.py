"""The day itself, step by step, on a platform of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlmodel import col, select

from market.ev_battery import MANIFEST
from market.ev_battery.bids import Bid, orders
from market.ev_battery.delivery import deliver_positions, readings
from market.messages import Receipt
from market.order import SignedOrder, order_hash, sign_order
from market.product import Product
from market.settlement import Settlement
from twin.ev_fleet.model import FloatArray
from twin.ev_fleet.plan import FleetOutcome
from twin.ev_fleet.twin import FleetModel, MeteredDay
from wattproof import audit
from wattproof.demo.cast import Cast, gather
from wattproof.demo.options import DemoOptions
from wattproof.demo.presentation import Presentation
from wattproof.demo.report import DemoReport
from wattproof.demo.rest import rest
from wattproof.demo.results import Results, report_on
from wattproof.demo.scene import SUPPLIER, Scene
from wattproof.errors import InvalidError, WattproofError
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.keys import Role
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow
from wattproof.orders import service as order_desk
from wattproof.orders.service import SignedReceipt
from wattproof.profiles import open_platform
from wattproof.rounds import service as rounds
from wattproof.rounds.facts import get_round
from wattproof.rounds.settlement import stored_settlement
from wattproof.runtime import Platform
from wattproof.settings import Profile, Settings

_GATE_LEAD_S = 3_600
_RULES = MANIFEST.rules
_DAY_S = _RULES.slot_seconds * _RULES.period_slots


def play(scene: Scene, options: DemoOptions, presentation: Presentation) -> DemoReport:
    """Run the day on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused.
    """
    with _folder(options.data_dir) as folder:
        settings = Settings(
            profile=Profile.EMBEDDED,
            data_dir=folder,
            database_url="",
            rpc_url="",
            deployment_file=None,
        )
        with presentation.step("Chain and contracts") as step:
            platform_manager = open_platform(settings)
            platform = platform_manager.__enter__()
            rest(platform)
            step.note(f"chain {platform.deployment.chain_id}")
        try:
            return _Day(scene, platform, presentation).run()
        finally:
            platform_manager.__exit__(None, None, None)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="wattproof-demo-") as folder:
            yield Path(folder)
        return
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise InvalidError(f"{wanted} is not an empty folder: the demo day begins on a new chain")
    yield wanted


@dataclass(frozen=True, slots=True)
class _Day:
    scene: Scene
    platform: Platform
    presentation: Presentation

    def run(self) -> DemoReport:
        scene, platform, show = self.scene, self.platform, self.presentation
        bids = scene.bids()
        with show.step("Identities, meters, money") as step:
            cast = gather(platform, scene, bids)
            step.note(f"{len(cast.members)} participants")
        with show.step("Orders signed, receipts given") as step:
            number, first_slot = self._open_round(cast)
            signed, receipts = self._bid(cast, bids, number, first_slot)
            step.note(f"{len(signed)} orders")
        with show.step("Cleared and settled on-chain") as step:
            self._advance_to(self._gate(cast, number))
            settlement = self._settled(cast.market, number)
            step.note(f"{settlement.book.count} orders, {len(settlement.clearing.prices)} prices")
        with show.step("Delivery and readings") as step:
            positions = _positions(settlement, cast, first_slot, scene.horizon.slots)
            outcome = self._deliver(positions, settlement)
            self._advance_to(first_slot * _RULES.slot_seconds + _DAY_S)
            self._post(cast, first_slot // _RULES.period_slots, outcome, positions)
            step.note(f"{len(cast.members)} signed readings")
        with show.step("Imbalance closed") as step:
            self._advance_to(self._now() + meters.DISPUTE_WINDOW_S + 1)
            rest(platform)
            closures = self._closures(cast.market, first_slot // _RULES.period_slots)
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
                platform=platform,
                cast=cast,
                round=number,
                first_slot=first_slot,
                signed=signed,
                receipts=receipts,
                receipts_hold=self._receipts_hold(cast, receipts),
                settlement=settlement,
                positions_wh=positions,
                outcome=outcome,
                closures=closures,
                corrected=corrected,
                replay=replay,
            ),
            show.seconds,
        )

    def _now(self) -> int:
        return self.platform.clock.now()

    def _advance_to(self, timestamp: int) -> None:
        clock = self.platform.clock
        assert isinstance(clock, ChainClock)  # the embedded profile has no other
        clock.advance_to(timestamp)

    def _open_round(self, cast: Cast) -> tuple[int, int]:
        """Open a round of the whole next UTC day that is far enough; its number and first slot."""
        gate_at = self._now() + _GATE_LEAD_S
        first_slot = (gate_at // _DAY_S + 1) * _RULES.period_slots
        with self.platform.transaction() as session:
            number = rounds.open_round(
                self.platform,
                session,
                cast.market,
                gate_at=gate_at,
                first_slot=first_slot,
                slots=self.scene.horizon.slots,
            ).number
        rest(self.platform)
        return number, first_slot

    def _bid(
        self, cast: Cast, bids: tuple[Bid, ...], number: int, first_slot: int
    ) -> tuple[list[SignedOrder], list[SignedReceipt]]:
        """Everybody signs its orders and hands them in, as over REST."""
        keys = {member.address: bytes(member.account.key) for member in cast.members.values()}
        domain = self.platform.domain
        made = orders(
            bids, market=cast.market, round=number, first_slot=first_slot, traders=cast.traders
        )
        signed = [
            SignedOrder(
                order,
                sign_order(domain, order, keys[order.trader]),
                order_hash(domain, order),
            )
            for order in made
        ]
        receipts: list[SignedReceipt] = []
        for member in cast.members.values():
            own = [each for each in signed if each.order.trader == member.address]
            with self.platform.transaction() as session:
                receipts += order_desk.submit_many(
                    self.platform, session, [(each.order, each.signature) for each in own]
                )
        return signed, receipts

    def _receipts_hold(self, cast: Cast, receipts: list[SignedReceipt]) -> bool:
        operator = self.platform.keys.address(Role.OPERATOR)
        domain = self.platform.domain
        return all(
            Receipt(each.market, each.round, each.order_hash, each.received_at).signer(
                domain, each.signature
            )
            == operator
            for each in receipts
        )

    def _gate(self, cast: Cast, number: int) -> int:
        with self.platform.transaction() as session:
            return get_round(session, cast.market, number).gate_at

    def _settled(self, market: int, number: int) -> Settlement:
        rest(self.platform)
        with self.platform.transaction() as session:
            row = get_round(session, market, number)
            if row.state != "confirmed":
                raise WattproofError(f"the round is {row.state}, not settled: {row.error}")
            return stored_settlement(session, market, number)

    def _deliver(self, positions: dict[str, FloatArray], settlement: Settlement) -> FleetOutcome:
        """The fleet's real day: re-planned as sessions came, or following what was traded."""
        scene = self.scene
        if scene.lived is not None:
            return scene.lived
        return deliver_positions(
            scene.vehicles,
            scene.stays,
            scene.horizon,
            share_positions(scene, positions),
            np.array(settlement.clearing.prices, dtype=float),
            scene.metered_load_w(),
        )

    def _post(
        self,
        cast: Cast,
        period: int,
        outcome: FleetOutcome,
        positions: dict[str, FloatArray],
    ) -> None:
        """Every device signs its period and the platform posts it.

        The supplier's schedule is nominated upstream and delivered as traded.
        """
        scene, platform = self.scene, self.platform
        names = [*scene.vehicles.owner_ids, SUPPLIER, *(c.owner_id for c in scene.consumers)]
        metered = np.vstack(
            [
                outcome.energy_wh,
                positions[SUPPLIER][None, :],
                *(consumer.metered_wh[None, :] for consumer in scene.consumers),
            ]
        )
        domain = meters.domain(platform)
        with platform.transaction() as session:
            for name, values in readings(names, metered, _RULES.period_slots).items():
                device = cast.members[name].device
                taken = meters.Readings(str(device.address), cast.market, period, tuple(values))
                meters.post_readings(
                    platform, session, taken, taken.sign(domain, bytes(device.key))
                )
        rest(platform)

    def _closures(self, market: int, period: int) -> dict[str, ClosureRow]:
        with self.platform.transaction() as session:
            rows = session.exec(
                select(ClosureRow).where(
                    ClosureRow.market == market,
                    ClosureRow.period == period,
                    col(ClosureRow.closed).is_(True),
                )
            ).all()
        return {row.account: row for row in rows}

    def _close_loop(self, outcome: FleetOutcome) -> FleetModel:
        scene = self.scene
        came = np.ones(scene.stays.count, dtype=np.bool_)
        return scene.twin.close_loop(scene.model, MeteredDay(scene.stays, outcome, came))


def _positions(
    settlement: Settlement, cast: Cast, first_slot: int, slots: int
) -> dict[str, FloatArray]:
    """What everybody traded, Wh a slot by name, positive bought."""
    names = {address: name for name, address in cast.traders.items()}
    positions = {name: np.zeros(slots) for name in cast.members}
    for leaf in settlement.positions:
        own = positions[names[leaf.trader]]
        for entry in leaf.entries:
            own[Product.from_id(entry.product).slot - first_slot] += entry.quantity_wh
    return positions


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
