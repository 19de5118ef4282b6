"""The park's batch function: what comes of a plan on many sampled days."""

from __future__ import annotations

import numpy as np

from twin.batch import Arrays, batch_function
from twin.park.accounts import account
from twin.park.model import ParkModel
from twin.park.operation import foresee, operate
from twin.park.plan import ParkPlan
from twin.park.sampling import draw_days


@batch_function
def days_under_plan(
    rng: np.random.Generator, count: int, *, model: ParkModel, plan: ParkPlan
) -> Arrays:
    """``count`` sampled days under a plan and as they could have gone with foresight.

    (scenario,): ``cost``, ``foresight_cost``, ``carbon_kg``, ``utilisation``, ``satisfaction``,
    ``curtailed_wh``; (scenario, carrier): ``served_share`` (NaN where nobody wants it),
    ``imported_wh``, ``converted_wh``; (scenario, converter, slot): ``drive_w``.
    """
    days = draw_days(model, rng, count)
    park, signal = plan.arrangement.park, plan.arrangement.signal
    found = operate(plan, days)
    known = foresee(plan.arrangement, days)
    books = account(park, found, days, signal)
    return {
        "cost": found.cost,
        "foresight_cost": known.cost,
        "carbon_kg": books.carbon_kg,
        "utilisation": books.utilisation,
        "satisfaction": books.satisfaction,
        "curtailed_wh": books.curtailed_wh,
        "served_share": books.served_share,
        "imported_wh": books.imported_wh,
        "converted_wh": books.converted_wh,
        "drive_w": found.drive_w,
    }
