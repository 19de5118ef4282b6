"""Comfort of people indoors by ISO 7730: predicted mean vote (PMV) and dissatisfied (PPD).

pythermalcomfort computes PMV; as air and radiant temperature enter through the operative one, it is
tabulated once over that, and read by interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PMV_CLASSES = {"A": 0.2, "B": 0.5, "C": 0.7}
"""Largest absolute PMV of the categories of ISO 7730, annex A."""

_LOWEST_C = 10.0
_HIGHEST_C = 38.0
_STEP_K = 0.05


class ComfortBandError(ValueError):
    """A comfort band that nobody could be in: says which limits do not leave room."""


@dataclass(frozen=True, slots=True)
class ComfortTerms:
    """What comfort is judged by (ISO 7730): activity in met, clothing in clo, relative humidity
    in %, air speed in m/s, and the largest absolute PMV: 0.2, 0.5, 0.7 for classes A, B, C."""

    activity_met: float = 1.6
    clothing_clo: float = 0.5
    humidity_percent: float = 50.0
    air_speed_m_per_s: float = 0.15
    pmv_limit: float = 0.5


@dataclass(frozen=True, slots=True)
class ComfortTable:
    """PMV at operative temperatures from 10 to 38 C in steps of 0.05 K, shape (point,)."""

    pmv: FloatArray

    def vote(self, operative_c: FloatArray) -> FloatArray:
        """Predicted mean vote at operative temperatures (any shape), held at the table's ends."""
        place = np.clip((operative_c - _LOWEST_C) / _STEP_K, 0.0, self.pmv.size - 1.001)
        below = place.astype(np.intp)
        rest = place - below
        found: FloatArray = self.pmv[below] * (1.0 - rest) + self.pmv[below + 1] * rest
        return found

    def dissatisfied(self, operative_c: FloatArray) -> FloatArray:
        """Share of dissatisfied people, PPD / 100, at operative temperatures (any shape)."""
        return dissatisfied_share(self.vote(operative_c))

    def temperature_c(self, vote: float) -> float:
        """The operative temperature of a predicted mean vote.

        Raises ComfortBandError where no temperature from 10 to 38 C has it.
        """
        if not self.pmv[0] <= vote <= self.pmv[-1]:
            raise ComfortBandError(
                f"no operative temperature from {_LOWEST_C:g} to {_HIGHEST_C:g} C gives a PMV of "
                f"{vote:+.2f} at this activity and clothing"
            )
        return float(np.interp(vote, self.pmv, _temperatures()))


def dissatisfied_share(vote: FloatArray) -> FloatArray:
    """PPD of a PMV as a share (ISO 7730, equation 5)."""
    square = vote * vote
    share: FloatArray = 1.0 - 0.95 * np.exp(-0.03353 * square * square - 0.2179 * square)
    return share


def class_limit(name: str) -> float:
    """Largest absolute PMV of class A, B or C. Raises ComfortBandError for another name."""
    try:
        return PMV_CLASSES[name.upper()]
    except KeyError:
        raise ComfortBandError(f"comfort class {name!r} is none of A, B, C (ISO 7730)") from None


@lru_cache(maxsize=16)
def comfort_table(terms: ComfortTerms) -> ComfortTable:
    """Tabulate PMV. Raises ComfortBandError outside the range of ISO 7730, clause 4.1."""
    _check_terms(terms)
    from pythermalcomfort.models import pmv_ppd_iso

    temperatures = _temperatures()
    found = pmv_ppd_iso(
        tdb=temperatures,
        tr=temperatures,
        vr=terms.air_speed_m_per_s,
        rh=terms.humidity_percent,
        met=terms.activity_met,
        clo=terms.clothing_clo,
        model="7730-2005",
        limit_inputs=False,
        round_output=False,
    )
    return ComfortTable(np.asarray(found.pmv, dtype=float))


def neutral_limits_c(terms: ComfortTerms) -> tuple[float, float]:
    """Operative temperatures between which the PMV is within its limit, C."""
    if not 0.0 < terms.pmv_limit <= 1.0:
        raise ComfortBandError(
            f"a PMV limit of {terms.pmv_limit:g} leaves no comfort band: take 0.2, 0.5 or 0.7 "
            "(classes A, B, C of ISO 7730)"
        )
    table = comfort_table(terms)
    return table.temperature_c(-terms.pmv_limit), table.temperature_c(terms.pmv_limit)


def _temperatures() -> FloatArray:
    return np.arange(_LOWEST_C, _HIGHEST_C + _STEP_K / 2.0, _STEP_K)


def _check_terms(terms: ComfortTerms) -> None:
    ranges = {
        "activity_met": (0.8, 4.0, "met"),
        "clothing_clo": (0.0, 2.0, "clo"),
        "humidity_percent": (10.0, 90.0, "%"),
        "air_speed_m_per_s": (0.0, 1.0, "m/s"),
    }
    for name, (low, high, unit) in ranges.items():
        value = getattr(terms, name)
        if not low <= value <= high:
            raise ComfortBandError(
                f"{name} = {value:g} {unit} is outside {low:g} to {high:g} {unit}, for which "
                "ISO 7730 holds"
            )
