"""What somebody wants of several carriers, zones or slots at once: one order of several legs.

A vector bid is filled by one share: every leg moves in proportion. So what independent orders can
say is exactly a sum of such vectors, each filled between nothing and whole, with a constant worth a
unit each. Expressible:

* a linear converter, and one of convex part load (`converter_bids`): segments that get worse;
* taking in one slot and giving back in a later one, with losses (`storage_pair_bid`);
* a fixed profile over slots, carriers and zones, in proportion (`bundle_bid`, `block_bid`);
* a ramp-limited profile as horizontal slices (`ramp_limited_bids`): whatever is filled of them,
  no change from slot to slot exceeds the given profile's, nor turns its direction.

Not expressible: anything that joins orders or is not convex. All-or-nothing, minimum load and
start-up, either this order or that one, one power limit shared by several ways of running (the free
choice of heat and power of an extraction turbine), a store's level over the slots beyond its pairs,
and the whole set of profiles within a ramp (slices reach those whose changes lie where the given
profile's do). Their owner decides those beforehand, in its plan.

Energy is float Wh, positive to the owner (what it takes), until it passes `market.quantise`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from market import quantise
from market.order import MAX_LEGS
from market.units import SCALE, ceil_div

_COEFFICIENT_MAX = (1 << 31) - 1
_UNITS_MAX = 1 << 64
_WH_PER_KWH = 1_000.0
_ROUNDING = 1e-9

Place = tuple[int, int, int]
"""Carrier, zone and slot, the slot counted from the round's first."""


class VectorBidError(ValueError):
    """A bid that no order can carry, or that means something else than was asked for."""


@dataclass(frozen=True, slots=True)
class BidLeg:
    """`coefficient` in millionths of a Wh a unit, positive to the owner; `slot` counts from the
    round's first. Raises VectorBidError for a coefficient of zero or beyond 32 bits."""

    carrier: int
    zone: int
    slot: int
    coefficient: int

    def __post_init__(self) -> None:
        if min(self.carrier, self.zone, self.slot) < 0:
            raise VectorBidError(f"{self.name}: carriers, zones and slots are counted from 0")
        if self.coefficient == 0:
            raise VectorBidError(f"{self.name}: its coefficient is zero, leave the leg out")
        if abs(self.coefficient) > _COEFFICIENT_MAX:
            raise VectorBidError(
                f"{self.name}: {self.coefficient / SCALE} Wh a unit do not fit the order's 32 bits "
                f"(at most {_COEFFICIENT_MAX / SCALE}); take a smaller unit"
            )

    @property
    def place(self) -> Place:
        return self.carrier, self.zone, self.slot

    @property
    def name(self) -> str:
        return f"carrier {self.carrier}, zone {self.zone}, slot {self.slot}"


@dataclass(frozen=True, slots=True)
class VectorBid:
    """Up to `max_units` units of all legs together, at `limit` a unit at most.

    `limit` is in nano per kWh times Wh a unit, as in an order: what a unit may cost, negative where
    the owner wants at least that much for it. Legs are sorted by carrier, zone and slot.
    Raises VectorBidError where no order can carry that.
    """

    owner_id: str
    legs: tuple[BidLeg, ...]
    max_units: int
    limit: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.legs) <= MAX_LEGS:
            raise VectorBidError(
                f"{self.owner_id}: a bid has 1 to {MAX_LEGS} legs, not {len(self.legs)}"
            )
        for before, leg in pairwise(self.legs):
            if leg.place == before.place:
                raise VectorBidError(f"{self.owner_id}: two legs of {leg.name}; add them up")
            if leg.place < before.place:
                raise VectorBidError(f"{self.owner_id}: sort the legs by carrier, zone and slot")
        if len(self.legs) == 1 and abs(self.legs[0].coefficient) != SCALE:
            raise VectorBidError(f"{self.owner_id}: a unit of a single leg is one Wh")
        if not 1 <= self.max_units < _UNITS_MAX:
            raise VectorBidError(
                f"{self.owner_id}: units lie in 1 .. 2^64 - 1, not {self.max_units}"
            )

    def check_cap(self, price_cap: int) -> VectorBid:
        """The bid itself. Raises VectorBidError for a limit that the market's cap (nano per kWh)
        on the energy of a unit does not allow."""
        energy = sum(abs(leg.coefficient) for leg in self.legs)
        if abs(self.limit) * SCALE > price_cap * energy:
            raise VectorBidError(
                f"{self.owner_id}: a limit of {self.limit} nano for {energy / SCALE} Wh a unit "
                f"is above the market's price cap of {price_cap} nano per kWh"
            )
        return self


