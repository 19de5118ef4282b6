"""One site's plan against expected prices, with what a person at the dispatch centre fixed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.edits import Edit, InfeasiblePlanError, smallest_conflict
from twin.horizon import Horizon
from twin.milp import InfeasibleProgrammeError
from twin.park.carriers import Carrier
from twin.park.consistency import check_connection, check_site
from twin.park.dispatch import ParkDispatch
from twin.park.free_conversion import check_no_free_conversion
from twin.park.layout import layout_of
from twin.park.model import ParkSamples, ParkSignal
from twin.park.plan import SitePlan
from twin.park.programme import ParkProgramme
from twin.park.site import FloatArray, GridConnection, Park, ParkError, ParkSite
from twin.weather.series import Place


@dataclass(frozen=True, slots=True)
class SitePrices:
    """What a site expects to pay and earn, ``buy_per_kwh`` and ``sell_per_kwh``, both
    (carrier, slot) for all of :class:`Carrier`; NaN where a carrier is not traded."""

    buy_per_kwh: FloatArray
    sell_per_kwh: FloatArray


def plan_site(
    site: ParkSite,
    horizon: Horizon,
    prices: SitePrices,
    available_w: FloatArray,
    demand_w: FloatArray,
    fixed: Sequence[Edit] = (),
    rejection_per_kwh: float = 0.001,
) -> SitePlan:
    """The cheapest way for a site that buys and sells at the prices whatever it likes.

    ``available_w`` (renewable, slot) and ``demand_w`` (process, slot) are what it expects, W. An
    edit's line is the name of a converter (its throughput) or a store (net flow into it).

    Raises ParkError for a site or prices that cannot be, ValueError for an edit that names no line
    or slot, InfeasiblePlanError naming the edits that cannot stand together.
    """
    check_site(site)
    park = site_as_park(site, horizon, prices, available_w, demand_w, rejection_per_kwh)
    check_no_free_conversion(park, layout_of(park))
    _check_edits(site, horizon, fixed)
    samples = ParkSamples(available_w[None], demand_w[None])
    signal = ParkSignal.of(park)

    def solve(edits: Sequence[Edit]) -> ParkDispatch:
        named = [replace(edit, line=f"{site.name}/{edit.line}") for edit in edits]
        return ParkProgramme(park, fixed=named).solve(samples, signal)

    def feasible(edits: Sequence[Edit]) -> bool:
        try:
            solve(edits)
        except InfeasibleProgrammeError:
            return False
        return True

    try:
        found = solve(fixed)
    except InfeasibleProgrammeError:
        raise InfeasiblePlanError(
            f"these edits of {site.name} cannot stand together",
            smallest_conflict(fixed, feasible),
        ) from None
    exchange = np.zeros((len(Carrier), horizon.slots))
    for place, connection in enumerate(park.connections):
        exchange[connection.carrier] = found.bought_w[0, place] - found.sold_w[0, place]
    return SitePlan(
        site=site,
        horizon=horizon,
        drive_w=found.drive_w[0],
        store_w=found.store_w[0],
        stored_wh=found.stored_wh[0],
        renewable_w=found.renewable_w[0],
        served_w=found.served_w[0],
        exchange_w=exchange,
        rejected_w=found.rejected_w[0],
        missing_wh=found.missing_wh[0],
        cost=float(found.cost[0]),
    )


def site_as_park(
    site: ParkSite,
    horizon: Horizon,
    prices: SitePrices,
    available_w: FloatArray,
    demand_w: FloatArray,
    rejection_per_kwh: float = 0.001,
) -> Park:
    """The site alone in a zone that buys and sells every traded carrier, without a limit that
    could bind.

    Raises ParkError for prices that cannot be.
    """
    shape = (len(Carrier), horizon.slots)
    for field in ("buy_per_kwh", "sell_per_kwh"):
        if getattr(prices, field).shape != shape:
            raise ParkError(
                f"{field} must be shaped (carrier, slot) = {shape}, "
                f"not {getattr(prices, field).shape}"
            )
    most_w = 1.0 + _most_w(site, available_w, demand_w)
    connections = []
    for carrier in Carrier:
        buy, sell = prices.buy_per_kwh[carrier], prices.sell_per_kwh[carrier]
        if np.isnan(buy).all() and np.isnan(sell).all():
            continue
        connection = GridConnection(
            f"market for {carrier.label}", site.zone, carrier, buy, sell, most_w, most_w, 0.0, 1.0
        )
        check_connection(connection, horizon.slots)
        connections.append(connection)
    return Park(
        name=site.name,
        horizon=horizon,
        place=Place(0.0, 0.0),
        zones=(site.zone,),
        sites=(site,),
        connections=tuple(connections),
        rejection_per_kwh=rejection_per_kwh,
    )


def _most_w(site: ParkSite, available_w: FloatArray, demand_w: FloatArray) -> float:
    """More than a site can take or give of any carrier."""
    converters = math.fsum(
        segment.width_w * max((1.0, *(abs(rate) for rate in segment.rates.values())))
        for converter in site.converters
        for segment in converter.segments
    )
    stores = math.fsum(store.charge_max_w + store.discharge_max_w for store in site.stores)
    series = sum(float(values.max(initial=0.0, axis=1).sum()) for values in (available_w, demand_w))
    return converters + stores + series


def _check_edits(site: ParkSite, horizon: Horizon, edits: Sequence[Edit]) -> None:
    converters = {converter.name for converter in site.converters}
    lines = converters | {store.name for store in site.stores}
    seen: dict[tuple[str, int], Edit] = {}
    for edit in edits:
        if edit.line not in lines:
            raise ValueError(f"{edit}: {site.name} has the lines {', '.join(sorted(lines))}")
        if not 0 <= edit.slot < horizon.slots:
            raise ValueError(f"{edit}: the plan has the slots 0 to {horizon.slots - 1}")
        if not math.isfinite(edit.value_w) or (edit.line in converters and edit.value_w < 0.0):
            raise ValueError(f"{edit}: a converter's throughput is finite and at least 0")
        other = seen.setdefault((edit.line, edit.slot), edit)
        if other.value_w != edit.value_w:
            raise InfeasiblePlanError("a value is fixed twice", (other, edit))
