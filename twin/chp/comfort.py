"""How satisfied people are with an indoor temperature in the heating season, by ISO 7730.

Sedentary people (1.2 met) in winter indoor clothing (1.0 clo), 40 % humidity, 0.1 m/s of air;
the radiant temperature is taken as the air's.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from twin.chp.model import FloatArray

_LOWEST_C, _HIGHEST_C, _STEP_K = 10.0, 35.0, 0.1


def satisfaction(indoor_c: FloatArray) -> FloatArray:
    """Share of people satisfied, 1 - PPD, at indoor temperatures of any shape.

    Read by interpolation from values a tenth of a K apart; beyond 10 and 35 C the nearest holds.
    """
    temperature, satisfied = _table()
    share: FloatArray = np.interp(indoor_c, temperature, satisfied)
    return share


@lru_cache(maxsize=1)
def _table() -> tuple[FloatArray, FloatArray]:
    from pythermalcomfort.models import pmv_ppd_iso  # heavy: only where comfort is judged

    temperature = np.arange(_LOWEST_C, _HIGHEST_C + _STEP_K / 2.0, _STEP_K)
    found = pmv_ppd_iso(
        tdb=temperature,
        tr=temperature,
        vr=0.1,
        rh=40.0,
        met=1.2,
        clo=1.0,
        model="7730-2005",
        limit_inputs=False,
        round_output=False,
    )
    return temperature, 1.0 - np.asarray(found.ppd, dtype=float) / 100.0