def bundle_bid(
    owner_id: str, energy_wh: Mapping[Place, float], worth: float, price_cap: int
) -> VectorBid | None:
    """A fixed bundle, filled in proportion; whole, it moves exactly its energy in whole Wh.

    Args:
        energy_wh: by place, Wh, positive what is taken. What rounds to nothing is left out.
        worth: what the whole bundle may cost at most, tokens; negative: what it must bring.
        price_cap: the market's, nano per kWh.

    None where nothing is left of the energy. Raises VectorBidError for more than a leg can carry
    (2.1 GWh) and for a worth beyond the cap; ValueError for what is not finite.
    """
    whole = {place: quantise.energy_wh(wh / _WH_PER_KWH) for place, wh in energy_wh.items()}
    whole = {place: wh for place, wh in sorted(whole.items()) if wh != 0}
    if not whole:
        return None
    largest = max(map(abs, whole.values()))
    # With at most a million units the coefficient rounded up gives back every leg to the Wh.
    units = largest if len(whole) == 1 else ceil_div(largest, ceil_div(largest, SCALE))
    legs = tuple(BidLeg(*place, ceil_div(wh * SCALE, units)) for place, wh in whole.items())
    limit = quantise.price_nano_per_kwh(worth * _WH_PER_KWH) // units
    return VectorBid(owner_id, legs, units, limit).check_cap(price_cap)


def block_bid(
    owner_id: str,
    profile_wh: Sequence[float],
    price_per_kwh: float,
    price_cap: int,
    *,
    first_slot: int = 0,
    carrier: int = 0,
    zone: int = 0,
) -> VectorBid | None:
    """A profile over slots from `first_slot` on, all bought (positive) or all sold, one order.

    `price_per_kwh` holds for the block's energy as a whole: the mean price paid at most, or taken
    at least. Raises VectorBidError for a profile that both buys and sells (say what it is worth in
    a `bundle_bid`), and as `bundle_bid` does.
    """
    if min(profile_wh, default=0.0) < 0.0 < max(profile_wh, default=0.0):
        raise VectorBidError(
            f"{owner_id}: a block is bought or sold; one that does both has no price a kWh, "
            "give its worth in a bundle_bid"
        )
    places = {(carrier, zone, first_slot + t): wh for t, wh in enumerate(profile_wh)}
    worth = price_per_kwh * math.fsum(profile_wh) / _WH_PER_KWH
    return bundle_bid(owner_id, places, worth, price_cap)


def ramp_limited_bids(
    owner_id: str,
    profile_wh: Sequence[float],
    ramp_wh: float,
    price_per_kwh: float,
    price_cap: int,
    *,
    carrier: int = 0,
    zone: int = 0,
) -> tuple[VectorBid, ...]:
    """A profile as horizontal slices, a block each, so that partial fills keep the ramp as well.

    A slice is what lies between two neighbouring levels of the profile over a run of slots in which
    it is at least that high. At a change from slot to slot either slices begin or slices end, never
    both, and together they are as high as the profile's change: any fills whatever change by at
    most that, and in the same direction.

    Args:
        profile_wh: a slot, Wh, all bought (positive) or all sold.
        ramp_wh: the greatest change from slot to slot, Wh; checked on the profile.

    Raises VectorBidError where the profile itself changes faster, and as `block_bid` does.
    """
    for slot, (here, there) in enumerate(pairwise(profile_wh)):
        if abs(there - here) > ramp_wh * (1.0 + _ROUNDING):
            raise VectorBidError(
                f"{owner_id}: the profile changes by {abs(there - here):g} Wh after slot {slot}, "
                f"its ramp is {ramp_wh:g} Wh"
            )
    if min(profile_wh, default=0.0) < 0.0 < max(profile_wh, default=0.0):
        raise VectorBidError(f"{owner_id}: a ramp-limited profile is bought or sold, not both")
    sign = -1.0 if min(profile_wh, default=0.0) < 0.0 else 1.0
    heights = [abs(quantise.energy_wh(wh / _WH_PER_KWH)) for wh in profile_wh]
    bids: list[VectorBid] = []
    for low, high in pairwise(sorted({0, *heights})):
        for first, last in _runs(heights, high):
            bid = block_bid(
                owner_id,
                [sign * (high - low)] * (last - first),
                price_per_kwh,
                price_cap,
                first_slot=first,
                carrier=carrier,
                zone=zone,
            )
            if bid is not None:
                bids.append(bid)
    return tuple(bids)


