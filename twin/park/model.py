"""What the park's twin believes, is told and is asked; arrays are (scenario, element, slot)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.park.site import FloatArray, Park, ParkError
from twin.weather.series import DIFFUSE, DIRECT, OUTDOOR


@dataclass(frozen=True, slots=True)
class ParkWeather:
    """The forecast, (slot,): outdoor temperature (C), irradiance across the beam and diffuse on
    the ground (W/m2), wind at hub height (m/s)."""

    outdoor_c: FloatArray
    direct_w_per_m2: FloatArray
    diffuse_w_per_m2: FloatArray
    wind_m_per_s: FloatArray

    @classmethod
    def of(cls, weather: Mapping[str, FloatArray], wind_m_per_s: FloatArray) -> ParkWeather:
        """From weather on the slots (``WeatherSeries.on`` or ``clear_sky``) and a wind forecast."""
        return cls(weather[OUTDOOR], weather[DIRECT], weather[DIFFUSE], wind_m_per_s)


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """How far days stray: standard deviations, and hours in which an error fades to 1/e.

    Outdoors by ``outdoor_k`` K, the beam by ``cloud_share`` of itself (clouds scatter half of what
    they take), wind by ``wind_m_per_s``. Every process strays by ``demand_day_share`` for the whole
    day and by ``demand_share`` from hour to hour; batches begin up to ``batch_hours`` off.
    """

    outdoor_k: float = 1.5
    outdoor_hours: float = 12.0
    cloud_share: float = 0.25
    cloud_hours: float = 2.0
    wind_m_per_s: float = 1.5
    wind_hours: float = 6.0
    demand_share: float = 0.06
    demand_hours: float = 3.0
    demand_day_share: float = 0.05
    batch_hours: float = 0.5


@dataclass(frozen=True, slots=True)
class ParkSetup:
    """What the twin is built from."""

    park: Park
    weather: ParkWeather
    errors: ForecastErrors = ForecastErrors()


@dataclass(frozen=True, slots=True)
class ParkBelief:
    """Corrections learnt from metered days, and how sure they are (variances).

    ``output_factor`` (converter,) multiplies what data sheets say a converter gives,
    ``demand_factor`` (process,) what a process's type and peak say it wants.
    """

    output_factor: FloatArray
    output_variance: FloatArray
    demand_factor: FloatArray
    demand_variance: FloatArray
    days_seen: int = 0


@dataclass(frozen=True, slots=True)
class ParkModel:
    """The twin's present belief.

    ``described`` is the park by its data sheets, ``park`` with converters as believed. ``beam`` and
    ``sky`` are the forecast irradiance on the modules of each renewable plant, (renewable, slot),
    W/m2 (zero for wind).
    """

    described: Park
    park: Park
    weather: ParkWeather
    errors: ForecastErrors
    belief: ParkBelief
    beam: FloatArray
    sky: FloatArray


@dataclass(frozen=True, slots=True)
class ParkSamples:
    """Days as they may come.

    ``available_w`` (scenario, renewable, slot) is what renewable plants could give, ``demand_w``
    (scenario, process, slot) what processes want, both W in the order of the park.
    """

    available_w: FloatArray
    demand_w: FloatArray

    @property
    def scenarios(self) -> int:
        return int(self.demand_w.shape[0])

    def one(self, scenario: int) -> ParkSamples:
        """A single scenario, still with its axis."""
        picked = slice(scenario, scenario + 1)
        return ParkSamples(self.available_w[picked], self.demand_w[picked])

    def pick(self, scenarios: FloatArray | list[int]) -> ParkSamples:
        """The scenarios of these numbers."""
        numbers = np.asarray(scenarios, dtype=np.intp)
        return ParkSamples(self.available_w[numbers], self.demand_w[numbers])

    def mean(self) -> ParkSamples:
        """One scenario: the mean of all."""
        return ParkSamples(
            self.available_w.mean(axis=0, keepdims=True), self.demand_w.mean(axis=0, keepdims=True)
        )


@dataclass(frozen=True, slots=True)
class ParkSignal:
    """Prices known a day ahead: ``buy_per_kwh`` and ``sell_per_kwh`` (connection, slot), in the
    order of the park's connections, and what a kg of carbon dioxide costs."""

    buy_per_kwh: FloatArray
    sell_per_kwh: FloatArray
    carbon_per_kg: float = 0.0

    @classmethod
    def of(cls, park: Park, carbon_per_kg: float = 0.0) -> ParkSignal:
        """The prices in the park's description."""
        shape = (len(park.connections), park.horizon.slots)
        buy = np.array([part.buy_per_kwh for part in park.connections]).reshape(shape)
        sell = np.array([part.sell_per_kwh for part in park.connections]).reshape(shape)
        return cls(buy, sell, carbon_per_kg)


def check_samples(park: Park, samples: ParkSamples) -> None:
    """Raise ParkError where samples do not fit the park, have gaps or are negative."""
    expected = {
        "available_w": [f"{site.name}/{part.name}" for site, part in park.renewables()],
        "demand_w": [f"{site.name}/{part.name}" for site, part in park.processes()],
    }
    for field, names in expected.items():
        values = getattr(samples, field)
        shape = (samples.scenarios, len(names), park.horizon.slots)
        if values.shape != shape:
            raise ParkError(
                f"{field} must be shaped (scenario, element, slot) = {shape}, not {values.shape}"
            )
        bad = np.argwhere(~(np.isfinite(values) & (values >= 0.0)))
        if bad.size:
            scenario, element, slot = bad[0]
            raise ParkError(
                f"{field} of {names[element]} is {values[tuple(bad[0])]:g} in slot {slot} of "
                f"scenario {scenario}: give W that are finite and at least 0"
            )


def check_signal(park: Park, signal: ParkSignal) -> None:
    """Raise ParkError for prices that do not fit, have gaps, or let buying and selling earn."""
    shape = (len(park.connections), park.horizon.slots)
    fields: Mapping[str, FloatArray] = {
        "buy_per_kwh": signal.buy_per_kwh,
        "sell_per_kwh": signal.sell_per_kwh,
    }
    for field, values in fields.items():
        if values.shape != shape:
            raise ParkError(
                f"{field} must be shaped (connection, slot) = {shape}, not {values.shape}"
            )
        if not np.isfinite(values).all():
            connection, slot = np.argwhere(~np.isfinite(values))[0]
            raise ParkError(f"{field} of {park.connections[connection].name} in slot {slot}: a gap")
    above = np.argwhere(signal.sell_per_kwh > signal.buy_per_kwh + 1e-12)
    if above.size:
        connection, slot = above[0]
        raise ParkError(
            f"{park.connections[connection].name} pays more for a kWh in slot {slot} than it asks "
            "for one: buying and selling at once would earn without end"
        )
    if not (np.isfinite(signal.carbon_per_kg) and signal.carbon_per_kg >= 0.0):
        raise ParkError(f"a carbon price of {signal.carbon_per_kg:g} per kg")
