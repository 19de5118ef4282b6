"""What a station's twin is built from, sampled into and asked. Arrays as each docstring says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from twin.horizon import Horizon
from twin.storage_station.learning import EfficiencyBelief
from twin.storage_station.station import (
    FloatArray,
    StationError,
    StationState,
    StorageStation,
)


class Mode(Enum):
    """What the station is for.

    ``ARBITRAGE`` earns on prices. ``PEAK_SHAVING`` lowers the highest draw of load and station
    together, ``VALLEY_FILLING`` raises the lowest; among all schedules that do so as well, the one
    that costs least in losses (at the mean price) and wear. ``COMBINED`` weighs all in money.
    """

    ARBITRAGE = "arbitrage"
    PEAK_SHAVING = "peak shaving"
    VALLEY_FILLING = "valley filling"
    COMBINED = "combined"


@dataclass(frozen=True, slots=True)
class OutlookErrors:
    """How far outlooks go wrong: relative standard deviations, persistent from slot to slot.

    ``persistence_h`` is the time in which an error's memory falls to 1 / e, h.
    """

    load_share: float = 0.0
    price_share: float = 0.0
    persistence_h: float = 3.0

    def __post_init__(self) -> None:
        if min(self.load_share, self.price_share) < 0.0 or self.persistence_h <= 0.0:
            raise StationError("outlook errors must not be negative, persistence_h be positive")


@dataclass(frozen=True, slots=True)
class StationSite:
    """A station, how it stands, and what is expected of it.

    Attributes:
        load_w: load behind the same meter that peaks and valleys are counted with, shape (slot,),
            W; None: the station stands alone.
        end_least_wh: what must be stored at the end, Wh; None: as much as at the start.
        end_value_per_kwh: what a kWh stored at the end is worth, currency.
        reserve_wh: the station's duty: energy to be kept ready at the end of each slot, shape
            (slot,), Wh; None: no duty.
        reserve_per_kwh: what each kWh lacking to the reserve costs a slot, currency.
    """

    horizon: Horizon
    station: StorageStation
    state: StationState
    load_w: FloatArray | None = None
    errors: OutlookErrors = field(default_factory=OutlookErrors)
    end_least_wh: float | None = None
    end_value_per_kwh: float = 0.0
    reserve_wh: FloatArray | None = None
    reserve_per_kwh: float = 10.0


@dataclass(frozen=True, slots=True)
class StationModel:
    """The twin: the site, with the station as metered days show it, and what they have taught."""

    site: StationSite
    datasheet: StorageStation
    belief: EfficiencyBelief

    @property
    def horizon(self) -> Horizon:
        return self.site.horizon

    @property
    def station(self) -> StorageStation:
        return self.site.station

    @property
    def end_least_wh(self) -> float:
        """What must be stored at the end, Wh."""
        asked = self.site.end_least_wh
        return self.site.state.stored_wh if asked is None else asked

    @property
    def load_w(self) -> FloatArray:
        """Expected load, shape (slot,), W; zero for a station that stands alone."""
        load = self.site.load_w
        return np.zeros(self.horizon.slots) if load is None else load


@dataclass(frozen=True, slots=True)
class StationSamples:
    """Scenarios, shape (scenario, slot): load in W, and prices as factors of the signal's."""

    load_w: FloatArray
    price_factor: FloatArray

    @property
    def count(self) -> int:
        return int(self.load_w.shape[0])


@dataclass(frozen=True, slots=True)
class StationSignal:
    """Prices of the horizon.

    Attributes:
        price_per_kwh: at which energy is bought and sold, shape (slot,), currency per kWh.
        peak_per_kw: what each kW of the highest draw costs, currency (``COMBINED``).
        valley_per_kw: what each kW of the lowest draw is worth, currency (``COMBINED``).
        peak_before_w: the highest draw of the billing period so far; only more is a new peak, W.
    """

    price_per_kwh: FloatArray
    mode: Mode = Mode.ARBITRAGE
    peak_per_kw: float = 0.0
    valley_per_kw: float = 0.0
    peak_before_w: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.price_per_kwh).all():
            raise StationError("prices must be finite numbers")
        if not min(self.peak_per_kw, self.valley_per_kw) >= 0.0:
            raise StationError("peak_per_kw and valley_per_kw must not be negative")


def check_site(site: StationSite) -> None:
    """Raises StationError for series that do not fit the horizon, and for an end out of bounds."""
    slots = site.horizon.slots
    for name, values in (("load_w", site.load_w), ("reserve_wh", site.reserve_wh)):
        if values is None:
            continue
        if values.shape != (slots,) or not np.isfinite(values).all():
            raise StationError(
                f"{name} must hold a number for each of {slots} slots, not shape {values.shape}"
            )
    if site.reserve_wh is not None and (site.reserve_wh < 0.0).any():
        raise StationError("reserve_wh must not be negative")
    if site.reserve_per_kwh < 0.0:
        raise StationError("reserve_per_kwh must not be negative")
    end, station = site.end_least_wh, site.station
    if end is not None and not station.least_wh <= end <= station.most_wh:
        raise StationError(
            f"end_least_wh of {end:g} Wh is not between {station.least_wh:g} and "
            f"{station.most_wh:g} Wh, what the store may hold"
        )
