"""A site's plan at the dispatch centre: what a person may fix, and what it then amounts to.

A person fixes what a converter drives or what flows into a store. What the site takes of every
carrier follows, and is what its meters read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from market.dispatch import (
    COMFORT,
    COST,
    PEAK,
    DispatchPlan,
    Edit,
    EditError,
    Indicator,
    InfeasibleError,
    InputsError,
    Measurement,
    check_place,
    infeasible,
    metered_deviation_wh,
)
from market.inputs import read, to_json
from market.park_energy.bids import SiteNeed
from market.park_energy.rules import CARRIERS, ZONES
from market.quantise import money_micro
from twin import edits as twin_edits
from twin.horizon import Horizon
from twin.milp import SolverError
from twin.park.believed import main_output, output_w, scaled
from twin.park.carriers import Carrier
from twin.park.consistency import check_park
from twin.park.learning import DEMAND, OUTPUT, LearningLimits
from twin.park.plan import SitePlan
from twin.park.site import FloatArray, ParkError, ParkSite
from twin.park.site_plan import SitePrices, plan_site, site_as_park

_SHARE = 10_000


@dataclass(frozen=True, slots=True)
class SiteInputs:
    """What a site's plan is made from.

    Attributes:
        demand_w, available_w: what its processes are expected to want and its renewable plants to
            give, W, shaped (process, slot) and (renewable, slot).
        price_per_kwh: expected price of every carrier that the site can trade, by the market's
            names (electricity, gas, steam, ...), shape (slot,); others it must balance itself.
        rejection_per_kwh: what giving heat to the outdoors costs.
    """

    site: ParkSite
    horizon: Horizon
    demand_w: FloatArray
    available_w: FloatArray
    price_per_kwh: Mapping[str, FloatArray]
    rejection_per_kwh: float = 0.001

    def __post_init__(self) -> None:
        slots = self.horizon.slots
        for field, parts in (
            ("demand_w", self.site.processes),
            ("available_w", self.site.renewables),
        ):
            values = getattr(self, field)
            if values.size == 0 and not parts:
                object.__setattr__(self, field, np.zeros((0, slots)))
            elif values.shape != (len(parts), slots):
                raise ValueError(f"{field} must be shaped {(len(parts), slots)}")
            elif not (np.isfinite(values) & (values >= 0.0)).all():
                raise ValueError(f"{field} must be finite and not negative")
        for name, price in self.price_per_kwh.items():
            if name not in CARRIERS:
                raise ValueError(
                    f"price_per_kwh has {name!r}; the carriers are {', '.join(CARRIERS)}"
                )
            if price.shape != (slots,):
                raise ValueError(f"price_per_kwh of {name} must have {slots} values")
        if self.site.zone not in ZONES:
            raise ValueError(f"zone {self.site.zone!r} is none of {', '.join(ZONES)}")
        taken = set(CARRIERS) & set(editable(self.site))
        if taken:
            raise ValueError(f"a converter or store cannot bear a carrier's name: {min(taken)}")

    @property
    def prices(self) -> SitePrices:
        """Expected prices of all carriers, the same for buying and selling."""
        price = np.full((len(CARRIERS), self.horizon.slots), np.nan)
        for name, values in self.price_per_kwh.items():
            price[CARRIERS.index(name)] = values
        return SitePrices(price, price)

    @property
    def need(self) -> SiteNeed:
        """What is bid for."""
        return SiteNeed(self.demand_w, self.available_w)


@dataclass(frozen=True, slots=True)
class SiteLog:
    """What the site itself saw, W: of its converters what they drove and gave of their main output
    (converter, slot), and what its processes wanted (process, slot)."""

    drive_w: FloatArray
    output_w: FloatArray
    wanted_w: FloatArray


def editable(site: ParkSite) -> tuple[str, ...]:
    """Lines that a person may fix: converters, then stores."""
    return (*(part.name for part in site.converters), *(part.name for part in site.stores))


def planned_day(inputs: SiteInputs, edits: Sequence[Edit] = ()) -> SitePlan:
    """The twin's own plan with the edits fixed.

    Raises:
        EditError: an edit of no line or slot of the plan.
        InfeasibleError: the edits cannot stand together, or there is no plan at all.
    """
    for edit in edits:
        check_place(edit, editable(inputs.site), inputs.horizon.slots)
        _check_edit(edit, inputs.site)
    fixed = [twin_edits.Edit(edit.line, edit.slot, float(edit.value_w)) for edit in edits]
    try:
        return plan_site(
            inputs.site,
            inputs.horizon,
            inputs.prices,
            inputs.available_w,
            inputs.demand_w,
            fixed,
            inputs.rejection_per_kwh,
        )
    except twin_edits.InfeasiblePlanError as error:
        raise infeasible(error, error.conflicts, fixed, edits) from error
    except ParkError as error:
        raise InfeasibleError(str(error)) from error
    except SolverError as error:
        raise InputsError(
            f"inputs: no plan of {inputs.site.name} was found ({error}): prices, costs or powers "
            "are too large, or differ by too many orders of magnitude"
        ) from error


def dispatch_plan(inputs: SiteInputs, plan: SitePlan) -> DispatchPlan:
    """The twin's plan as what is approved and signed."""
    site, horizon = plan.site, plan.horizon
    lines = {
        name: plan.exchange_w[CARRIERS.index(name)] for name in CARRIERS if _touches(site, name)
    }
    lines |= {part.name: plan.drive_w[place] for place, part in enumerate(site.converters)}
    lines |= {part.name: plan.store_w[place] for place, part in enumerate(site.stores)}
    wanted, served = float(inputs.demand_w.sum()), float(plan.served_w.sum())
    draw_w = float(plan.exchange_w[Carrier.ELECTRICITY].max())
    return DispatchPlan(
        first_slot=int(horizon.start.timestamp()) // horizon.slot_seconds,
        slot_seconds=horizon.slot_seconds,
        lines={name: tuple(round(w) for w in values.tolist()) for name, values in lines.items()},
        indicators={
            COST: Indicator(money_micro(plan.cost), "micro", "lower"),
            PEAK: Indicator(round(draw_w), "W", "lower"),
            COMFORT: Indicator(
                round(_SHARE * served / wanted) if wanted else _SHARE, "of 10,000", "higher"
            ),
        },
    )


