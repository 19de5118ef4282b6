"""From what was metered to the readings that a device signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from market.quantise import energy_wh

_WH_PER_KWH = 1_000.0


def readings(
    owner_ids: Sequence[str],
    metered_wh: NDArray[np.float64],
    period_slots: int,
    offset: int = 0,
) -> Mapping[str, tuple[int | None, ...]]:
    """What each owner's device signs for the period: whole Wh a slot, import positive.

    `metered_wh` is shaped (asset, slot) and begins `offset` slots into the period; assets of the
    same owner add up, slots that nobody measured are None. Raises ValueError where the slots do not
    fit the period.
    """
    count, slots = metered_wh.shape
    if count != len(owner_ids) or offset < 0 or offset + slots > period_slots:
        raise ValueError(
            f"{slots} slots of {count} assets from slot {offset} on do not fit {len(owner_ids)} "
            f"owners and a period of {period_slots} slots"
        )
    totals: dict[str, NDArray[np.float64]] = {}
    for owner, row in zip(owner_ids, metered_wh, strict=True):
        totals[owner] = totals[owner] + row if owner in totals else row.astype(float)
    before: list[int | None] = [None] * offset
    after: list[int | None] = [None] * (period_slots - offset - slots)
    return {
        owner: (*before, *(energy_wh(wh / _WH_PER_KWH) for wh in row.tolist()), *after)
        for owner, row in totals.items()
    }
