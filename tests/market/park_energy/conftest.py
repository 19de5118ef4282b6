"""A park small enough to look at: heat and power in the north, heat pumps and hydrogen in the
south, on a winter day of so many quarter-hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from market.park_energy.bids import SiteNeed
from twin.horizon import Horizon
from twin.park.carriers import Carrier
from twin.park.equipment import (
    boiler,
    chp,
    compression_chiller,
    electrolyser,
    heat_exchanger,
    heat_pump,
)
from twin.park.site import (
    GridConnection,
    Link,
    Park,
    ParkSite,
    Process,
    ProcessType,
    Renewable,
    Store,
    Technology,
    WillingnessBlock,
)
from twin.weather.series import Place

MakePark = Callable[[int], Park]


def _worth(*blocks: tuple[float, float]) -> tuple[WillingnessBlock, ...]:
    return tuple(WillingnessBlock(share, value) for share, value in blocks)


def _process(name: str, carrier: Carrier, peak_w: float, *blocks: tuple[float, float]) -> Process:
    return Process(name, carrier, ProcessType.CONTINUOUS, peak_w, _worth(*blocks))


WORKS = ParkSite(
    "works",
    "north",
    converters=(
        chp(
            "works chp",
            4e6,
            [0.42, 0.38],
            {Carrier.HOT_WATER: [0.42, 0.40]},
            cost_per_kwh=0.004,
        ),
        boiler("works boiler", 6e6, [0.92, 0.90], Carrier.STEAM),
        heat_exchanger("works exchanger", 3e6, Carrier.STEAM, Carrier.HOT_WATER),
    ),
    stores=(Store("works tank", Carrier.HOT_WATER, 6e6, 2e6, 2e6, 0.98, 0.98, 0.002, 2e6, 0.0005),),
    renewables=(Renewable("works roof", Technology.SUN, 2e6),),
    processes=(
        _process("works line", Carrier.ELECTRICITY, 2e6, (0.8, 1.0), (0.2, 0.12)),
        _process("works steam", Carrier.STEAM, 1.5e6, (0.9, 0.8), (0.1, 0.09)),
        _process("works baths", Carrier.HOT_WATER, 1.2e6, (1.0, 0.5)),
    ),
)

LABS = ParkSite(
    "labs",
    "south",
    converters=(
        heat_pump("labs pump", 0.5e6, [3.2, 2.9], Carrier.WARM_WATER),
        compression_chiller("labs chiller", 0.6e6, [4.5, 4.0]),
        electrolyser("labs electrolyser", 1e6, [0.68, 0.64], warm_share=0.15, cost_per_kwh=0.002),
    ),
    processes=(
        _process("labs power", Carrier.ELECTRICITY, 0.8e6, (0.9, 1.2), (0.1, 0.15)),
        _process("labs heat", Carrier.WARM_WATER, 1.0e6, (0.8, 0.5), (0.2, 0.06)),
        _process("labs cold", Carrier.COOLING, 1.2e6, (0.85, 0.6), (0.15, 0.05)),
        _process("labs hydrogen", Carrier.HYDROGEN, 0.3e6, (0.7, 0.4), (0.3, 0.2)),
    ),
)


@pytest.fixture(scope="session")
def make_park() -> MakePark:
    def made(slots: int) -> Park:
        hours = np.arange(slots) * 24.0 / slots
        buy = 0.08 + 0.06 * np.sin((hours - 8.0) / 24.0 * 2.0 * np.pi) ** 2
        gas = np.full(slots, 0.04)
        return Park(
            name="small park",
            horizon=Horizon(datetime(2026, 1, 12, tzinfo=UTC), slots=slots),
            place=Place(48.0, 11.0),
            zones=("north", "south"),
            sites=(WORKS, LABS),
            connections=(
                GridConnection(
                    "grid", "north", Carrier.ELECTRICITY, buy, 0.6 * buy, 6e6, 4e6, 0.4, 2.0
                ),
                GridConnection(
                    "gas net", "north", Carrier.GAS, gas, 0.0 * gas, 12e6, 0.0, 0.2, 1.1
                ),
            ),
            links=(
                Link("line out", Carrier.ELECTRICITY, "north", "south", 2.5e6, 0.02),
                Link("line back", Carrier.ELECTRICITY, "south", "north", 2.5e6, 0.02),
                Link("pipe", Carrier.HOT_WATER, "north", "south", 1e6, 0.05),
            ),
        )

    return made


@pytest.fixture(scope="session")
def needs_of() -> Callable[[Park], dict[str, SiteNeed]]:
    """What every site expects: a working day's shape, sun from six to six."""

    def expected(park: Park) -> dict[str, SiteNeed]:
        slots = park.horizon.slots
        hours = np.arange(slots) * 24.0 / slots
        day = 0.4 + 0.5 * np.exp(-(((hours - 13.0) / 5.0) ** 2))
        sun = np.maximum(np.sin((hours - 6.0) / 12.0 * np.pi), 0.0)
        return {
            site.name: SiteNeed(
                np.array([part.peak_w * day for part in site.processes]).reshape(-1, slots),
                np.array([part.capacity_w * sun for part in site.renewables]).reshape(-1, slots),
            )
            for site in park.sites
        }

    return expected