class SitePlanner:
    """Plans a site's day (`market.dispatch.Planner`)."""

    def parse_inputs(self, raw: Mapping[str, Any]) -> SiteInputs:
        """The inputs of their JSON. Raises InputsError naming the field."""
        inputs = read(SiteInputs, raw)
        if int(inputs.horizon.start.timestamp()) % inputs.horizon.slot_seconds:
            raise InputsError("inputs.horizon.start must be the start of a slot")
        try:
            check_park(
                site_as_park(
                    inputs.site,
                    inputs.horizon,
                    inputs.prices,
                    inputs.available_w,
                    inputs.demand_w,
                    inputs.rejection_per_kwh,
                )
            )
        except ParkError as error:
            raise InputsError(f"inputs.site: {error}") from error
        return inputs

    def solve(self, inputs: SiteInputs, edits: Sequence[Edit] = ()) -> DispatchPlan:
        """The best plan with the edits fixed; edited values are kept to the W."""
        return dispatch_plan(inputs, planned_day(inputs, edits)).keeping(edits)

    def measure(
        self,
        inputs: SiteInputs,
        plan: DispatchPlan,
        metered: Mapping[str, Sequence[int | None]],
        observed: Mapping[str, Any],
    ) -> Measurement:
        """Compare every carrier's meter with the plan; ``observed`` is the site's log (`SiteLog`).

        Converters' outputs and processes' demands are corrected by what the day showed, a day by
        no more than the twin's own learning allows.
        """
        deviation = metered_deviation_wh(plan, metered)
        if not observed:
            return Measurement(to_json(inputs), deviation)
        log = read(SiteLog, observed, "observed")
        site, slots = inputs.site, inputs.horizon.slots
        _check_log(log, inputs)
        converters = tuple(
            scaled(
                part,
                _factor(
                    OUTPUT,
                    float(log.output_w[place].sum()),
                    float(output_w(part, log.drive_w[place], main_output(part)).sum()),
                ),
            )
            for place, part in enumerate(site.converters)
        )
        wanted_w = log.wanted_w.reshape(-1, slots)
        came = zip(wanted_w.sum(axis=1), inputs.demand_w.sum(axis=1), strict=True)
        factors = np.array([_factor(DEMAND, float(each), float(told)) for each, told in came])
        corrected = replace(
            inputs,
            site=replace(site, converters=converters),
            demand_w=inputs.demand_w * factors.reshape(-1, 1),
        )
        return Measurement(to_json(corrected), deviation)


def _check_edit(edit: Edit, site: ParkSite) -> None:
    """Raises EditError where a converter is to give back what drives it."""
    if edit.value_w < 0 and any(part.name == edit.line for part in site.converters):
        raise EditError(
            f"{edit.line}[{edit.slot}] = {edit.value_w} W: a converter takes at least 0 W of what "
            "drives it"
        )


def _touches(site: ParkSite, name: str) -> bool:
    """Whether a site can take or give a carrier."""
    carrier = Carrier(CARRIERS.index(name))
    return (
        any(carrier in part.carriers for part in site.converters)
        or any(carrier is part.carrier for part in site.stores)
        or any(carrier is part.carrier for part in site.processes)
        or (carrier is Carrier.ELECTRICITY and bool(site.renewables))
    )


def _factor(limits: LearningLimits, metered: float, expected: float) -> float:
    """What was metered of what was expected, held to what may change in a day."""
    if expected <= 0.0:
        return 1.0
    return min(max(metered / expected, 1.0 - limits.most_a_day), 1.0 + limits.most_a_day)


def _check_log(log: SiteLog, inputs: SiteInputs) -> None:
    """Raises InputsError where a log does not fit the site."""
    slots = inputs.horizon.slots
    shapes = {
        "drive_w": (len(inputs.site.converters), slots),
        "output_w": (len(inputs.site.converters), slots),
        "wanted_w": (len(inputs.site.processes), slots),
    }
    for field, shape in shapes.items():
        values = getattr(log, field)
        if values.shape != shape and not (values.size == 0 and shape[0] == 0):
            raise InputsError(f"observed.{field} must be shaped {shape}, not {values.shape}")
        if not (np.isfinite(values) & (values >= 0.0)).all():
            raise InputsError(f"observed.{field} must be finite and not negative")


PLANNER = SitePlanner()