def _runs(heights: Sequence[int], level: int) -> Iterable[tuple[int, int]]:
    """First slot and the one after the last of every run in which the profile reaches a level."""
    first: int | None = None
    for slot, height in enumerate([*heights, -1]):
        if height >= level and first is None:
            first = slot
        elif height < level and first is not None:
            yield first, slot
            first = None


def storage_pair_bid(
    owner_id: str,
    charge_slot: int,
    discharge_slot: int,
    charge_wh: float,
    efficiency: float,
    wear_per_kwh: float,
    price_cap: int,
    *,
    carrier: int = 0,
    zone: int = 0,
) -> VectorBid | None:
    """Take up to `charge_wh` in one slot, give `efficiency` of it back in a later one.

    A unit is a Wh taken. The owner wants at least `wear_per_kwh` a kWh taken, after what the energy
    itself costs and brings. None where nothing is left of the energy. Raises VectorBidError where
    energy would come back before it was taken, or more of it.
    """
    if discharge_slot <= charge_slot:
        raise VectorBidError(
            f"{owner_id}: what is taken in slot {charge_slot} comes back later, "
            f"not in slot {discharge_slot}"
        )
    if not 0.0 < efficiency <= 1.0:
        raise VectorBidError(
            f"{owner_id}: the efficiency of a store lies above 0 and at most at 1, "
            f"not at {efficiency:g}"
        )
    units = quantise.energy_wh(charge_wh / _WH_PER_KWH)
    if units == 0:
        return None
    legs = (
        BidLeg(carrier, zone, charge_slot, SCALE),
        BidLeg(carrier, zone, discharge_slot, -quantise.coefficient(efficiency)),
    )
    limit = -quantise.price_nano_per_kwh(wear_per_kwh)
    return VectorBid(owner_id, legs, units, limit).check_cap(price_cap)


