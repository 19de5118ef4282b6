"""What the day is about: the twin's model, its plan, and what will really happen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from market.ev_battery.bids import Bid, fleet_bids
from market.ev_battery.supplier import consumer_bids, supplier_bids
from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import uncontrolled
from twin.ev_fleet.plan import FleetOutcome, FleetPlan
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.twin import EvFleetTwin, FleetModel, FleetSite
from twin.horizon import Horizon
from wattproof.demo.options import DemoOptions
from wattproof.demo.presentation import Presentation

SUPPLIER = "supplier"
_CONSUMERS = 4
_SCENARIOS = 48
_LOAD_ERROR = 0.03
_LOAD_WORTH_PER_KWH = 1.0
_HEADROOM = 1.3
_START = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Consumer:
    """Somebody with a load that cannot be shifted; arrays shaped (slot,), Wh."""

    owner_id: str
    forecast_wh: FloatArray
    metered_wh: FloatArray


@dataclass(frozen=True, slots=True)
class Scene:
    """A day, planned but not yet lived.

    Attributes:
        stays: the real stays, which the plan does not know.
        baseline: uncontrolled charging of the real stays.
        connection_w: what the supplier's connection can carry.
        input: where the numbers come from, for the report.
        comparison: rows of the strategies' table, where real sessions are compared.
    """

    title: str
    horizon: Horizon
    vehicles: Vehicles
    stays: Stays
    signal: PriceSignal
    twin: EvFleetTwin
    model: FleetModel
    plan: FleetPlan
    baseline: FleetOutcome
    consumers: tuple[Consumer, ...]
    connection_w: float
    input: dict[str, Any]
    comparison: tuple[dict[str, Any], ...] = ()

    @property
    def owner_ids(self) -> tuple[str, ...]:
        """Owners of vehicles, each once, in order."""
        return tuple(dict.fromkeys(self.vehicles.owner_ids))

    @property
    def participants(self) -> tuple[str, ...]:
        """Everybody who trades."""
        return (*self.owner_ids, SUPPLIER, *(consumer.owner_id for consumer in self.consumers))

    def bids(self) -> tuple[Bid, ...]:
        """What everybody wants to trade."""
        bids = fleet_bids(self.plan) + supplier_bids(
            SUPPLIER, self.signal.price_per_kwh, self.connection_w, self.horizon.slot_hours
        )
        for consumer in self.consumers:
            bids += consumer_bids(consumer.owner_id, consumer.forecast_wh, _LOAD_WORTH_PER_KWH)
        return bids


def build_scene(options: DemoOptions, presentation: Presentation) -> Scene:
    """The seeded fleet, or a day of real sessions. Raises InvalidError for unusable input."""
    return _published(options, presentation)


def _published(options: DemoOptions, presentation: Presentation) -> Scene:
    with presentation.step("Digital twin: fleet, scenarios, plan") as step:
        fleet = published_fleet(options.seed, options.vehicles, _START)
        twin = EvFleetTwin()
        model = twin.construct(FleetSite(fleet.horizon, fleet.vehicles, fleet.habits))
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(3,)))
        plan = twin.decide(model, twin.sample(model, rng, _SCENARIOS), fleet.signal)
        stays = fleet.day().stays(0)
        baseline = uncontrolled(fleet.vehicles, stays, fleet.horizon)
        step.note(f"{fleet.vehicles.count} vehicles, {_SCENARIOS} scenarios")
    peak_w = float(baseline.feeder_w(fleet.horizon, fleet.signal.base_load_w).max())
    return Scene(
        title=f"Seeded fleet of {options.vehicles} vehicles, noon to noon",
        horizon=fleet.horizon,
        vehicles=fleet.vehicles,
        stays=stays,
        signal=fleet.signal,
        twin=twin,
        model=model,
        plan=plan,
        baseline=baseline,
        consumers=_consumers(fleet.signal, fleet.horizon, rng),
        connection_w=_HEADROOM * peak_w,
        input={"fleet": "published", "seed": options.seed, "vehicles": options.vehicles},
    )


def _consumers(
    signal: PriceSignal, horizon: Horizon, rng: np.random.Generator
) -> tuple[Consumer, ...]:
    """The households' base load in equal blocks, metered with a forecast error of 3 %."""
    share = signal.base_load_w * horizon.slot_hours / _CONSUMERS
    return tuple(
        Consumer(
            f"households-{block + 1}",
            share,
            share * np.maximum(1.0 + _LOAD_ERROR * rng.standard_normal(share.size), 0.0),
        )
        for block in range(_CONSUMERS)
    )
