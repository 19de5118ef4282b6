"""The park's twin: the four steps of :class:`twin.protocol.Twin` put together."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from twin.park.consistency import check_park
from twin.park.decision import plan_park
from twin.park.learning import first_belief, learn_day
from twin.park.model import ParkModel, ParkSamples, ParkSetup, ParkSignal
from twin.park.plan import ParkOutcome, ParkPlan
from twin.park.sampling import draw_days
from twin.park.site import ParkError, Technology
from twin.park.strategy import Strategy
from twin.weather.sun import plane_irradiance


@dataclass(frozen=True, slots=True)
class ParkTwin:
    """Implements the protocol from :class:`ParkSetup` to :class:`ParkOutcome`."""

    strategy: Strategy = Strategy.BOTH

    def construct(self, site: ParkSetup) -> ParkModel:
        """Build the model. Raises ParkError for a park that cannot exist or weather that does not
        fit its horizon."""
        park, weather = site.park, site.weather
        check_park(park)
        for field in fields(weather):
            values = getattr(weather, field.name)
            if values.shape != (park.horizon.slots,) or not np.isfinite(values).all():
                raise ParkError(f"{field.name} must be {park.horizon.slots} numbers without a gap")
        plants = [part for _, part in park.renewables()]
        beam, sky = plane_irradiance(
            park.horizon,
            park.place,
            [(part.tilt_deg, part.azimuth_deg) for part in plants],
            weather.direct_w_per_m2,
            weather.diffuse_w_per_m2,
        )
        sunny = np.array([part.technology is Technology.SUN for part in plants], dtype=float)
        return ParkModel(
            described=park,
            park=park,
            weather=weather,
            errors=site.errors,
            belief=first_belief(park),
            beam=beam * sunny[:, None],
            sky=sky * sunny[:, None],
        )

    def sample(self, model: ParkModel, rng: np.random.Generator, n: int) -> ParkSamples:
        """Draw ``n`` days of renewables and demands, arrays (scenario, element, slot)."""
        return draw_days(model, rng, n)

    def decide(self, model: ParkModel, samples: ParkSamples, signal: ParkSignal) -> ParkPlan:
        """Plan the day over the scenarios (one counts as known)."""
        return plan_park(model, samples, signal, self.strategy)

    def close_loop(self, model: ParkModel, outcome: ParkOutcome) -> ParkModel:
        """Correct efficiencies and demands by what was metered; see the learning module."""
        return learn_day(model, outcome)
