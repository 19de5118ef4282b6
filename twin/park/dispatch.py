"""What a park does in every slot of every scenario, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from twin.park.carriers import Carrier
from twin.park.site import FloatArray


@dataclass(frozen=True, slots=True)
class ParkDispatch:
    """Arrays are (scenario, element, slot), W, elements in the order of the park.

    ``segment_w`` is the throughput of each converter's segments, ``drive_w`` (converter) their
    sums. ``charge_w``, ``discharge_w`` are at the balance, ``stored_wh`` after each slot.
    ``block_w`` is what is served of each process's blocks, ``served_w`` of the process.
    ``bought_w`` and ``sold_w`` are by connection, ``link_w`` what enters a link, ``rejected_w`` by
    (zone, carrier) as one axis: zone * 7 + carrier. ``price_per_kwh`` on the same axis is the
    marginal cost of a further kWh wanted there (NaN where nothing happens). ``cost`` (scenario,) is
    purchases less sales, carbon, upkeep, wear, rejection, the value of what is not served, and what
    stores lack at the end.
    """

    segment_w: FloatArray
    drive_w: FloatArray
    charge_w: FloatArray
    discharge_w: FloatArray
    stored_wh: FloatArray
    renewable_w: FloatArray
    block_w: FloatArray
    served_w: FloatArray
    bought_w: FloatArray
    sold_w: FloatArray
    link_w: FloatArray
    rejected_w: FloatArray
    price_per_kwh: FloatArray
    missing_wh: FloatArray
    cost: FloatArray

    @property
    def scenarios(self) -> int:
        return int(self.cost.size)

    @property
    def store_w(self) -> FloatArray:
        """Net flow into every store, (scenario, store, slot)."""
        net: FloatArray = self.charge_w - self.discharge_w
        return net

    @classmethod
    def joined(cls, parts: list[ParkDispatch]) -> ParkDispatch:
        """Scenarios of several dispatches one after the other."""
        return cls(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls))
        )


def place_of(zone: int, carrier: Carrier) -> int:
    """Where (zone, carrier) stands on the axis of ``rejected_w`` and ``price_per_kwh``."""
    return zone * len(Carrier) + int(carrier)
