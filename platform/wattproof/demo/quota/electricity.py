"""A vintage on the electricity platform: traded before it begins, lived, metered, one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from market.bid import Bid, kept, make_bid
from market.green_quota import ELECTRICITY
from market.green_quota.electricity_bids import (
    CertificateOutlook,
    retailer_bids,
    thermal_asks,
    wind_asks,
)
from market.green_quota.rules import ELECTRICITY_RULES, VINTAGE_DAYS
from wattproof.accounts.service import unsigned
from wattproof.demo import cast as casting
from wattproof.demo import metering, trading
from wattproof.demo.quota.participants import Joined
from wattproof.demo.quota.scene import AUTHORITY, FloatArray, Scene
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow
from wattproof.meters.values import pack

THERMAL_STEPS, WIND_STEPS = 3, 2
_GATE_LEAD_S = 3_600
_LATER_S = 600
_REPLACE = 1
"""How the registry numbers the replacement of a disputed reading."""

Values = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Disputed:
    """A reading that was wrong, disputed in the last second, and replaced.

    Attributes:
        disputed_at: Unix seconds; ``last_second`` is the last one in which it could be.
    """

    name: str
    posted_wh: Values
    replaced_wh: Values
    disputed_at: int
    last_second: int


@dataclass(frozen=True, slots=True)
class PowerMonth:
    """A vintage on the electricity platform.

    Attributes:
        metered_wh: final readings, Wh a day by name, import positive.
    """

    traded: TradedRound
    metered_wh: Mapping[str, Values]
    closures: Mapping[str, ClosureRow]
    disputed: Disputed | None = None


def trade(
    stage: Stage,
    joined: Joined,
    scene: Scene,
    year: Year,
    vintage: int,
    outlook: CertificateOutlook,
    store_wh: list[int],
) -> TradedRound:
    """One round of all the vintage's days, opened now, with its gate an hour before they begin.

    Args:
        store_wh: what the store plans to draw, Wh a day.
    """
    bids = _bids(scene, vintage, outlook, store_wh)
    market = joined.electricity
    casting.set_margins_aside(stage, joined.cast, market, ELECTRICITY, bids, f"power {vintage}")
    opened = trading.open_round(
        stage,
        market,
        gate_at=year.starts(vintage) - _GATE_LEAD_S,
        first_slot=year.period(vintage) * VINTAGE_DAYS,
        slots=VINTAGE_DAYS,
    )
    signed, receipts = trading.hand_in(stage, joined.cast, opened, bids)
    return trading.settle(stage, opened, ELECTRICITY_RULES, signed, receipts)


def live(
    stage: Stage, joined: Joined, scene: Scene, year: Year, vintage: int, traded: TradedRound
) -> tuple[Mapping[str, Values], Disputed | None]:
    """What meters show once the vintage is over, until it is final; and what was wrong with it."""
    cast, period = joined.cast, year.period(vintage)
    real = _lived_wh(scene, vintage, traded.positions_wh(cast))
    stage.advance_to(year.ends(vintage))
    if vintage:
        metering.post(stage, cast, joined.electricity, period, real)
        disputed = None
    else:
        disputed = _post_with_fault(stage, joined, scene, period, real)
    stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
    return real, disputed


def _bids(
    scene: Scene, vintage: int, outlook: CertificateOutlook, store_wh: list[int]
) -> tuple[Bid, ...]:
    quota = scene.quota_of(vintage)
    bids: list[Bid] = []
    for park in scene.wind:
        available = park.forecast_wh[vintage].tolist()
        bids += wind_asks(park.name, park.costs, available, outlook, steps=WIND_STEPS)
    for plant in scene.plants:
        bids += thermal_asks(
            plant.name,
            plant.costs,
            [plant.available_wh] * VINTAGE_DAYS,
            outlook,
            owed_share=quota.share(plant.name),
            steps=THERMAL_STEPS,
        )
    for retailer in scene.retailers:
        bids += retailer_bids(
            retailer.name,
            retailer.forecast_wh[vintage].tolist(),
            scene.worth_per_kwh,
            outlook,
            owed_share=quota.share(retailer.name),
        )
    return (*bids, *_store_bids(scene, store_wh))


def _store_bids(scene: Scene, store_wh: list[int]) -> tuple[Bid, ...]:
    """The store keeps to its plan: it pays what customers would, and gives for nothing."""
    return kept(
        [
            make_bid(
                scene.store.name,
                day,
                float(wh),
                scene.worth_per_kwh if wh > 0 else 0.0,
                ELECTRICITY_RULES.price_cap,
            )
            for day, wh in enumerate(store_wh)
        ]
    )


def _lived_wh(
    scene: Scene, vintage: int, positions_wh: Mapping[str, FloatArray]
) -> dict[str, Values]:
    """Wind as it blows on what was sold, loads as they are; plants and store keep their word."""
    lived: dict[str, FloatArray] = {}
    for park in scene.wind:
        lived[park.name] = (
            positions_wh[park.name] * park.real_wh[vintage] / park.forecast_wh[vintage]
        )
    for retailer in scene.retailers:
        lived[retailer.name] = retailer.real_wh[vintage]
    for name in (*(plant.name for plant in scene.plants), scene.store.name):
        lived[name] = positions_wh[name]
    return {name: metering.whole_wh(np.asarray(wh)) for name, wh in lived.items()}


def _post_with_fault(
    stage: Stage, joined: Joined, scene: Scene, period: int, real: Mapping[str, Values]
) -> Disputed:
    """One meter shows too much; the others' readings come some minutes later.

    So theirs become final after the last second in which the wrong one can be disputed.
    """
    name, day, factor = scene.fault
    wrong = list(real[name])
    wrong[day] *= factor
    market = joined.electricity
    metering.post(stage, joined.cast, market, period, {name: wrong})
    stage.advance_to(stage.now() + _LATER_S)
    others = {other: values for other, values in real.items() if other != name}
    metering.post(stage, joined.cast, market, period, others)
    return _dispute(stage, joined, name, period, tuple(wrong), real[name])


def _dispute(
    stage: Stage, joined: Joined, name: str, period: int, shown: Values, real: Values
) -> Disputed:
    """The metering authority objects in the last second, and puts the right values in the place."""
    platform, authority = stage.platform, joined.cast[AUTHORITY].address
    device = str(joined.cast[name].device.address)
    _, posted_at, _, _ = platform.chain.call("MeterRegistry", "reading", device, period)
    last = int(posted_at) + meters.DISPUTE_WINDOW_S
    stage.advance_to(last - 60)
    platform.chain.request("evm_setNextBlockTimestamp", last)
    stage.transact(
        authority,
        unsigned(platform, "dispute the reading", "MeterRegistry", "dispute", device, period),
    )
    _, _, _, disputed_at = platform.chain.call("MeterRegistry", "reading", device, period)
    stage.transact(
        authority,
        unsigned(
            platform,
            "replace the reading",
            "MeterRegistry",
            "resolve",
            device,
            period,
            _REPLACE,
            pack(real),
        ),
    )
    return Disputed(name, shown, real, int(disputed_at), last)
