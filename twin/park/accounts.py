"""What a dispatch costs, emits, takes and gives, and how well it serves; arrays (scenario,).

Utilisation is the energy utilisation factor of Horlock ("Cogeneration: Combined Heat and Power",
1987), useful output over primary input, for a whole park: useful is what processes were served and
what was sold, all carriers by their own Wh; primary is what was bought at its primary energy factor
(EN ISO 52000-1:2017, annex B) plus what renewable plants gave. Heat of the surroundings, which heat
pumps and chillers move, is no input, so the factor may pass 1.

Satisfaction is the share of what processes wanted that was served, every kWh weighted by what it is
worth to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.park.carriers import Carrier
from twin.park.dispatch import ParkDispatch
from twin.park.layout import Layout, layout_of
from twin.park.model import ParkSamples, ParkSignal
from twin.park.site import FloatArray, Park

MISSING_PER_KWH = 5.0
"""What a kWh that a store lacks at the end costs: more than any carrier, so it is refilled."""

_KILO = 1e3


@dataclass(frozen=True, slots=True)
class ParkAccount:
    """Sums over the horizon, (scenario,); by carrier (scenario, carrier).

    ``cost`` is purchases less sales, carbon, upkeep, wear, rejection, the value of what is not
    served and of what stores lack at the end, in currency; ``unserved`` is that value alone.
    ``curtailed_wh`` is what renewable plants could have given besides. ``converted_wh`` is what
    converters gave of a carrier, ``imported_wh`` what was bought.
    """

    cost: FloatArray
    unserved: FloatArray
    carbon_kg: FloatArray
    primary_wh: FloatArray
    useful_wh: FloatArray
    satisfaction: FloatArray
    curtailed_wh: FloatArray
    renewable_wh: FloatArray
    wanted_wh: FloatArray
    served_wh: FloatArray
    imported_wh: FloatArray
    converted_wh: FloatArray

    @property
    def utilisation(self) -> FloatArray:
        """Useful energy over primary energy, (scenario,)."""
        rate: FloatArray = self.useful_wh / np.maximum(self.primary_wh, 1e-9)
        return rate

    @property
    def served_share(self) -> FloatArray:
        """Served over wanted, (scenario, carrier); NaN where nobody wants the carrier."""
        wanted = np.where(self.wanted_wh > 0.0, self.wanted_wh, np.nan)
        share: FloatArray = self.served_wh / wanted
        return share


def account(
    park: Park,
    dispatch: ParkDispatch,
    samples: ParkSamples,
    signal: ParkSignal,
    layout: Layout | None = None,
) -> ParkAccount:
    """Add up a dispatch of these days at these prices; ``layout`` is the park's, if at hand."""
    at, hours = layout or layout_of(park), park.horizon.slot_hours
    kwh = hours / _KILO
    connections = park.connections
    carbon_rate = np.array([part.carbon_kg_per_kwh for part in connections])
    primary_rate = np.array([part.primary_per_kwh for part in connections])
    upkeep = np.array([part.cost_per_kwh for _, part in park.converters()])
    wear = np.array([part.cost_per_kwh for _, part in park.stores()])
    bought, sold = dispatch.bought_w.sum(axis=2), dispatch.sold_w.sum(axis=2)
    carbon_kg = (bought - sold) @ carbon_rate * kwh
    wanted = samples.demand_w[:, at.block_process] * at.block_share[None, :, None]
    unserved = (wanted - dispatch.block_w).sum(axis=2) @ at.block_value_per_kwh * kwh
    worth = wanted.sum(axis=2) @ at.block_value_per_kwh * kwh
    trade = dispatch.bought_w * signal.buy_per_kwh - dispatch.sold_w * signal.sell_per_kwh
    cost = (
        trade.sum(axis=(1, 2)) * kwh
        + signal.carbon_per_kg * carbon_kg
        + dispatch.drive_w.sum(axis=2) @ upkeep * kwh
        + dispatch.charge_w.sum(axis=2) @ wear * kwh
        + dispatch.rejected_w.sum(axis=(1, 2)) * park.rejection_per_kwh * kwh
        + dispatch.missing_wh.sum(axis=1) * MISSING_PER_KWH / _KILO
        + unserved
    )
    renewable = dispatch.renewable_w.sum(axis=(1, 2)) * hours
    process_carrier = [int(part.carrier) for _, part in park.processes()]
    served = _by_carrier(dispatch.served_w, process_carrier) * hours
    given = np.maximum(at.flow_rate, 0.0)[None, :, None] * dispatch.segment_w[:, at.flow_segment]
    flow_carrier = [int(at.nodes[node][1]) for node in at.flow_node]
    return ParkAccount(
        cost=cost,
        unserved=unserved,
        carbon_kg=carbon_kg,
        primary_wh=bought @ primary_rate * hours + renewable,
        useful_wh=served.sum(axis=1) + sold.sum(axis=1) * hours,
        satisfaction=np.where(worth > 0.0, 1.0 - unserved / np.maximum(worth, 1e-12), 1.0),
        curtailed_wh=(samples.available_w - dispatch.renewable_w).sum(axis=(1, 2)) * hours,
        renewable_wh=renewable,
        wanted_wh=_by_carrier(samples.demand_w, process_carrier) * hours,
        served_wh=served,
        imported_wh=_by_carrier(dispatch.bought_w, [int(part.carrier) for part in connections])
        * hours,
        converted_wh=_by_carrier(given, flow_carrier) * hours,
    )


def _by_carrier(values: FloatArray, carriers: list[int]) -> FloatArray:
    """Sums over slots by carrier, (scenario, carrier)."""
    member = np.zeros((len(carriers), len(Carrier)))
    member[np.arange(len(carriers)), carriers] = 1.0
    total: FloatArray = values.sum(axis=2) @ member
    return total
