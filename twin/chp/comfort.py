"""How satisfied people are with an indoor temperature in the heating season, by ISO 7730.

Sedentary people (1.2 met) in winter indoor clothing (1.0 clo), 40 % humidity, 0.1 m/s of air;
the radiant temperature is taken as the air's.
"""

from __future__ import annotations

from twin.chp.model import FloatArray
from twin.comfort import ComfortTerms, comfort_table

_WINTER = ComfortTerms(
    activity_met=1.2, clothing_clo=1.0, humidity_percent=40.0, air_speed_m_per_s=0.1
)


def satisfaction(indoor_c: FloatArray) -> FloatArray:
    """Share of people satisfied, 1 - PPD, at indoor temperatures of any shape.

    Below 10 and above 38 C the nearest holds.
    """
    share: FloatArray = 1.0 - comfort_table(_WINTER).dissatisfied(indoor_c)
    return share
