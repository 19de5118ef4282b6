"""What a mall's meters and sensors have kept, for calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.horizon import Horizon
from twin.mall.building import FloatArray, Mall
from twin.mall.drive import drive_of
from twin.mall.model import DayAhead, MallSamples, MallShapeError
from twin.mall.thermal import thermal_network


@dataclass(frozen=True, slots=True)
class MeteredHistory:
    """Days one after another, on a horizon of whole days.

    ``day`` is the weather and customers that were, ``air_c`` (slot, zone) sensors' readings at the
    end of slots (NaN where one said nothing), ``chiller_w`` (slot,) the chillers' meter,
    ``zone_share`` (slot, zone) how the air handling shared the cooling out.
    """

    horizon: Horizon
    day: DayAhead
    air_c: FloatArray
    chiller_w: FloatArray
    zone_share: FloatArray

    def __post_init__(self) -> None:
        slots = self.horizon.slots
        zones = self.air_c.shape[-1]
        shapes = {
            "air_c": (slots, zones),
            "chiller_w": (slots,),
            "zone_share": (slots, zones),
        }
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape:
                raise MallShapeError(f"{name} is shaped {values.shape}, not {shape}")
            if name != "air_c" and not np.isfinite(values).all():
                slot = int(np.argwhere(~np.isfinite(values))[0, 0])
                raise MallShapeError(f"{name} is missing in slot {slot}")
        if self.day.open.size != slots:
            raise MallShapeError(f"the weather has {self.day.open.size} slots, meters {slots}")

    def part(self, first: int, last: int) -> MeteredHistory:
        """Slots ``first`` to ``last - 1``."""
        day = DayAhead(
            outdoor_c=self.day.outdoor_c[first:last],
            humidity_percent=self.day.humidity_percent[first:last],
            sun_w_per_m2=self.day.sun_w_per_m2[first:last],
            customers=self.day.customers[first:last],
            open=self.day.open[first:last],
        )
        start = self.horizon.slot_start(first)
        return MeteredHistory(
            Horizon(start, self.horizon.slot_seconds, last - first),
            day,
            self.air_c[first:last],
            self.chiller_w[first:last],
            self.zone_share[first:last],
        )

    def cooling_w(self, mall: Mall) -> FloatArray:
        """Heat taken out of the zones (slot, zone), by what the chillers drew, W."""
        network = thermal_network(mall, self.horizon.slot_hours)
        drive = drive_of(mall, network, self.day, MallSamples.certain(self.day))
        total = mall.chillers.cooling_w(self.chiller_w, drive.condenser_c[0]) / drive.coil_ratio[0]
        return np.where(self.chiller_w > 0.0, total, 0.0)[:, None] * self.zone_share
