"""The published system: an hour of a region with coal, gas, wind and a quota; the same for all.

Everything is invented within usual ranges, so that anyone can run the same study without files.

| quantity | value | as usual for |
|---|---|---|
| coal | 38 a MWh at first, 4,000 MWh | steam plants of 38 to 43 %, with carbon |
| combined cycle | 50 a MWh at first, 4,500 MWh | gas of 30 a MWh at 58 % |
| gas turbines | 84 a MWh at first, 1,500 MWh | 36 to 38 % |
| wind that stands | 4 to 6 a MWh, 2,400 and 600 MWh | operation, maintenance, balancing |
| new wind on land | 58 a MWh at first | depreciation a MWh where it is built as far as it pays |
| new wind at sea | 76 a MWh at first | |
| demand | 10,000 MWh at 60, elasticity -0.3 there | day-ahead markets, all consumers |
| buy-out | 55 a certificate | penalties of quota schemes |

Sources of the ranges: IEA and OECD NEA, "Projected Costs of Generating Electricity", 2020; IRENA,
"Renewable Power Generation Costs", 2023.
"""

from __future__ import annotations

from twin.green_quota.system import Cost, Demand, Kind, Producer, QuotaSystem, Withholding

_THERMAL = (
    Producer(
        "coal",
        Kind.THERMAL,
        fuel=Cost(2_000.0, 34.0, 0.0015),
        maintenance=Cost(10_000.0, 4.0),
        depreciation=Cost(24_000.0),
        available_mwh=4_000.0,
    ),
    Producer(
        "combined cycle",
        Kind.THERMAL,
        fuel=Cost(1_500.0, 47.5, 0.0025),
        maintenance=Cost(2_000.0, 2.5),
        depreciation=Cost(6_000.0),
        available_mwh=4_500.0,
    ),
    Producer(
        "gas turbines",
        Kind.THERMAL,
        fuel=Cost(0.0, 80.0, 0.01),
        maintenance=Cost(500.0, 4.0),
        depreciation=Cost(1_500.0),
        available_mwh=1_500.0,
    ),
)

_RENEWABLE = (
    Producer(
        "wind north",
        Kind.RENEWABLE,
        maintenance=Cost(20_000.0, 1.5),
        depreciation=Cost(80_000.0),
        backup=Cost(0.0, 2.5, 0.0006),
        available_mwh=2_400.0,
        withholds=Withholding.BOTH,
    ),
    Producer(
        "wind south",
        Kind.RENEWABLE,
        maintenance=Cost(9_000.0, 2.0),
        depreciation=Cost(35_000.0),
        backup=Cost(0.0, 4.0, 0.001),
        available_mwh=600.0,
    ),
    Producer(
        "new wind on land",
        Kind.RENEWABLE,
        maintenance=Cost(0.0, 8.0),
        depreciation=Cost(0.0, 46.0, 0.012),
        backup=Cost(0.0, 4.0, 0.002),
        available_mwh=2_500.0,
    ),
    Producer(
        "new wind at sea",
        Kind.RENEWABLE,
        maintenance=Cost(0.0, 14.0),
        depreciation=Cost(0.0, 58.0, 0.008),
        backup=Cost(0.0, 4.0, 0.002),
        available_mwh=3_000.0,
    ),
)


def published_system() -> QuotaSystem:
    """The system at a quota of 0.3; the large wind owner can hold back output and certificates."""
    return QuotaSystem(
        name="published region",
        producers=(*_THERMAL, *_RENEWABLE),
        demand=Demand(highest_price=260.0, slope=0.02),
        ratio=0.3,
        buy_out_price=55.0,
    )
