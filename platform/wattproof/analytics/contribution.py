"""What an account adds to the sums of a period, and the most that can change about that.

The unit of privacy is an account over all slots of the period. Two worlds are neighbours if they
have the same registered devices, which everybody can read on the chain, and differ in whatever
one account's devices measured in the period, having measured nothing included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SECONDS_AN_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Meter:
    """A device that is asked about.

    Attributes:
        bound_wh: no value of a slot counts for more than this, in either direction.
    """

    device: str
    account: str
    bound_wh: int


@dataclass(frozen=True, slots=True)
class Meters:
    """Everything public about a question.

    Attributes:
        slots: of the period.
        slots_a_value: how many of them a sum is over; divides ``slots``.
    """

    meters: Sequence[Meter]
    slots: int
    slots_a_value: int = 1

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(meter.account for meter in self.meters)

    @property
    def values(self) -> int:
        """How many sums there are."""
        return self.slots // self.slots_a_value

    @property
    def sensitivity_wh(self) -> int:
        """L1 distance of the sums of two neighbours, at most.

        Each value of the account can go from minus its bound to its bound, in every slot; over how
        many slots a sum is makes no difference, so longer ones are drowned less.
        """
        reach: dict[str, int] = {}
        for meter in self.meters:
            reach[meter.account] = reach.get(meter.account, 0) + 2 * meter.bound_wh * self.slots
        return max(reach.values(), default=0)

    def sums_wh(self, readings: Mapping[str, Sequence[int | None]]) -> list[int]:
        """Exact sums. Private: they leave this process with noise alone.

        Args:
            readings: final values by device, import positive. Devices without any count as zero,
                and so do missing values and readings of a wrong length: whether a meter was read
                is as private as what it read.
        """
        sums = [0] * self.values
        for meter in self.meters:
            values = readings.get(meter.device, ())
            if len(values) == self.slots:
                for slot, value in enumerate(clamped(values, meter.bound_wh)):
                    sums[slot // self.slots_a_value] += value
        return sums


def bound_wh(capacity_w: int, clamp_w: int | None, slot_seconds: int) -> int:
    """The most that counts of a device's slot: its attested capacity, or less if asked for."""
    power = capacity_w if clamp_w is None else min(capacity_w, clamp_w)
    return power * slot_seconds // _SECONDS_AN_HOUR


def clamped(values_wh: Iterable[int | None], bound: int) -> list[int]:
    """Values within ``[-bound, bound]``; nothing is zero."""
    return [0 if value is None else max(-bound, min(bound, value)) for value in values_wh]
