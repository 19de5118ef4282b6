"""Days as they come: the park under a plan, and what it could have done had it known."""

from __future__ import annotations

from twin.park.dispatch import ParkDispatch
from twin.park.model import ParkSamples
from twin.park.plan import ParkPlan
from twin.park.strategy import Arrangement


def operate(plan: ParkPlan, days: ParkSamples) -> ParkDispatch:
    """Carry a plan out on every day.

    Stores follow the schedule (less only in need, see :class:`ParkProgramme`), everything else
    answers the day at least cost. Ramps are met with the day in view. One programme is built and
    solved again day after day.
    """
    arrangement = plan.arrangement
    return arrangement.programme().solve_each(days, arrangement.signal, plan.schedule)


def foresee(arrangement: Arrangement, days: ParkSamples) -> ParkDispatch:
    """The cheapest dispatch of every day with all of it known: no plan costs less that day."""
    return arrangement.programme().solve_each(days, arrangement.signal)
