"""What planning hands on, for one site and for the whole park.

Powers are in W. A converter's is its throughput (the power of its drive, never negative), a
store's what flows into it (negative out of it), an exchange what is bought (negative sold).
"""

from __future__ import annotations

from dataclasses import dataclass

from twin.horizon import Horizon
from twin.park.site import FloatArray, ParkSite


@dataclass(frozen=True, slots=True)
class SitePlan:
    """One site's plan against expected prices; arrays in the order of the site's own tuples.

    ``drive_w`` (converter, slot), ``store_w`` and ``stored_wh`` after each slot (store, slot),
    ``renewable_w`` (renewable, slot), ``served_w`` (process, slot), ``exchange_w``
    (carrier, slot) for all of :class:`twin.park.carriers.Carrier`: bought positive. ``rejected_w``
    (carrier, slot) is heat given to the outdoors. ``cost`` is purchases less sales plus upkeep,
    wear, rejection and the value of what is not served, in currency.
    """

    site: ParkSite
    horizon: Horizon
    drive_w: FloatArray
    store_w: FloatArray
    stored_wh: FloatArray
    renewable_w: FloatArray
    served_w: FloatArray
    exchange_w: FloatArray
    rejected_w: FloatArray
    cost: float

    def line_w(self, name: str) -> FloatArray:
        """The plan of the converter or store of a name, (slot,); these are what a person edits.

        Raises KeyError where the site has neither.
        """
        for place, converter in enumerate(self.site.converters):
            if converter.name == name:
                driven: FloatArray = self.drive_w[place]
                return driven
        for place, store in enumerate(self.site.stores):
            if store.name == name:
                stored: FloatArray = self.store_w[place]
                return stored
        raise KeyError(f"{self.site.name} has no converter or store {name!r}")
