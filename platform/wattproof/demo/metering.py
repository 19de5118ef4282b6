"""Signed readings of a period, and what closing it against the positions came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from market.quantise import energy_wh
from wattproof.demo.cast import Cast
from wattproof.demo.stage import Stage
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow

FloatArray = NDArray[np.float64]

_WH_PER_KWH = 1_000.0


def post(
    stage: Stage,
    cast: Cast,
    market: int,
    period: int,
    values_wh: Mapping[str, Sequence[int | None]],
) -> None:
    """Every named member's device of carrier 0 signs its period and the platform posts it."""
    post_carriers(stage, cast, market, period, {(name, 0): v for name, v in values_wh.items()})


def post_carriers(
    stage: Stage,
    cast: Cast,
    market: int,
    period: int,
    values_wh: Mapping[tuple[str, int], Sequence[int | None]],
) -> None:
    """The same for devices of any carrier, by member's name and carrier."""
    platform = stage.platform
    domain = meters.domain(platform)
    with platform.transaction() as session:
        for (name, carrier), values in values_wh.items():
            device = cast[name].meter(carrier)
            taken = meters.Readings(str(device.address), market, period, tuple(values))
            meters.post_readings(platform, session, taken, taken.sign(domain, bytes(device.key)))
    stage.rest()


def post_energy(
    stage: Stage, cast: Cast, market: int, period: int, drawn_wh: Mapping[str, FloatArray]
) -> None:
    """The same from energies by name, shape (slot,), import positive."""
    values = {name: whole_wh(drawn) for name, drawn in drawn_wh.items()}
    post(stage, cast, market, period, values)


def whole_wh(drawn_wh: FloatArray) -> tuple[int, ...]:
    """What a meter shows of energies, shape (slot,): whole Wh."""
    return tuple(energy_wh(wh / _WH_PER_KWH) for wh in drawn_wh.tolist())


def closures(stage: Stage, market: int, period: int) -> dict[str, ClosureRow]:
    """Closed positions of a period by account address."""
    with stage.platform.transaction() as session:
        rows = session.exec(
            select(ClosureRow).where(
                ClosureRow.market == market,
                ClosureRow.period == period,
                col(ClosureRow.closed).is_(True),
            )
        ).all()
    return {row.account: row for row in rows}
