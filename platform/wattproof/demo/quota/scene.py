"""What the year is about: who produces at which cost, who consumes, and what the quotas demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.green_quota.costs import ThermalCosts, WindCosts
from market.green_quota.rules import ELECTRICITY_RULES
from wattproof.quotas.service import Basis

FloatArray = NDArray[np.float64]

GOVERNMENT = "government"
REGISTRAR = "issuing body"
AUTHORITY = "metering authority"

_HEADROOM = 1.2


@dataclass(frozen=True, slots=True)
class WindPark:
    """A wind producer.

    Attributes:
        forecast_wh: what it expects to be able to give, shape (vintage, day), Wh.
        real_wh: what it will be able to give.
        withholds: in how many of the first vintages it holds certificates back, being large enough
            for that to pay.
    """

    name: str
    costs: WindCosts
    forecast_wh: FloatArray
    real_wh: FloatArray
    withholds: int = 0


@dataclass(frozen=True, slots=True)
class Plant:
    """A thermal producer; ``available_wh`` a day."""

    name: str
    costs: ThermalCosts
    available_wh: float


@dataclass(frozen=True, slots=True)
class Retailer:
    """Somebody who buys for customers; loads are shaped (vintage, day), Wh."""

    name: str
    forecast_wh: FloatArray
    real_wh: FloatArray


@dataclass(frozen=True, slots=True)
class GreenStore:
    """A store that is certified: it begins full, without anything green in it.

    Attributes:
        efficiency_bp: round trip, hundredths of a percent.
        rate_wh: what it can draw or give in a day, Wh.
    """

    name: str
    capacity_wh: int
    efficiency_bp: int
    rate_wh: int

    def plan(self, windy: FloatArray, stored_wh: float) -> tuple[list[int], float]:
        """What it draws (positive) or gives a day, Wh, and what is stored afterwards.

        It draws on the windiest third of the days and gives on the calmest third, as far as there
        is room and energy.
        """
        calm, breezy = np.quantile(windy, (1.0 / 3.0, 2.0 / 3.0))
        efficiency = self.efficiency_bp / 1e4
        drawn: list[int] = []
        for wind in windy.tolist():
            wh = 0
            if wind >= breezy:
                wh = int(min(self.rate_wh, (self.capacity_wh - stored_wh) / efficiency))
            elif wind <= calm:
                wh = -int(min(self.rate_wh, stored_wh))
            stored_wh += wh * efficiency if wh > 0 else wh
            drawn.append(wh)
        return drawn, stored_wh


@dataclass(frozen=True, slots=True)
class Obliged:
    """What one account is obliged to under a quota.

    Attributes:
        ratio: millionths of the metered energy.
        bond_share: the bond it posts, as a share of the penalty on all that it may owe.
        thrift: share of what it lacks that it buys; below 1 it falls short.
        ahead: how much it may buy beyond what it owes, as a share of that, to be safe or to bank.
    """

    name: str
    basis: Basis
    ratio: int
    bond_share: float
    thrift: float = 1.0
    ahead: float = 0.15


@dataclass(frozen=True, slots=True)
class QuotaPlan:
    """A compliance period as the government announces it.

    Attributes:
        vintages: its vintages, counted from the year's first.
        penalty_per_kwh: tokens per kWh that lacks.
        bank_limit: of what is owed, how much earlier certificates may meet, millionths.
    """

    vintages: range
    penalty_per_kwh: float
    bank_limit: int
    obliged: tuple[Obliged, ...]

    def of(self, name: str) -> Obliged | None:
        """What somebody is obliged to, if it is."""
        return next((each for each in self.obliged if each.name == name), None)

    def share(self, name: str) -> float:
        """Certificates owed for each kWh; 0 for who is not obliged."""
        obliged = self.of(name)
        return obliged.ratio / 1e6 if obliged else 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A year, ready to be lived.

    Attributes:
        fault: whose meter shows too much on which day of the first vintage, and how many times
            what was fed in.
        input: where the numbers come from, for the report.
    """

    title: str
    wind: tuple[WindPark, ...]
    plants: tuple[Plant, ...]
    retailers: tuple[Retailer, ...]
    store: GreenStore
    quotas: tuple[QuotaPlan, QuotaPlan]
    worth_per_kwh: float
    fault: tuple[str, int, int]
    input: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def vintages(self) -> int:
        return len(self.wind[0].forecast_wh)

    @property
    def traders(self) -> tuple[str, ...]:
        """Everybody who buys or sells."""
        producers = (*(park.name for park in self.wind), *(plant.name for plant in self.plants))
        return (*producers, *(retailer.name for retailer in self.retailers), self.store.name)

    @property
    def members(self) -> tuple[str, ...]:
        """Everybody."""
        return (*self.traders, GOVERNMENT, REGISTRAR, AUTHORITY)

    @property
    def withholding(self) -> int:
        """In how many of the first vintages somebody holds certificates back."""
        return max(park.withholds for park in self.wind)

    @property
    def windy_wh(self) -> FloatArray:
        """All wind as forecast, shape (vintage, day), Wh."""
        total: FloatArray = np.sum([park.forecast_wh for park in self.wind], axis=0)
        return total

    def quota_of(self, vintage: int) -> QuotaPlan:
        """The compliance period in which a vintage lies."""
        return next(quota for quota in self.quotas if vintage in quota.vintages)

    def meters_w(self) -> Mapping[str, int]:
        """Capacity of everybody's meter, W, with some room."""
        most_wh = {
            **{park.name: float(park.real_wh.max()) for park in self.wind},
            **{plant.name: plant.available_wh for plant in self.plants},
            **{retailer.name: float(retailer.real_wh.max()) for retailer in self.retailers},
            self.store.name: float(self.store.rate_wh),
        }
        hours = ELECTRICITY_RULES.slot_seconds / 3_600.0
        return {name: int(_HEADROOM * wh / hours) + 1 for name, wh in most_wh.items()}
