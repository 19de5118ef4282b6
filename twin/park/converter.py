"""What turns carriers into others, with part-load behaviour that keeps its region convex.

Powers are in W, energies in Wh, money in currency; a converter's throughput is the power of its
driving input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from twin.park.carriers import Carrier


class ConverterKind(Enum):
    """Kinds of equipment; each has its own physical limits (see twin.park.physical_limits)."""

    CHP = "combined heat and power"
    BOILER = "boiler"
    ELECTRIC_BOILER = "electric boiler"
    HEAT_PUMP = "heat pump"
    ABSORPTION_CHILLER = "absorption chiller"
    COMPRESSION_CHILLER = "compression chiller"
    ELECTROLYSER = "electrolyser"
    FUEL_CELL = "fuel cell"
    HEAT_EXCHANGER = "heat exchanger"
    TURBINE = "turbine"


@dataclass(frozen=True, slots=True)
class Segment:
    """A straight piece of a converter's curve, ``width_w`` of its driving input wide.

    ``rates`` are W of every other carrier for a further W of the drive: positive what is given,
    negative what is taken besides the drive (a heat pump's source).
    """

    width_w: float
    rates: Mapping[Carrier, float]


@dataclass(frozen=True, slots=True)
class Converter:
    """Equipment that takes ``drive`` (and what ``rates`` take) and gives other carriers.

    Throughput x, W of the drive, lies between 0 and the sum of the segments' widths. Segments are
    filled as a linear programme likes; since the marginal output of every carrier falls from one
    to the next, the region they span is convex and its upper edge is the part-load curve.

    ``cost_per_kwh`` is wear and upkeep a kWh of throughput; ``ramp_w_per_h`` bounds the change
    of throughput between slots (infinite: none). ``source_c`` is the temperature of the
    surroundings a heat pump draws from or a chiller rejects to where no carrier serves, C.
    """

    name: str
    kind: ConverterKind
    drive: Carrier
    segments: tuple[Segment, ...]
    cost_per_kwh: float = 0.0
    ramp_w_per_h: float = math.inf
    source_c: float | None = None

    @property
    def capacity_w(self) -> float:
        """The most it takes of its drive, W."""
        return math.fsum(segment.width_w for segment in self.segments)

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """All carriers it touches, in their order."""
        return tuple(sorted({self.drive}.union(*(segment.rates for segment in self.segments))))

    @property
    def outputs(self) -> tuple[Carrier, ...]:
        """Carriers it gives, in their order."""
        return tuple(
            carrier
            for carrier in self.carriers
            if any(segment.rates.get(carrier, 0.0) > 0.0 for segment in self.segments)
        )

    @property
    def inputs(self) -> tuple[Carrier, ...]:
        """Carriers it takes, in their order."""
        return tuple(
            carrier
            for carrier in self.carriers
            if carrier is self.drive
            or any(segment.rates.get(carrier, 0.0) < 0.0 for segment in self.segments)
        )

    def flows(self, segment: Segment) -> dict[Carrier, float]:
        """Net W of every carrier for a W of the drive in this segment; given positive."""
        return {self.drive: -1.0, **segment.rates}

    def operating_point(self, drive_w: float) -> dict[Carrier, float]:
        """Net W of every carrier at a throughput, segments filled in their order.

        Raises ValueError outside of [0, capacity_w].
        """
        if not 0.0 <= drive_w <= self.capacity_w * (1.0 + 1e-12):
            raise ValueError(
                f"{self.name} takes 0 to {self.capacity_w:g} W of {self.drive.label}, "
                f"not {drive_w:g} W"
            )
        net = dict.fromkeys(self.carriers, 0.0)
        left = drive_w
        for segment in self.segments:
            filled = min(left, segment.width_w)
            for carrier, rate in self.flows(segment).items():
                net[carrier] += rate * filled
            left -= filled
        return net
