"""What no equipment can do: energy from nothing, heat uphill by itself, more than Carnot allows.

Limits hold segment by segment, so also for every sum of segments. First law: what is given,
chemical energy at its higher heating value where water condenses or is split, is at most what is
taken (a chiller also takes what it cools). Second law, temperatures absolute:

- heat pump: COP <= T_sink / (T_sink - T_source)
- compression chiller: EER <= T_cold / (T_reject - T_cold)
- absorption chiller: COP <= (1 - T_reject / T_drive) T_cold / (T_reject - T_cold)
- turbine: power <= (1 - T_low / T_high) of the heat taken
- combustion: power <= 1 - T_ambient / T_flame of the fuel
- fuel cell: power <= Gibbs energy over LHV of hydrogen; electrolyser: thermoneutral voltage.

Sources: Moran and Shapiro, "Fundamentals of Engineering Thermodynamics" (Carnot limits, flame
temperature of methane in air 2,226 K); Herold, Radermacher and Klein, "Absorption Chillers and
Heat Pumps" (three temperatures); NIST Chemistry WebBook (hydrogen: Gibbs energy of formation of
liquid water 237.1 kJ/mol, LHV 241.8 kJ/mol).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from twin.park.carriers import HEAT_LEVELS, HIGHER_HEATING, TEMPERATURE_C, Carrier, kelvin
from twin.park.converter import Converter, ConverterKind, Segment
from twin.park.site import ParkError

OUTDOORS_C = 10.0
"""What a heat pump without a source carrier draws from unless ``source_c`` says otherwise."""

REJECTION_C = 30.0
"""Where chillers and turbines reject heat that no carrier takes, unless ``source_c`` says."""

FLAME_K = 2226.0
GIBBS_OF_LHV = 237.1 / 241.8
_SLACK = 1e-9

_FUELS = frozenset({Carrier.GAS, Carrier.HYDROGEN})
_HEAT = frozenset(HEAT_LEVELS)
_POWER = frozenset({Carrier.ELECTRICITY})
_COLD = frozenset({Carrier.COOLING})
_NOTHING: frozenset[Carrier] = frozenset()


@dataclass(frozen=True, slots=True)
class _Ports:
    """Carriers a kind may be driven by, must give, may give besides, and may take besides."""

    drives: frozenset[Carrier]
    gives: frozenset[Carrier]
    besides: frozenset[Carrier] = _NOTHING
    takes: frozenset[Carrier] = _NOTHING


_PORTS: Mapping[ConverterKind, _Ports] = {
    ConverterKind.CHP: _Ports(_FUELS, _POWER, _HEAT),
    ConverterKind.BOILER: _Ports(_FUELS, _NOTHING, _HEAT),
    ConverterKind.ELECTRIC_BOILER: _Ports(_POWER, _NOTHING, _HEAT),
    ConverterKind.HEAT_PUMP: _Ports(_POWER, _NOTHING, _HEAT, _HEAT),
    ConverterKind.ABSORPTION_CHILLER: _Ports(
        frozenset({Carrier.STEAM, Carrier.HOT_WATER}), _COLD, frozenset({Carrier.WARM_WATER})
    ),
    ConverterKind.COMPRESSION_CHILLER: _Ports(_POWER, _COLD, frozenset({Carrier.WARM_WATER})),
    ConverterKind.ELECTROLYSER: _Ports(_POWER, frozenset({Carrier.HYDROGEN}), _HEAT),
    ConverterKind.FUEL_CELL: _Ports(frozenset({Carrier.HYDROGEN}), _POWER, _HEAT),
    ConverterKind.HEAT_EXCHANGER: _Ports(_HEAT, _NOTHING, _HEAT),
    ConverterKind.TURBINE: _Ports(
        frozenset({Carrier.STEAM, Carrier.HOT_WATER}), _POWER, _HEAT - {Carrier.STEAM}
    ),
}


def check_converter(converter: Converter) -> None:
    """Raise ParkError for the first thing that no real converter of its kind can do."""
    _check_numbers(converter)
    _check_ports(converter)
    _check_concave(converter)
    for segment in converter.segments:
        _check_first_law(converter, segment)
        _SECOND_LAW[converter.kind](converter, segment)


def carnot_cop(source_c: float, sink_c: float) -> float:
    """The most heat at ``sink_c`` that a Wh of work lifts from ``source_c``; C."""
    lift = sink_c - source_c
    return kelvin(sink_c) / lift if lift > 0.0 else math.inf


def carnot_eer(cold_c: float, reject_c: float) -> float:
    """The most heat that a Wh of work takes from ``cold_c`` and rejects at ``reject_c``; C."""
    lift = reject_c - cold_c
    return kelvin(cold_c) / lift if lift > 0.0 else math.inf


def check_finite(part: object, name: str, unbounded: tuple[str, ...] = ()) -> None:
    """Raise ParkError where a float field is not finite or negative.

    Fields named in ``unbounded`` may be infinite, temperatures (``_c``) negative.
    """
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        negative = value < 0.0 and not field.name.endswith(("_c", "_deg"))
        endless = not math.isfinite(value) and field.name not in unbounded
        if math.isnan(value) or negative or endless:
            raise ParkError(f"{name}: {field.name} = {value:g} is negative or not a finite number")


def _check_numbers(converter: Converter) -> None:
    check_finite(converter, converter.name, unbounded=("ramp_w_per_h",))
    if converter.ramp_w_per_h <= 0.0:
        raise ParkError(f"{converter.name}: a ramp of 0 W per hour; leave it out or give one above")
    if not converter.segments:
        raise ParkError(f"{converter.name} has no segment: give at least one")
    for segment in converter.segments:
        check_finite(segment, converter.name)
        if segment.width_w <= 0.0:
            raise ParkError(f"{converter.name}: a segment {segment.width_w:g} W wide")
        for carrier, rate in segment.rates.items():
            if not math.isfinite(rate):
                raise ParkError(f"{converter.name}: {rate:g} W of {carrier.label} a W of its drive")


def _check_ports(converter: Converter) -> None:
    name, kind = converter.name, converter.kind
    ports = _PORTS[kind]
    if converter.drive not in ports.drives:
        raise ParkError(
            f"{name}: {_article(kind)} is driven by {_listed(ports.drives)}, "
            f"not by {converter.drive.label}"
        )
    if any(converter.drive in segment.rates for segment in converter.segments):
        raise ParkError(
            f"{name}: rates are a W of {converter.drive.label}, so leave that carrier out of them"
        )
    given = frozenset(converter.outputs)
    taken = frozenset(converter.inputs) - {converter.drive}
    for wrong in sorted(given - ports.gives - ports.besides):
        raise ParkError(f"{name}: {_article(kind)} gives no {wrong.label}")
    for wrong in sorted(taken - ports.takes):
        raise ParkError(f"{name}: {_article(kind)} takes no {wrong.label} besides its drive")
    for missing in sorted(ports.gives - given):
        raise ParkError(f"{name}: {_article(kind)} gives {missing.label}, which is missing")
    if not given:
        raise ParkError(f"{name} gives nothing: name an output in its rates")
    if kind is ConverterKind.HEAT_PUMP and (len(given) != 1 or len(taken) > 1):
        raise ParkError(f"{name}: a heat pump lifts heat from one source to one level")


def _check_concave(converter: Converter) -> None:
    for earlier, later in zip(converter.segments, converter.segments[1:], strict=False):
        for carrier in converter.outputs:
            before, after = earlier.rates.get(carrier, 0.0), later.rates.get(carrier, 0.0)
            if after > before + _SLACK:
                raise ParkError(
                    f"{converter.name}: the marginal output of {carrier.label} rises from "
                    f"{before:g} to {after:g} with load, so its region is not convex; order "
                    "segments by falling output or take their mean"
                )


def _check_first_law(converter: Converter, segment: Segment) -> None:
    flows = converter.flows(segment)
    condenses = segment.rates.get(Carrier.WARM_WATER, 0.0) > 0.0
    taken, given = 0.0, 0.0
    for carrier, rate in flows.items():
        if carrier is Carrier.COOLING:
            taken += max(rate, 0.0)
        elif rate < 0.0:
            taken -= rate * (HIGHER_HEATING.get(carrier, 1.0) if condenses else 1.0)
        else:
            given += rate * HIGHER_HEATING.get(carrier, 1.0)
    free = converter.kind is ConverterKind.HEAT_PUMP and len(converter.inputs) == 1
    if converter.kind is ConverterKind.ELECTROLYSER and given > taken + _SLACK:
        raise ParkError(
            f"{converter.name} makes {given:.3f} Wh (higher heating value, with heat) from a Wh of "
            "electricity: splitting water takes 1.182 Wh for a Wh (LHV) of hydrogen, so an "
            "efficiency above 0.846 is impossible"
        )
    if given > taken + _SLACK and not free:
        raise ParkError(
            f"{converter.name} gives {given:.3f} Wh for {taken:.3f} Wh taken: "
            f"{_article(converter.kind)} makes no energy; lower its outputs"
        )


def _heat_pump(converter: Converter, segment: Segment) -> None:
    (sink,) = converter.outputs
    source = next((carrier for carrier in converter.inputs if carrier is not converter.drive), None)
    if source is None:
        source_c = OUTDOORS_C if converter.source_c is None else converter.source_c
    else:
        source_c = TEMPERATURE_C[source]
    limit = carnot_cop(source_c, TEMPERATURE_C[sink])
    _refuse_above(converter, "COP", segment.rates.get(sink, 0.0), limit, source_c, sink)


def _compression_chiller(converter: Converter, segment: Segment) -> None:
    reject_c = _reject_c(converter)
    limit = carnot_eer(TEMPERATURE_C[Carrier.COOLING], reject_c)
    eer = segment.rates.get(Carrier.COOLING, 0.0)
    _refuse_above(converter, "EER", eer, limit, reject_c, Carrier.COOLING)


def _absorption_chiller(converter: Converter, segment: Segment) -> None:
    reject_c = _reject_c(converter)
    work = 1.0 - kelvin(reject_c) / kelvin(TEMPERATURE_C[converter.drive])
    limit = work * carnot_eer(TEMPERATURE_C[Carrier.COOLING], reject_c)
    cop = segment.rates.get(Carrier.COOLING, 0.0)
    _refuse_above(converter, "COP", cop, limit, reject_c, Carrier.COOLING)


def _turbine(converter: Converter, segment: Segment) -> None:
    heat = [carrier for carrier in converter.outputs if carrier in _HEAT]
    for carrier in heat:
        _refuse_lift(converter, carrier)
    low_c = max((TEMPERATURE_C[carrier] for carrier in heat), default=_reject_c(converter))
    limit = max(0.0, 1.0 - kelvin(low_c) / kelvin(TEMPERATURE_C[converter.drive]))
    power = segment.rates.get(Carrier.ELECTRICITY, 0.0)
    _refuse_above(converter, "efficiency", power, limit, low_c, converter.drive)


def _combustion(converter: Converter, segment: Segment) -> None:
    power = segment.rates.get(Carrier.ELECTRICITY, 0.0)
    limit = 1.0 - kelvin(OUTDOORS_C) / FLAME_K
    if power > limit + _SLACK:
        raise ParkError(
            f"{converter.name}: electric efficiency {power:.3f} is above {limit:.3f}, the Carnot "
            "limit of a flame"
        )


def _fuel_cell(converter: Converter, segment: Segment) -> None:
    power = segment.rates.get(Carrier.ELECTRICITY, 0.0)
    if power > GIBBS_OF_LHV + _SLACK:
        raise ParkError(
            f"{converter.name}: electric efficiency {power:.3f} is above {GIBBS_OF_LHV:.3f}, the "
            "Gibbs energy of hydrogen over its LHV"
        )


def _heat_exchanger(converter: Converter, segment: Segment) -> None:
    for carrier in segment.rates:
        _refuse_lift(converter, carrier)


def _first_law_only(converter: Converter, segment: Segment) -> None:
    """Heat from work, and hydrogen from work, are limited by the first law alone."""


_SECOND_LAW: Mapping[ConverterKind, Callable[[Converter, Segment], None]] = {
    ConverterKind.CHP: _combustion,
    ConverterKind.BOILER: _first_law_only,
    ConverterKind.ELECTRIC_BOILER: _first_law_only,
    ConverterKind.HEAT_PUMP: _heat_pump,
    ConverterKind.ABSORPTION_CHILLER: _absorption_chiller,
    ConverterKind.COMPRESSION_CHILLER: _compression_chiller,
    ConverterKind.ELECTROLYSER: _first_law_only,
    ConverterKind.FUEL_CELL: _fuel_cell,
    ConverterKind.HEAT_EXCHANGER: _heat_exchanger,
    ConverterKind.TURBINE: _turbine,
}


def _reject_c(converter: Converter) -> float:
    if Carrier.WARM_WATER in converter.outputs:
        return TEMPERATURE_C[Carrier.WARM_WATER]
    return REJECTION_C if converter.source_c is None else converter.source_c


def _refuse_lift(converter: Converter, target: Carrier) -> None:
    high, low = TEMPERATURE_C[converter.drive], TEMPERATURE_C[target]
    if low >= high:
        raise ParkError(
            f"{converter.name} would lift heat from {converter.drive.label} ({high:g} C) to "
            f"{target.label} ({low:g} C): heat falls by itself only; lifting takes a heat pump"
        )


def _refuse_above(
    converter: Converter, what: str, value: float, limit: float, other_c: float, at: Carrier
) -> None:
    if value > limit * (1.0 + _SLACK) + _SLACK:
        raise ParkError(
            f"{converter.name}: {what} {value:.3g} is above the Carnot limit {limit:.3g} between "
            f"{other_c:g} C and {TEMPERATURE_C[at]:g} C ({at.label})"
        )


def _article(kind: ConverterKind) -> str:
    name = kind.value
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _listed(carriers: frozenset[Carrier]) -> str:
    return " or ".join(carrier.label for carrier in sorted(carriers))
