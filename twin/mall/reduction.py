"""Load reduction: other set points, explored over a range; comfort against response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.comfort import comfort_table
from twin.mall.building import FloatArray
from twin.mall.drive import Drive, drive_of
from twin.mall.model import GridSignal, MallModel, MallSamples, check_lengths
from twin.mall.physics import electricity_w, initial_state, run, thermostats
from twin.mall.preference import preferred_shift_k
from twin.mall.thermal import Network, thermal_network

OFFSETS_K = tuple(0.25 * step for step in range(-2, 17))
"""Set points explored, from today's: half a K colder to four K warmer."""

_WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True)
class SetPointStudy:
    """What a set point ``offset_k`` above today's would do, in the mean over the scenarios.

    ``peak_response_wh`` is energy taken out of the grid's peak against today's set point,
    ``energy_wh`` and ``cost`` are of the whole day. ``in_band`` is the share of open slots,
    zones and scenarios within the comfort band, ``kept`` that of scenarios within it in all open
    slots and zones; ``dissatisfied`` the mean share of customers who are (PPD). ``best`` says
    that no other set point gives as much response at as much comfort.
    """

    offset_k: float
    peak_response_wh: float
    energy_wh: float
    cost: float
    in_band: float
    kept: float
    dissatisfied: float
    best: bool


def explore_set_points(
    model: MallModel,
    samples: MallSamples,
    signal: GridSignal,
    offsets_k: Sequence[float] = OFFSETS_K,
) -> tuple[SetPointStudy, ...]:
    """Hold each set point through every scenario and compare; in the order given."""
    check_lengths(model.horizon, samples, signal)
    if not offsets_k:
        raise ValueError("no set point to explore: give at least one offset")
    network = thermal_network(model.mall, model.horizon.slot_hours)
    drive = drive_of(model.mall, network, model.forecast, samples)
    today = _held(model, network, drive, signal, 0.0)
    found = [_held(model, network, drive, signal, offset) for offset in offsets_k]
    responses = [today.peak_wh - held.peak_wh for held in found]
    return tuple(
        SetPointStudy(
            offset_k=offset,
            peak_response_wh=response,
            energy_wh=held.energy_wh,
            cost=held.cost,
            in_band=held.in_band,
            kept=held.kept,
            dissatisfied=held.dissatisfied,
            best=not any(
                other >= response
                and seen.dissatisfied <= held.dissatisfied
                and (other, -seen.dissatisfied) != (response, -held.dissatisfied)
                for other, seen in zip(responses, found, strict=True)
            ),
        )
        for offset, response, held in zip(offsets_k, responses, found, strict=True)
    )


def greatest_response(studies: Sequence[SetPointStudy], share: float) -> SetPointStudy:
    """The set point of most response among those that keep comfort in a share of scenarios; where
    none does, the one that keeps it in most."""
    keeping = [study for study in studies if study.kept >= share]
    if keeping:
        return max(keeping, key=lambda study: study.peak_response_wh)
    return max(studies, key=lambda study: (study.kept, study.in_band))


@dataclass(frozen=True, slots=True)
class _Held:
    peak_wh: float
    energy_wh: float
    cost: float
    in_band: float
    kept: float
    dissatisfied: float


def _held(
    model: MallModel, network: Network, drive: Drive, signal: GridSignal, offset_k: float
) -> _Held:
    day = model.forecast
    set_point: FloatArray = model.set_point_c + offset_k
    start = initial_state(model.state, drive.scenarios)
    cooler = thermostats(network, day, set_point)
    course = run(model.mall, network, day, drive, start, cooler)
    draw, _ = electricity_w(model.mall, drive, course.cooling_w)
    felt = course.operative_c[day.open]
    inside = (felt >= model.band.low_c - 1e-6) & (felt <= model.band.high_c + 1e-6)
    vote = comfort_table(model.comfort).dissatisfied(felt - preferred_shift_k(model))
    hours = model.horizon.slot_hours
    mean = draw.mean(axis=0)
    return _Held(
        peak_wh=float(mean[signal.peak].sum()) * hours,
        energy_wh=float(mean.sum()) * hours,
        cost=float(mean @ signal.price_per_kwh) * hours / _WH_PER_KWH,
        in_band=float(inside.mean()) if inside.size else 1.0,
        kept=float(inside.all(axis=(0, 2)).mean()),
        dissatisfied=float(np.mean(vote)) if vote.size else 0.0,
    )