@dataclass(frozen=True, slots=True)
class ConverterSegment:
    """A part of a converter's range in which it converts at a constant ratio.

    Attributes:
        size_wh: the most that runs in this segment in a slot, in Wh of the reference, which is a
            flow of 1.0 in `takes` or `gives`.
        takes, gives: Wh of every carrier a Wh of the reference, positive.
        cost_per_kwh: what running costs beside its energy, tokens a kWh of the reference.
    """

    size_wh: float
    takes: Mapping[int, float]
    gives: Mapping[int, float]
    cost_per_kwh: float = 0.0

    @property
    def output_per_input(self) -> float:
        """Energy given by energy taken; infinite where nothing is taken."""
        taken = math.fsum(self.takes.values())
        return math.fsum(self.gives.values()) / taken if taken > 0.0 else math.inf


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter as its owner describes it: segments from the first to run to the last.

    Attributes:
        most_output_per_input: what its kind can give by what it takes: 1 where energy is only
            converted; more where it also draws on surroundings that nobody trades (a heat pump, a
            chiller: its Carnot bound; a condensing boiler: gross by net calorific value).

    Raises VectorBidError for segments that give more than that, take nothing, have flows that are
    not positive, or where a later segment gives more of something than an earlier one, or as much
    for less: the market fills the better first, and a machine cannot run its second half alone.
    """

    name: str
    segments: tuple[ConverterSegment, ...]
    most_output_per_input: float = 1.0
    zone: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if not self.segments:
            raise VectorBidError(f"{self.name}: a converter has at least one segment")
        for number, segment in enumerate(self.segments):
            self._check_segment(f"{self.name}, segment {number}", segment)
        for number, (better, worse) in enumerate(pairwise(self.segments), start=1):
            self._check_order(f"{self.name}, segment {number}", better, worse)

    def _check_segment(self, name: str, segment: ConverterSegment) -> None:
        flows = [*segment.takes.values(), *segment.gives.values(), segment.size_wh]
        if not all(math.isfinite(flow) and flow > 0.0 for flow in flows):
            raise VectorBidError(f"{name}: sizes and flows are above 0; leave out what is zero")
        if not math.isfinite(segment.cost_per_kwh):
            raise VectorBidError(f"{name}: its cost must be finite, not {segment.cost_per_kwh}")
        if not segment.takes or not segment.gives:
            raise VectorBidError(f"{name}: a converter takes one carrier and gives another")
        both = segment.takes.keys() & segment.gives.keys()
        if both:
            raise VectorBidError(f"{name}: takes and gives carrier {min(both)}; net it")
        if 1.0 not in segment.takes.values() and 1.0 not in segment.gives.values():
            raise VectorBidError(f"{name}: no flow is 1.0, so nothing is its reference")
        if segment.output_per_input > self.most_output_per_input * (1.0 + _ROUNDING):
            raise VectorBidError(
                f"{name} makes energy from nothing: it gives {segment.output_per_input:.6g} Wh for "
                f"a Wh taken, its kind at most {self.most_output_per_input:.6g}"
            )

    def _check_order(self, name: str, better: ConverterSegment, worse: ConverterSegment) -> None:
        if better.takes.keys() != worse.takes.keys() or better.gives.keys() != worse.gives.keys():
            raise VectorBidError(f"{name}: all segments take and give the same carriers")
        gains = [worse.gives[c] - better.gives[c] for c in worse.gives]
        saves = [better.takes[c] - worse.takes[c] for c in worse.takes]
        saves.append(better.cost_per_kwh - worse.cost_per_kwh)
        falls = min(gains) < -_ROUNDING
        if max(gains) > _ROUNDING or (not falls and max(saves) > _ROUNDING):
            raise VectorBidError(
                f"{name} is better than the one before: part load that is not convex cannot be "
                "bid as independent orders; fix the load in the plan or average the two segments"
            )


def converter_bids(
    owner_id: str,
    converter: Converter,
    available_wh: Sequence[float],
    price_cap: int,
) -> tuple[VectorBid, ...]:
    """A converter in every slot: one bid a segment, the better segments first.

    Args:
        available_wh: what may run in a slot, Wh of the reference over all segments; the first
            segments make it up. Nothing is bid for a slot of 0.

    A unit is a Wh of the reference. Raises VectorBidError for a ratio that does not fit a leg, one
    that rounds to nothing, negative availability, and a cost beyond the cap.
    """
    bids: list[VectorBid] = []
    for slot, available in enumerate(available_wh):
        if not (math.isfinite(available) and available >= 0.0):
            raise VectorBidError(
                f"{owner_id}, {converter.name}, slot {slot}: what is available is 0 or more, "
                f"not {available} Wh"
            )
        left = quantise.energy_wh(available / _WH_PER_KWH)
        for segment in converter.segments:
            units = min(left, quantise.energy_wh(segment.size_wh / _WH_PER_KWH))
            if units == 0:
                continue
            left -= units
            flows = {
                **segment.takes,
                **{carrier: -flow for carrier, flow in segment.gives.items()},
            }
            legs = tuple(
                BidLeg(carrier, converter.zone, slot, quantise.coefficient(flow))
                for carrier, flow in sorted(flows.items())
            )
            limit = -quantise.price_nano_per_kwh(segment.cost_per_kwh)
            bids.append(VectorBid(owner_id, legs, units, limit).check_cap(price_cap))
    return tuple(bids)
