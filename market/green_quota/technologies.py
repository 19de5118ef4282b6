"""The technologies that certificates name, and what European guarantees of origin call them.

On-chain a technology is a number from 1 to 255 (protocol section 14); 0 is none. Numbers never
change their meaning. Codes are those of the EECS Rules, fact sheet 5 ("Types of energy inputs and
technologies") of the Association of Issuing Bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Technology(IntEnum):
    """What a certified device makes electricity of."""

    WIND_ONSHORE = 1
    WIND_OFFSHORE = 2
    SOLAR = 3
    HYDRO = 4
    BIOMASS = 5
    BIOGAS = 6
    MARINE = 7

    @property
    def label(self) -> str:
        """Its name in words, such as "wind onshore"."""
        return self.name.lower().replace("_", " ")

    @property
    def eecs_technology(self) -> str:
        """EECS technology code, `T` and six digits."""
        return _EECS[self][0]

    @property
    def eecs_energy_input(self) -> str:
        """EECS energy input (fuel) code, `F` and eight digits."""
        return _EECS[self][1]


_EECS = {
    Technology.WIND_ONSHORE: ("T020001", "F01050100"),
    Technology.WIND_OFFSHORE: ("T020002", "F01050100"),
    Technology.SOLAR: ("T010000", "F01040100"),
    Technology.HYDRO: ("T030000", "F01050200"),
    Technology.BIOMASS: ("T050000", "F01010000"),
    Technology.BIOGAS: ("T050000", "F01030000"),
    Technology.MARINE: ("T040000", "F01050200"),
}


def technology_mask(technologies: Iterable[Technology]) -> int:
    """Bit t is set where technology t counts, as quotas say it (protocol section 15)."""
    mask = 0
    for technology in technologies:
        mask |= 1 << technology
    return mask


def technologies_of(mask: int) -> tuple[Technology, ...]:
    """The known technologies whose bits are set, ascending; others have no name here."""
    return tuple(technology for technology in Technology if mask >> technology & 1)
