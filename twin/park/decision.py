"""From scenarios and prices to the park's plan: stores are scheduled, the rest answers the day."""

from __future__ import annotations

import numpy as np

from twin.park.model import ParkModel, ParkSamples, ParkSignal, check_samples, check_signal
from twin.park.plan import ParkPlan
from twin.park.site import FloatArray
from twin.park.strategy import Strategy, arrange

REPRESENTATIVES = 6
"""Scenarios that the programme holds; they stand for all, with equal weight."""


def plan_park(
    model: ParkModel,
    samples: ParkSamples,
    signal: ParkSignal,
    strategy: Strategy = Strategy.BOTH,
    representatives: int = REPRESENTATIVES,
) -> ParkPlan:
    """Decide the day: the least expected cost over representatives of the samples.

    Raises ParkError where samples or prices do not fit the park.
    """
    check_samples(model.park, samples)
    check_signal(model.park, signal)
    known = representatives_of(samples, representatives)
    arrangement = arrange(model.park, signal, strategy)
    found = arrangement.programme(known.scenarios).solve(known, arrangement.signal)

    def mean(values: FloatArray) -> FloatArray:
        expected: FloatArray = values.mean(axis=0)
        return expected

    return ParkPlan(
        arrangement=arrangement,
        charge_w=mean(found.charge_w),
        discharge_w=mean(found.discharge_w),
        stored_wh=mean(found.stored_wh),
        drive_w=mean(found.drive_w),
        renewable_w=mean(found.renewable_w),
        served_w=mean(found.served_w),
        bought_w=mean(found.bought_w),
        sold_w=mean(found.sold_w),
        link_w=mean(found.link_w),
        price_per_kwh=mean(found.price_per_kwh),
        cost=found.cost,
    )


def representatives_of(samples: ParkSamples, count: int) -> ParkSamples:
    """Scenarios picked evenly from the order of what renewables leave of the demand."""
    left = samples.demand_w.sum(axis=(1, 2)) - samples.available_w.sum(axis=(1, 2))
    order = np.argsort(left, kind="stable")
    kept = min(count, samples.scenarios)
    ranks = ((np.arange(kept) + 0.5) * samples.scenarios / kept).astype(int)
    return samples.pick(order[ranks])
