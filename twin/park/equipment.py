"""Common equipment from the figures of a data sheet, its energy balances closed.

``capacity_w`` is always the most it takes of its drive. Where ``efficiency`` (or COP, EER) is a
sequence, the drive is cut into segments of equal width, one each, best first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twin.park.carriers import Carrier
from twin.park.converter import Converter, ConverterKind, Segment

Curve = float | Sequence[float]
_UNLIMITED = float("inf")


def chp(
    name: str,
    capacity_w: float,
    electric: Curve,
    heat: Mapping[Carrier, Curve],
    *,
    fuel: Carrier = Carrier.GAS,
    cost_per_kwh: float = 0.0,
    ramp_w_per_h: float = _UNLIMITED,
) -> Converter:
    """Engine or gas turbine: fuel to electricity and heat of one or more levels."""
    rates = {Carrier.ELECTRICITY: electric, **heat}
    return _made(name, ConverterKind.CHP, fuel, capacity_w, rates, cost_per_kwh, ramp_w_per_h)


def boiler(
    name: str,
    capacity_w: float,
    efficiency: Curve,
    level: Carrier,
    *,
    fuel: Carrier = Carrier.GAS,
    cost_per_kwh: float = 0.0,
) -> Converter:
    """Fuel to heat of one level; ``electricity`` as ``fuel`` makes an electric boiler."""
    electric = fuel is Carrier.ELECTRICITY
    kind = ConverterKind.ELECTRIC_BOILER if electric else ConverterKind.BOILER
    return _made(name, kind, fuel, capacity_w, {level: efficiency}, cost_per_kwh)


def heat_pump(
    name: str,
    capacity_w: float,
    cop: Curve,
    sink: Carrier,
    source: Carrier | None = None,
    *,
    source_c: float | None = None,
    cost_per_kwh: float = 0.0,
) -> Converter:
    """Electricity lifts heat of ``source`` (None: of the surroundings) to ``sink``."""
    rates: dict[Carrier, Curve] = {sink: cop}
    if source is not None:
        rates[source] = [1.0 - each for each in _values(cop)]
    return _made(
        name,
        ConverterKind.HEAT_PUMP,
        Carrier.ELECTRICITY,
        capacity_w,
        rates,
        cost_per_kwh,
        source_c=source_c,
    )


def compression_chiller(
    name: str,
    capacity_w: float,
    eer: Curve,
    *,
    recovers: bool = False,
    cost_per_kwh: float = 0.0,
) -> Converter:
    """Electricity to cooling; ``recovers``: what is cooled and the work leave as warm water."""
    rates: dict[Carrier, Curve] = {Carrier.COOLING: eer}
    if recovers:
        rates[Carrier.WARM_WATER] = [1.0 + each for each in _values(eer)]
    return _made(
        name,
        ConverterKind.COMPRESSION_CHILLER,
        Carrier.ELECTRICITY,
        capacity_w,
        rates,
        cost_per_kwh,
    )


def absorption_chiller(
    name: str,
    capacity_w: float,
    cop: Curve,
    *,
    drive: Carrier = Carrier.HOT_WATER,
    recovers: bool = True,
    cost_per_kwh: float = 0.0,
) -> Converter:
    """Heat to cooling; ``recovers``: what is cooled and the driving heat leave as warm water."""
    rates: dict[Carrier, Curve] = {Carrier.COOLING: cop}
    if recovers:
        rates[Carrier.WARM_WATER] = [1.0 + each for each in _values(cop)]
    return _made(name, ConverterKind.ABSORPTION_CHILLER, drive, capacity_w, rates, cost_per_kwh)


def electrolyser(
    name: str,
    capacity_w: float,
    efficiency: Curve,
    *,
    warm_share: float = 0.0,
    cost_per_kwh: float = 0.0,
    ramp_w_per_h: float = _UNLIMITED,
) -> Converter:
    """Electricity to hydrogen (LHV) and ``warm_share`` of it to warm water."""
    rates: dict[Carrier, Curve] = {Carrier.HYDROGEN: efficiency}
    if warm_share:
        rates[Carrier.WARM_WATER] = warm_share
    return _made(
        name,
        ConverterKind.ELECTROLYSER,
        Carrier.ELECTRICITY,
        capacity_w,
        rates,
        cost_per_kwh,
        ramp_w_per_h,
    )


def fuel_cell(
    name: str,
    capacity_w: float,
    electric: Curve,
    heat: Mapping[Carrier, Curve],
    *,
    cost_per_kwh: float = 0.0,
) -> Converter:
    """Hydrogen to electricity and heat."""
    rates = {Carrier.ELECTRICITY: electric, **heat}
    return _made(name, ConverterKind.FUEL_CELL, Carrier.HYDROGEN, capacity_w, rates, cost_per_kwh)


def heat_exchanger(
    name: str, capacity_w: float, high: Carrier, low: Carrier, *, efficiency: float = 1.0
) -> Converter:
    """Heat of one level handed on at a lower one."""
    return _made(name, ConverterKind.HEAT_EXCHANGER, high, capacity_w, {low: efficiency})


def turbine(
    name: str,
    capacity_w: float,
    electric: Curve,
    heat: Mapping[Carrier, Curve],
    *,
    drive: Carrier = Carrier.STEAM,
    cost_per_kwh: float = 0.0,
) -> Converter:
    """Back-pressure turbine or organic Rankine cycle: heat to electricity and lower heat."""
    rates = {Carrier.ELECTRICITY: electric, **heat}
    return _made(name, ConverterKind.TURBINE, drive, capacity_w, rates, cost_per_kwh)


def _values(curve: Curve) -> list[float]:
    return [float(curve)] if isinstance(curve, int | float) else [float(each) for each in curve]


def _made(
    name: str,
    kind: ConverterKind,
    drive: Carrier,
    capacity_w: float,
    rates: Mapping[Carrier, Curve],
    cost_per_kwh: float = 0.0,
    ramp_w_per_h: float = _UNLIMITED,
    source_c: float | None = None,
) -> Converter:
    curves = {carrier: _values(curve) for carrier, curve in rates.items()}
    count = max(len(curve) for curve in curves.values())
    for carrier, curve in curves.items():
        if len(curve) not in (1, count):
            raise ValueError(
                f"{name}: {len(curve)} figures for {carrier.label}, {count} for another carrier"
            )
    segments = tuple(
        Segment(
            capacity_w / count,
            {carrier: curve[min(place, len(curve) - 1)] for carrier, curve in curves.items()},
        )
        for place in range(count)
    )
    return Converter(name, kind, drive, segments, cost_per_kwh, ramp_w_per_h, source_c)
