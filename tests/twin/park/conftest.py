"""Small parks with answers that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from twin.horizon import Horizon
from twin.park.carriers import Carrier
from twin.park.site import (
    GridConnection,
    Park,
    ParkSite,
    Process,
    ProcessType,
    WillingnessBlock,
)
from twin.weather.series import Place


@pytest.fixture
def need() -> Callable[..., Process]:
    def make(carrier: Carrier, peak_w: float = 1e6, value_per_kwh: float = 2.0) -> Process:
        return Process(
            f"{carrier.label} need",
            carrier,
            ProcessType.CONTINUOUS,
            peak_w,
            (WillingnessBlock(1.0, value_per_kwh),),
        )

    return make


@pytest.fixture
def one_zone() -> Callable[..., Park]:
    """A park of one site in one zone with hourly slots; prices by carrier: (buy, sell)."""

    def make(site: ParkSite, prices: dict[Carrier, tuple], slots: int = 1, **limits) -> Park:
        connections = tuple(
            GridConnection(
                f"{carrier.label} supply",
                site.zone,
                carrier,
                np.broadcast_to(np.asarray(buy, dtype=float), (slots,)),
                np.broadcast_to(np.asarray(sell, dtype=float), (slots,)),
                limits.get("import_max_w", 1e9),
                limits.get("export_max_w", 1e9),
                0.2,
                {Carrier.ELECTRICITY: 2.5, Carrier.GAS: 1.1}.get(carrier, 1.0),
            )
            for carrier, (buy, sell) in prices.items()
        )
        horizon = Horizon(datetime(2026, 4, 22, tzinfo=UTC), 3600, slots)
        return Park(
            "small park",
            horizon,
            Place(51.0, 12.0),
            (site.zone,),
            (site,),
            connections,
            rejection_per_kwh=0.0,
        )

    return make
