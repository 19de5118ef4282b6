"""Signed readings of a period, and what closing it against the positions came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import col, select

from wattproof.demo.cast import Cast
from wattproof.demo.stage import Stage
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow


def post(
    stage: Stage,
    cast: Cast,
    market: int,
    period: int,
    values_wh: Mapping[str, Sequence[int | None]],
) -> None:
    """Every named member's device signs its period and the platform posts it."""
    platform = stage.platform
    domain = meters.domain(platform)
    with platform.transaction() as session:
        for name, values in values_wh.items():
            device = cast[name].device
            taken = meters.Readings(str(device.address), market, period, tuple(values))
            meters.post_readings(platform, session, taken, taken.sign(domain, bytes(device.key)))
    stage.rest()


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
