"""What the day is about: the twin's model, its plan, and what will really happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from market.bid import Bid
from market.ev_battery.bids import fleet_bids
from market.ev_battery.rules import RULES
from market.quantise import price_nano_per_kwh
from market.supply import SupplyTerms, consumer_bids, supplier_bids
from twin.day_match import DayMatchError
from twin.ev_fleet.calibration import pile_powers
from twin.ev_fleet.model import FloatArray, PriceSignal, Stays, Vehicles
from twin.ev_fleet.physics import uncontrolled
from twin.ev_fleet.plan import FleetOutcome, FleetPlan
from twin.ev_fleet.published import published_fleet
from twin.ev_fleet.session import ChargingSession
from twin.ev_fleet.session_day import EmptyDayError, session_day
from twin.ev_fleet.twin import EvFleetTwin, FleetModel, FleetSite
from twin.horizon import Horizon
from twin.prices import PriceGapError
from wattproof.demo.ev.inputs import Inputs
from wattproof.demo.ev.options import EvOptions
from wattproof.demo.ev.strategies import MOST_SESSIONS
from wattproof.demo.presentation import Presentation
from wattproof.errors import InvalidError

SUPPLIER = "supplier"
PILE_OPERATOR = "charging-pile operator"
DISPATCHER = "dispatcher"
SUPPLY = SupplyTerms()
_CONSUMERS = 4
SCENARIOS = 48
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
        lived: what the twin made of the day as sessions came, where it re-plans on arrival;
            None where vehicles follow what was traded.
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
    lived: FleetOutcome | None
    consumers: tuple[Consumer, ...]
    connection_w: float
    input: dict[str, Any]

    @property
    def owner_ids(self) -> tuple[str, ...]:
        """Owners of vehicles, each once, in order."""
        return tuple(dict.fromkeys(self.vehicles.owner_ids))

    @property
    def participants(self) -> tuple[str, ...]:
        """Everybody who trades."""
        return (*self.owner_ids, SUPPLIER, *(consumer.owner_id for consumer in self.consumers))

    def uncontrolled_price_per_kwh(self) -> FloatArray:
        """What the supplier would have taken had everybody charged at once, shape (slot,)."""
        load_w = self.baseline.feeder_w(self.horizon, self.metered_load_w())
        return SUPPLY.marginal_price_per_kwh(self.signal.price_per_kwh, load_w, self.connection_w)

    def metered_load_w(self) -> FloatArray:
        """What the consumers really drew, shape (slot,), W."""
        load_wh = sum((c.metered_wh for c in self.consumers), np.zeros(self.horizon.slots))
        return np.asarray(load_wh / self.horizon.slot_hours)

    def bids(self) -> tuple[Bid, ...]:
        """What everybody wants to trade."""
        bids = fleet_bids(self.plan) + supplier_bids(
            SUPPLIER,
            self.signal.price_per_kwh,
            self.connection_w,
            self.horizon.slot_hours,
            RULES.price_cap,
            SUPPLY,
        )
        for consumer in self.consumers:
            bids += consumer_bids(
                consumer.owner_id, consumer.forecast_wh, _LOAD_WORTH_PER_KWH, RULES.price_cap
            )
        return bids


def published_scene(options: EvOptions, presentation: Presentation) -> Scene:
    """The seeded fleet's day: planned from scenarios, lived as drawn."""
    with presentation.step("Digital twin built, day planned") as step:
        fleet = published_fleet(options.seed, options.vehicles, _START)
        twin = EvFleetTwin()
        model = twin.construct(FleetSite(fleet.horizon, fleet.vehicles, fleet.habits))
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(3,)))
        plan = twin.decide(model, twin.sample(model, rng, SCENARIOS), fleet.signal)
        stays = fleet.day().stays(0)
        baseline = uncontrolled(fleet.vehicles, stays, fleet.horizon)
        step.note(f"{fleet.vehicles.count} vehicles, {SCENARIOS} scenarios")
    peak_w = float(baseline.feeder_w(fleet.horizon, fleet.signal.base_load_w).max())
    return Scene(
        title=f"Seeded fleet of {options.vehicles} vehicles, noon to noon",
        lived=None,
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


def session_scene(
    inputs: Inputs, day: date | None, options: EvOptions, presentation: Presentation
) -> tuple[Scene, date]:
    """A day of real sessions at the prices of the matching day; also which day that is.

    Raises:
        InvalidError: nobody was plugged in on the day, or no prices can stand for it.
    """
    days = session_days(inputs)
    day = day or max(days, key=lambda each: (days[each], each))
    if day not in days:
        raise InvalidError(
            f"no session begins on {day}; those of the file begin on days from {min(days)} to "
            f"{max(days)}"
        )
    with presentation.step("Digital twin learnt, day planned") as step:
        known = _until(inputs.sessions, day)
        try:
            today = session_day(
                known, inputs.prices, day, pile_power_w=pile_powers(inputs.sessions)
            )
        except (EmptyDayError, DayMatchError, PriceGapError) as error:
            raise InvalidError(str(error)) from error
        dearest = float(np.abs(today.signal.price_per_kwh).max())
        if price_nano_per_kwh(dearest) > RULES.price_cap:
            raise InvalidError(
                f"a price of {dearest:g} a kWh on {day} is beyond the market's cap of "
                f"{RULES.price_cap / 1e9:g}; is --price-unit right?"
            )
        plan, lived = today.plan(), today.live()
        step.note(f"{today.fleet.stays.count} sessions on {day:%A}, {day}")
    vehicles, stays = today.fleet.vehicles, today.fleet.stays
    baseline = uncontrolled(vehicles, stays, today.horizon)
    peak_w = max(
        float(baseline.feeder_w(today.horizon, today.signal.base_load_w).max()),
        float(plan.feeder_w(today.signal.base_load_w).max()),
    )
    scene = Scene(
        title=f"Real sessions of {day:%A}, {day} ({today.time_zone})",
        horizon=today.horizon,
        vehicles=vehicles,
        stays=stays,
        signal=today.signal,
        twin=EvFleetTwin(),
        model=today.model(),
        plan=plan,
        baseline=baseline,
        lived=lived,
        consumers=(),
        connection_w=_HEADROOM * peak_w,
        input={
            "sessions": str(options.sessions),
            "prices": str(options.prices),
            "day": str(day),
            "days": [
                f"{m.session_day} stands at the prices of {m.price_day} ({m.reason})"
                for m in today.matches
            ],
            "skipped_sessions": inputs.skipped_sessions,
            "skipped_prices": inputs.skipped_prices,
            "notes": list(inputs.notes),
        },
    )
    return scene, day


def session_days(inputs: Inputs) -> Counter[date]:
    """How many sessions begin on each local day."""
    zone = ZoneInfo(inputs.sessions[0].time_zone)
    return Counter(session.connected.astimezone(zone).date() for session in inputs.sessions)


def _until(sessions: Sequence[ChargingSession], day: date) -> Sequence[ChargingSession]:
    """The latest sessions that are over or running on ``day``, as many as are quickly learnt."""
    zone = ZoneInfo(sessions[0].time_zone)
    known = [s for s in sessions if s.connected.astimezone(zone).date() <= day + timedelta(days=1)]
    return known[-MOST_SESSIONS:]


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
