"""A converter as metered days suggest: outputs scaled, energy balance and limits kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.park.carriers import Carrier
from twin.park.converter import Converter, ConverterKind, Segment
from twin.park.physical_limits import check_converter
from twin.park.site import FloatArray, Park, ParkError

_BISECTIONS = 20


def main_output(converter: Converter) -> Carrier:
    """What a converter is there for: cooling, hydrogen, electricity, or its highest heat."""
    outputs = converter.outputs
    for carrier in (Carrier.COOLING, Carrier.HYDROGEN):
        if carrier in outputs:
            return carrier
    return outputs[0]


def output_w(converter: Converter, drive_w: FloatArray, carrier: Carrier) -> FloatArray:
    """What it gives of a carrier at throughputs of any shape, segments filled in order, W."""
    widths = [segment.width_w for segment in converter.segments]
    rates = [segment.rates.get(carrier, 0.0) for segment in converter.segments]
    at = np.concatenate([[0.0], np.cumsum(widths)])
    given = np.concatenate([[0.0], np.cumsum(np.multiply(widths, rates))])
    curve: FloatArray = np.interp(drive_w, at, given)
    return curve


def scaled(converter: Converter, factor: float) -> Converter:
    """The converter giving ``factor`` times as much, or as much of that as physics allows.

    A heat pump takes the more from its source, a chiller rejects the more that it cools; of others
    all outputs grow alike.
    """
    wanted = _scaled(converter, factor)
    if factor <= 1.0 or _possible(wanted):
        return wanted
    low, high = 1.0, factor
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _possible(_scaled(converter, middle)) else (low, middle)
    return _scaled(converter, low)


def believed_park(described: Park, factors: FloatArray) -> Park:
    """The park with every converter's outputs scaled, ``factors`` (converter,)."""
    place = 0
    sites = []
    for site in described.sites:
        converters = []
        for converter in site.converters:
            factor = float(factors[place])
            converters.append(converter if factor == 1.0 else scaled(converter, factor))
            place += 1
        sites.append(replace(site, converters=tuple(converters)))
    return replace(described, sites=tuple(sites))


def _scaled(converter: Converter, factor: float) -> Converter:
    return replace(
        converter,
        segments=tuple(
            replace(segment, rates=_rates(converter.kind, segment, factor))
            for segment in converter.segments
        ),
    )


def _rates(kind: ConverterKind, segment: Segment, factor: float) -> dict[Carrier, float]:
    rates = dict(segment.rates)
    if kind is ConverterKind.HEAT_PUMP:
        more = sum(rate for rate in rates.values() if rate > 0.0) * (factor - 1.0)
        return {
            carrier: rate * factor if rate > 0.0 else min(rate - more, 0.0)
            for carrier, rate in rates.items()
        }
    if kind in (ConverterKind.COMPRESSION_CHILLER, ConverterKind.ABSORPTION_CHILLER):
        more = rates[Carrier.COOLING] * (factor - 1.0)
        rates[Carrier.COOLING] += more
        if Carrier.WARM_WATER in rates:
            rates[Carrier.WARM_WATER] += more
        return rates
    return {carrier: rate * factor for carrier, rate in rates.items()}


def _possible(converter: Converter) -> bool:
    try:
        check_converter(converter)
    except ParkError:
        return False
    return True
