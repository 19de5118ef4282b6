"""The published mall's day and its past, with what the user's files say in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from market.mall_energy.dispatch import MallInputs, planned_day
from twin.mall.building import FloatArray
from twin.mall.model import DayAhead, GridSignal, MallSite
from twin.mall.operation import hold_set_point
from twin.mall.plan import MallOutcome, Strategy
from twin.mall.published import hours_of, published_mall
from twin.mall.sampling import sampled_day
from wattproof.demo.mall.options import MallOptions
from wattproof.demo.mall.scene import PAST_DAYS, Scene, Visited

_OFFICE_W = 20_000.0


def published_scene(options: MallOptions) -> Scene:
    """A July weekday of the published mall, and of a second one with half its cold store."""
    mall = published_mall(options.seed)
    days = [mall.forecast(day) for day in range(PAST_DAYS + 1)]
    return scene_of(
        "Two published malls on a July weekday",
        mall.site,
        mall.signal,
        days[1:],
        office_shape(mall.site),
        options.seed,
        {"mall": "published", "seed": options.seed},
    )


def scene_of(
    title: str,
    site: MallSite,
    signal: GridSignal,
    past: Sequence[DayAhead],
    office_wh: FloatArray,
    seed: int,
    said: dict[str, Any],
    notes: tuple[str, ...] = (),
) -> Scene:
    """Draw what really happens, and live through the past.

    The arcade is a mall with half the cold store, which plans as well but buys as usual.

    Args:
        past: forecasts of the days before, oldest first.
        office_wh: what the office draws on the day after, shape (slot,).
    """
    store = site.mall.store
    half = replace(
        store,
        capacity_wh=store.capacity_wh / 2.0,
        charge_max_w=store.charge_max_w / 2.0,
        discharge_max_w=store.discharge_max_w / 2.0,
    )
    arcade_site = replace(
        site,
        mall=replace(site.mall, store=half),
        state=replace(site.state, stored_wh=site.state.stored_wh / 2.0),
    )
    mall = _visited(MallInputs(site, signal, seed=seed), past, seed)
    arcade = _visited(MallInputs(arcade_site, signal, seed=seed), past, seed + 1)
    return Scene(
        title=title,
        mall=mall,
        arcade=arcade,
        arcade_usual=planned_day(replace(arcade.inputs, strategy=Strategy.NO_CONTROL)),
        office_wh=office_wh,
        input=said,
        notes=notes,
    )


def office_shape(site: MallSite) -> FloatArray:
    """A small office: a working day from eight to six, shape (slot,), Wh."""
    hours = hours_of(site.horizon)
    busy = (hours >= 8.0) & (hours < 18.0)
    drawn: FloatArray = _OFFICE_W * site.horizon.slot_hours * np.where(busy, 1.0, 0.2)
    return drawn


def _visited(inputs: MallInputs, past: Sequence[DayAhead], seed: int) -> Visited:
    site = inputs.site
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(11,)))
    lived = [
        _uncontrolled(site, sampled_day(day, site.errors, site.horizon, rng)).electricity_w
        for day in past
    ]
    real = sampled_day(site.forecast, site.errors, site.horizon, rng)
    return Visited(
        inputs=inputs,
        history_wh=np.array(lived) * site.horizon.slot_hours,
        real=real,
        uncontrolled=_uncontrolled(site, real),
    )


def _uncontrolled(site: MallSite, day: DayAhead) -> MallOutcome:
    return hold_set_point(site.mall, site.state, site.set_point_c, day, site.horizon.slot_hours)
