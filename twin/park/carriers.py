"""The carriers of a park, in the order in which its market numbers them.

Energy is in Wh: heat and cooling thermal, gas and hydrogen by lower heating value (LHV). Each
temperature level is a carrier of its own: heat falls from one to the next by itself and is lifted
only by work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Carrier(IntEnum):
    """What a balance is kept of. The number is the carrier's place in arrays and in the market."""

    ELECTRICITY = 0
    GAS = 1
    STEAM = 2
    HOT_WATER = 3
    WARM_WATER = 4
    COOLING = 5
    HYDROGEN = 6

    @property
    def label(self) -> str:
        """The name in lower case, as in tables and edits: ``hot water``."""
        return self.name.lower().replace("_", " ")


TEMPERATURE_C: Mapping[Carrier, float] = {
    Carrier.STEAM: 180.0,
    Carrier.HOT_WATER: 90.0,
    Carrier.WARM_WATER: 45.0,
    Carrier.COOLING: 7.0,
}
"""Temperature at which heat is handed over, degrees Celsius (cooling: chilled water's supply)."""

HEAT_LEVELS = (Carrier.STEAM, Carrier.HOT_WATER, Carrier.WARM_WATER)
"""Heat from the highest level to the lowest; heat of any level may be rejected to the outdoors."""

HIGHER_HEATING: Mapping[Carrier, float] = {Carrier.GAS: 1.108, Carrier.HYDROGEN: 1.182}
"""Higher over lower heating value: what a Wh (LHV) holds when its water vapour condenses.

Methane 55.5 / 50.0 MJ/kg, hydrogen 141.8 / 120.0 MJ/kg (NIST Chemistry WebBook).
"""


def kelvin(celsius: float) -> float:
    """Absolute temperature, K."""
    return celsius + 273.15
