"""What planning hands on, for one site and for the whole park.

Powers are in W. A converter's is its throughput (the power of its drive, never negative), a
store's what flows into it (negative out of it), an exchange what is bought (negative sold).
"""

from __future__ import annotations

from dataclasses import dataclass

from twin.horizon import Horizon
from twin.park.carriers import Carrier
from twin.park.dispatch import place_of
from twin.park.programme import StoreSchedule
from twin.park.site import FloatArray, ParkSite
from twin.park.strategy import Arrangement, Strategy


@dataclass(frozen=True, slots=True)
class SitePlan:
    """One site's plan against expected prices; arrays in the order of the site's own tuples.

    ``drive_w`` (converter, slot), ``store_w`` and ``stored_wh`` after each slot (store, slot),
    ``renewable_w`` (renewable, slot), ``served_w`` (process, slot), ``exchange_w``
    (carrier, slot) for all of :class:`twin.park.carriers.Carrier`: bought positive. ``rejected_w``
    (carrier, slot) is heat given to the outdoors, ``missing_wh`` (store,) what stores lack at the
    end of what they began with. ``cost`` is purchases less sales plus upkeep, wear, rejection and
    the value of what is not served or missing, in currency.
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
    missing_wh: FloatArray
    cost: float

    def line_w(self, name: str) -> FloatArray:
        """The plan of the converter or store of a name, (slot,); these are what a person edits.

        Raises KeyError where the site has neither.
        """
        for place, converter in enumerate(self.site.converters):
            if converter.name == name:
                drive: FloatArray = self.drive_w[place]
                return drive
        for place, store in enumerate(self.site.stores):
            if store.name == name:
                net: FloatArray = self.store_w[place]
                return net
        raise KeyError(f"{self.site.name} has no converter or store {name!r}")


@dataclass(frozen=True, slots=True)
class ParkPlan:
    """What the park means to do, decided before the day.

    Stores follow their schedule: ``charge_w``, ``discharge_w`` at the balance and ``stored_wh``
    after each slot, (store, slot). Everything else answers the day; its means over the scenarios
    are ``drive_w`` (converter, slot), ``renewable_w``, ``served_w`` (process, slot), ``bought_w``
    and ``sold_w`` (connection of the arrangement, slot), ``link_w``. ``price_per_kwh``
    (zone of the arrangement * 7 + carrier, slot) is the expected marginal cost of a kWh there.
    ``cost`` (scenario,) is that of the scenarios planned for.
    """

    arrangement: Arrangement
    charge_w: FloatArray
    discharge_w: FloatArray
    stored_wh: FloatArray
    drive_w: FloatArray
    renewable_w: FloatArray
    served_w: FloatArray
    bought_w: FloatArray
    sold_w: FloatArray
    link_w: FloatArray
    price_per_kwh: FloatArray
    cost: FloatArray

    @property
    def strategy(self) -> Strategy:
        return self.arrangement.strategy

    @property
    def schedule(self) -> StoreSchedule:
        """What stores shall do on the day."""
        return StoreSchedule(self.charge_w, self.discharge_w)

    def carrier_price_per_kwh(self, zone: str, carrier: Carrier) -> FloatArray:
        """Expected marginal cost of a carrier in a zone, (slot,); NaN where nothing happens.

        Raises ValueError for a zone the arrangement does not have.
        """
        number = self.arrangement.park.zones.index(zone)
        price: FloatArray = self.price_per_kwh[place_of(number, carrier)]
        return price


@dataclass(frozen=True, slots=True)
class ParkOutcome:
    """What was metered over a horizon, W.

    ``drive_w`` and ``output_w`` (converter, slot): what each took of its drive and gave of its main
    output (see :func:`twin.park.believed.main_output`). ``wanted_w`` (process, slot): what each
    process took, or would have taken had it been served.
    """

    drive_w: FloatArray
    output_w: FloatArray
    wanted_w: FloatArray
