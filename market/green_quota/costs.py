"""What producing electricity costs, by source, and how it rises with output.

Money is in settlement tokens, output in kWh of one slot, always 0 or more; costs are 0 or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Linear-quadratic costs: an output q of a slot costs `standing + first q + slope q^2 / 2`.

    Marginal cost is the straight line `first + slope q`: the textbook form of unit commitment, and
    of equilibrium models of quotas.

    Attributes:
        first_per_kwh: marginal cost of the first kWh, tokens per kWh.
        slope_per_kwh2: by how much it rises with each kWh of the slot, tokens per kWh per kWh.
        standing_per_slot: what a slot costs without any output, tokens.
    """

    first_per_kwh: float
    slope_per_kwh2: float = 0.0
    standing_per_slot: float = 0.0

    def __post_init__(self) -> None:
        _check_costs(self)

    def marginal_per_kwh(self, output_kwh: float) -> float:
        """What one kWh more costs, tokens per kWh. Raises ValueError for an output below 0."""
        if not output_kwh >= 0.0:
            raise ValueError(f"output must be 0 kWh or more, not {output_kwh}")
        return self.first_per_kwh + self.slope_per_kwh2 * output_kwh

    def of_output(self, output_kwh: float) -> float:
        """What a slot with this output costs, tokens. Raises ValueError for an output below 0."""
        return self.standing_per_slot + output_kwh * self.marginal_per_kwh(output_kwh / 2.0)


@dataclass(frozen=True, slots=True)
class ThermalCosts:
    """Costs of a thermal producer.

    Attributes:
        fuel_per_kwh: fuel of the first kWh, tokens per kWh.
        fuel_slope_per_kwh2: by how much dearer each further kWh's fuel is, as less efficient units
            are run, tokens per kWh per kWh.
        maintenance_per_kwh: upkeep that running causes, tokens per kWh.
        depreciation_per_kwh: wear by units of production, tokens per kWh.
        depreciation_per_slot: ageing, whether it runs or not, tokens a slot; in profits, not in
            bids.
    """

    fuel_per_kwh: float
    fuel_slope_per_kwh2: float
    maintenance_per_kwh: float
    depreciation_per_kwh: float = 0.0
    depreciation_per_slot: float = 0.0

    def __post_init__(self) -> None:
        _check_costs(self)

    @property
    def curve(self) -> CostCurve:
        """Fuel makes it rise."""
        return CostCurve(
            self.fuel_per_kwh + self.maintenance_per_kwh + self.depreciation_per_kwh,
            self.fuel_slope_per_kwh2,
            self.depreciation_per_slot,
        )


@dataclass(frozen=True, slots=True)
class WindCosts:
    """Costs of a wind producer, which burns nothing but needs somebody to stand by.

    Attributes:
        maintenance_per_kwh: upkeep that running causes, tokens per kWh.
        backup_per_kwh: reserve that stands by for the first kWh, tokens per kWh.
        backup_slope_per_kwh2: by how much more reserve each further kWh needs, tokens per kWh per
            kWh.
        depreciation_per_kwh: wear by units of production, tokens per kWh.
        depreciation_per_slot: ageing, whether it runs or not, tokens a slot; in profits, not in
            bids.
    """

    maintenance_per_kwh: float
    backup_per_kwh: float
    backup_slope_per_kwh2: float = 0.0
    depreciation_per_kwh: float = 0.0
    depreciation_per_slot: float = 0.0

    def __post_init__(self) -> None:
        _check_costs(self)

    @property
    def curve(self) -> CostCurve:
        """Back-up makes it rise."""
        return CostCurve(
            self.maintenance_per_kwh + self.backup_per_kwh + self.depreciation_per_kwh,
            self.backup_slope_per_kwh2,
            self.depreciation_per_slot,
        )


def _check_costs(costs: CostCurve | ThermalCosts | WindCosts) -> None:
    for field in fields(costs):
        value = getattr(costs, field.name)
        if not (math.isfinite(value) and value >= 0.0):
            raise ValueError(f"{field.name} must be 0 or more and finite, not {value}")
