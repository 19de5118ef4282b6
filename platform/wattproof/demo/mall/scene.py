"""What the day is about: two malls with their past, their supplier, and who wants credits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from market.bid import Bid
from market.dispatch import DispatchPlan
from market.mall_energy.bids import mall_bids
from market.mall_energy.dispatch import MallInputs
from market.mall_energy.rules import RULES
from market.supply import SupplyTerms, consumer_bids, supplier_bids
from twin.mall.building import FloatArray
from twin.mall.model import DayAhead
from twin.mall.plan import MallOutcome, MallPlan
from wattproof.demo.calendar import Calendar
from wattproof.demo.past import Past

MALL = "mall"
ARCADE = "arcade"
SUPPLIER = "supplier"
OFFICE = "office"
RETAILER = "retailer"
UTILITY = "utility"
DISPATCHER = "dispatcher"

PAST_DAYS = 10
WORTH_PER_KWH = 1.0
SUPPLY = SupplyTerms()
_HEADROOM = 1.3


@dataclass(frozen=True, slots=True)
class Visited:
    """A mall with its past.

    Attributes:
        inputs: what its plan is made from; its horizon is the day itself.
        history_wh: what it drew on uncontrolled days before, oldest first, shape (day, slot).
        real: what the day will really be, which no plan knows.
        uncontrolled: that day with thermostats at the set point.
    """

    inputs: MallInputs
    history_wh: FloatArray
    real: DayAhead
    uncontrolled: MallOutcome

    def on(self, start: datetime) -> Visited:
        """The same mall on another day of the calendar."""
        site = self.inputs.site
        moved = replace(site, horizon=replace(site.horizon, start=start))
        return replace(self, inputs=replace(self.inputs, site=moved))


@dataclass(frozen=True, slots=True)
class Scene:
    """A day, ready to be planned.

    Attributes:
        arcade_usual: what the arcade buys: the day as thermostats would run it.
        office_wh: what the office draws on the day after, shape (slot,).
        input: where the numbers come from, for the report.
    """

    title: str
    mall: Visited
    arcade: Visited
    arcade_usual: MallPlan
    office_wh: FloatArray
    input: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """Everybody."""
        return (MALL, ARCADE, SUPPLIER, OFFICE, RETAILER, UTILITY, DISPATCHER)

    @property
    def slot_hours(self) -> float:
        return self.mall.inputs.site.horizon.slot_hours

    @property
    def price_per_kwh(self) -> FloatArray:
        """Day-ahead prices, shape (slot,)."""
        return self.mall.inputs.signal.price_per_kwh

    @property
    def past(self) -> Past:
        """The days before, of those whose reduction is measured against a baseline."""
        return Past({MALL: self.mall.history_wh, ARCADE: self.arcade.history_wh})

    @property
    def peak(self) -> slice:
        """The grid's peak as one stretch of slots."""
        slots = np.flatnonzero(self.mall.inputs.signal.peak)
        return slice(int(slots[0]), int(slots[-1]) + 1)

    @property
    def connection_w(self) -> float:
        """What the supplier's connection can carry."""
        usual_w = self.mall.uncontrolled.electricity_w + self.arcade.uncontrolled.electricity_w
        office_w = self.office_wh.max() / self.slot_hours
        return _HEADROOM * float(usual_w.max() + office_w)

    def on(self, calendar: Calendar) -> Scene:
        """The same scene on the chain's own day."""
        start = datetime.fromtimestamp(calendar.at(calendar.day), UTC)
        return replace(self, mall=self.mall.on(start), arcade=self.arcade.on(start))

    def with_votes(self, votes: Mapping[str, Mapping[int, float]]) -> Scene:
        """The same scene once customers have said how warm they find it."""
        site = replace(self.mall.inputs.site, votes=votes)
        return replace(self, mall=replace(self.mall, inputs=replace(self.mall.inputs, site=site)))

    def bids(self, plan: DispatchPlan) -> tuple[Bid, ...]:
        """Of the day: the mall as its approved plan says, the arcade as usual."""
        return (
            *mall_bids(MALL, plan, WORTH_PER_KWH),
            *consumer_bids(ARCADE, self.arcade_usual.energy_wh, WORTH_PER_KWH, RULES.price_cap),
            *self.supply(),
        )

    def supply(self) -> tuple[Bid, ...]:
        """What the supplier offers and takes back in a day."""
        return supplier_bids(
            SUPPLIER,
            self.price_per_kwh,
            self.connection_w,
            self.slot_hours,
            RULES.price_cap,
            SUPPLY,
        )
