"""The published plant's day and its past, with what the user's files say in their place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from market.chp_power.dispatch import ChpInputs, planned_day
from twin.chp.model import ChpModel, ChpSamples, DayAhead, GridSignal
from twin.chp.operation import operate
from twin.chp.plan import ChpOutcome, Strategy
from twin.chp.published import PublishedChp, published_chp
from twin.chp.twin import ChpTwin
from wattproof.demo.chp.options import ChpOptions
from wattproof.demo.chp.scene import PAST_DAYS, Scene, plain_loads

_DRAWN_DAYS = 8


def published_scene(options: ChpOptions) -> Scene:
    """A winter day of the published plant after ten days of like weather.

    Of the seed's first days it is the one on which most wind would be lost under heat-led operation
    and the tank holds enough for the trough.
    """
    drawn = [published_chp(options.seed, day) for day in range(_DRAWN_DAYS)]
    ranked = sorted(range(_DRAWN_DAYS), key=lambda day: -_lost_wh(drawn[day]))
    plans = (planned_day(ChpInputs(drawn[day].site, drawn[day].signal)) for day in ranked)
    suited = (day for day, plan in zip(ranked, plans, strict=True) if plan.comparison.exceeds)
    day = next(suited, ranked[0])
    return scene_of(
        "Published heat-and-power plant on a windy winter day",
        ChpInputs(drawn[day].site, drawn[day].signal, seed=options.seed),
        options.seed,
        {"plant": "published", "seed": options.seed, "day": day},
    )


def _lost_wh(drawn: PublishedChp) -> float:
    """Wind that the grid has no room for while the plant follows its heat, Wh."""
    site, signal = drawn.site, drawn.signal
    outcome = heat_led(ChpTwin().construct(site), signal, site.forecast)
    return float((outcome.wind_w - outcome.wind_taken_w).sum()) * site.horizon.slot_hours


def scene_of(
    title: str, inputs: ChpInputs, seed: int, said: dict[str, Any], notes: tuple[str, ...] = ()
) -> Scene:
    """Draw the past, the real day and everybody's loads around a plant's inputs.

    Raises:
        InfeasiblePlanError: no operation of the plant keeps every limit; says which.
    """
    model = inputs.model()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(11,)))
    drawn = ChpTwin().sample(model, rng, PAST_DAYS + 1)
    days = [drawn.day(place) for place in range(PAST_DAYS + 1)]
    lived = [heat_led(model, inputs.signal, day) for day in days]
    hours = inputs.site.horizon.slot_hours
    loads, foundry_history_wh = plain_loads(inputs.signal.load_w, hours, rng)
    return Scene(
        title=title,
        inputs=inputs,
        history=tuple(lived[:-1]),
        foundry_history_wh=foundry_history_wh,
        real=days[-1],
        heat_led=lived[-1],
        loads=loads,
        input=said,
        notes=notes,
    )


def heat_led(model: ChpModel, signal: GridSignal, day: DayAhead) -> ChpOutcome:
    """A day without control: the unit follows its heat load."""
    plan = ChpTwin(Strategy.HEAT_LED).decide(
        replace(model, forecast=day), ChpSamples.certain(day), signal
    )
    return operate(model, plan, signal, day)
