"""Prices by path, in the place of the published ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from market.park_energy.rules import RULES
from twin.park.carriers import Carrier
from twin.park.model import ParkSetup, ParkSignal
from twin.park.published import CARBON_PER_KG, PublishedPark, published_park
from twin.park.site import FloatArray, ParkError
from wattproof.demo import files
from wattproof.demo.park.options import ParkOptions
from wattproof.demo.park.published import scene_of
from wattproof.demo.park.scene import Scene
from wattproof.errors import InvalidError

_FEE_PER_KWH = 0.045
_MARGIN_PER_KWH = 0.005
"""What the published park pays on top of a spot price, and gets less of one."""


def scene_from(options: ParkOptions) -> Scene:
    """The published day, or the same park with the user's series.

    Raises:
        InvalidError: options that do not belong together, or files that cannot be used.
    """
    files.check_company(
        files.price_options(options), "--prices", present=options.prices is not None
    )
    if options.day and options.prices is None:
        raise InvalidError("--day goes with --prices")
    said: dict[str, Any] = {"park": "published", "seed": options.seed}
    if options.prices is None:
        found = published_park()
        title = "Eight sites of the published industrial park on a day in spring"
        return _scene(title, found, options, said)
    quoted = files.prices(options.prices, options)
    days = quoted.series.local_days()
    wanted = files.day(options.day)
    if wanted is None and not days:
        raise InvalidError("the prices cover no whole day")
    day = wanted or days[0]
    per_kwh, matched = files.prices_on(quoted.series, day, RULES.price_cap)
    found = _at_prices(published_park(datetime.combine(day, time(), UTC)), per_kwh)
    said |= {
        "day": str(day),
        "prices": str(options.prices),
        "skipped_prices": len(quoted.bad_rows),
    }
    title = f"Eight sites of the published industrial park at the prices of {day:%A}, {day}"
    return _scene(title, found, options, said, (matched, *quoted.notes))


def _scene(
    title: str,
    found: PublishedPark,
    options: ParkOptions,
    said: dict[str, Any],
    notes: tuple[str, ...] = (),
) -> Scene:
    try:
        return scene_of(title, found.setup, found.signal, options.seed, said, notes)
    except ParkError as error:
        raise InvalidError(str(error), code="bad_park") from error


def _at_prices(published: PublishedPark, per_kwh: FloatArray) -> PublishedPark:
    """The park with electricity at these spot prices."""
    park = published.setup.park
    connections = tuple(
        replace(each, buy_per_kwh=per_kwh + _FEE_PER_KWH, sell_per_kwh=per_kwh - _MARGIN_PER_KWH)
        if each.carrier is Carrier.ELECTRICITY
        else each
        for each in park.connections
    )
    moved = replace(park, connections=connections)
    setup: ParkSetup = replace(published.setup, park=moved)
    return PublishedPark(setup, ParkSignal.of(moved, CARBON_PER_KG))
