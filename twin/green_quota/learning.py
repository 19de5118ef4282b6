"""Marginal costs from settled rounds: a price taker produces until another MWh earns its cost.

Where neither a limit nor curtailment holds it, what a price taker is paid is
``per_mwh + slope * output``. Both follow by least squares, with the description as a prior that
counts as a few rounds. Of who burns fuel it is the fuel's cost that is learned, at the fuel price
of the round; maintenance and the rest are taken as described. Producers that set their output are
left out: their price is not their cost. One that sets only its certificates is paid the wholesale
price for a MWh at the margin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.green_quota.system import (
    BoolArray,
    Cost,
    FloatArray,
    Kind,
    Producer,
    QuotaError,
    QuotaSystem,
    Withholding,
)

_PRIOR_ROUNDS = 2.0
"""What the description counts, as rounds at each of a quarter and three quarters of the output."""
_PRIOR_PLACES = (0.25, 0.75)
_MEMORY = 0.995
"""What a round still counts a round later."""


@dataclass(frozen=True, slots=True)
class CostBelief:
    """Normal equations of (per_mwh, slope) of what rounds add to the description.

    ``information`` (producer, 2, 2) and ``evidence`` (producer, 2), output in units of
    ``reach`` (producer,), MWh.
    """

    information: FloatArray
    evidence: FloatArray
    reach: FloatArray
    rounds_seen: int = 0


def first_belief(system: QuotaSystem) -> CostBelief:
    """The description's own costs, believed as far as a few rounds can correct."""
    demand = system.demand.highest_price / system.demand.slope
    reach = np.array(
        [demand if each.available_mwh is None else each.available_mwh for each in system.producers]
    )
    count = len(system.producers)
    return CostBelief(np.zeros((count, 2, 2)), np.zeros((count, 2)), np.where(reach, reach, 1.0))


def believe(
    belief: CostBelief,
    described: QuotaSystem,
    wholesale_price: FloatArray,
    certificate_price: FloatArray,
    output: FloatArray,
    fuel: FloatArray,
    limited: BoolArray,
) -> CostBelief:
    """The belief after more settled rounds; see :class:`twin.green_quota.model.QuotaOutcome`.

    Raises QuotaError for series that do not fit each other or cannot be.
    """
    rounds, count = wholesale_price.shape[0], len(described.producers)
    for name, series, shape in (
        ("wholesale_price", wholesale_price, (rounds,)),
        ("certificate_price", certificate_price, (rounds,)),
        ("output", output, (rounds, count)),
        ("fuel", fuel, (rounds,)),
        ("limited", limited, (rounds, count)),
    ):
        if series.shape != shape:
            raise QuotaError(f"the outcome's {name} is shaped {series.shape}, not {shape}")
    prices = np.stack([wholesale_price, certificate_price, fuel])
    if not np.isfinite(prices).all():
        raise QuotaError("the outcome has prices or fuel factors that are no finite numbers")
    if (fuel <= 0.0).any() or (certificate_price < 0.0).any() or (output < 0.0).any():
        raise QuotaError("fuel factors are above 0; certificate prices and outputs not below it")
    fade = _MEMORY**rounds
    information, evidence = fade * belief.information, fade * belief.evidence
    for place, producer in enumerate(described.producers):
        paid = _paid(producer, wholesale_price, certificate_price)
        made = output[:, place]
        usable = np.flatnonzero(np.isfinite(made) & (made > 0.0) & ~limited[:, place])
        if paid is None or not usable.size:
            continue
        cost = paid[usable]
        if _learns_fuel(producer):
            per_mwh, slope = _marginal(producer)
            rest = (per_mwh - producer.fuel.per_mwh) + (slope - producer.fuel.slope) * made[usable]
            cost = (cost - rest) / fuel[usable]
        regressors = np.column_stack([np.ones(usable.size), made[usable] / belief.reach[place]])
        weighted = _MEMORY ** (rounds - 1.0 - usable)[:, None] * regressors
        information[place] += weighted.T @ regressors
        evidence[place] += weighted.T @ cost
    return CostBelief(information, evidence, belief.reach, belief.rounds_seen + rounds)


def believed_system(described: QuotaSystem, belief: CostBelief) -> QuotaSystem:
    """The system with the costs that description and rounds together say."""
    return replace(
        described,
        producers=tuple(
            _corrected(each, *_estimate(each, belief, place))
            for place, each in enumerate(described.producers)
        ),
    )


def _paid(producer: Producer, wholesale: FloatArray, certificate: FloatArray) -> FloatArray | None:
    if producer.withholds in (Withholding.ELECTRICITY, Withholding.BOTH):
        return None
    if producer.kind is Kind.RENEWABLE and producer.withholds is Withholding.NOTHING:
        return wholesale + certificate
    return wholesale


def _learns_fuel(producer: Producer) -> bool:
    return producer.fuel.per_mwh > 0.0 or producer.fuel.slope > 0.0


def _marginal(producer: Producer) -> tuple[float, float]:
    parts = producer.parts.values()
    return sum(part.per_mwh for part in parts), sum(part.slope for part in parts)


def _estimate(producer: Producer, belief: CostBelief, place: int) -> tuple[float, float]:
    """(per_mwh, slope) of what is learned, neither below 0."""
    told_per_mwh, told_slope = _marginal(producer)
    if _learns_fuel(producer):
        told_per_mwh, told_slope = producer.fuel.per_mwh, producer.fuel.slope
    if not belief.information[place].any():
        return told_per_mwh, told_slope
    reach = float(belief.reach[place])
    prior = np.array([[1.0, share] for share in _PRIOR_PLACES])
    told = prior @ np.array([told_per_mwh, told_slope * reach])
    information = belief.information[place] + _PRIOR_ROUNDS * prior.T @ prior
    evidence = belief.evidence[place] + _PRIOR_ROUNDS * prior.T @ told
    per_mwh, slope = np.linalg.solve(information, evidence).tolist()
    if slope < 0.0:
        per_mwh, slope = float(evidence[0] / information[0, 0]), 0.0
    if per_mwh < 0.0:
        per_mwh, slope = 0.0, max(float(evidence[1] / information[1, 1]), 0.0)
    return per_mwh, slope / reach


def _corrected(producer: Producer, per_mwh: float, slope: float) -> Producer:
    """The producer with what is learned of it.

    That is its fuel; without fuel all of its marginal costs, in proportion, or maintenance where
    the description has none.
    """
    if _learns_fuel(producer):
        return replace(producer, fuel=Cost(producer.fuel.fixed, per_mwh, slope))
    old_per_mwh, old_slope = _marginal(producer)
    if (per_mwh, slope) == (old_per_mwh, old_slope):
        return producer

    def scaled(part: Cost, name: str) -> Cost:
        new = name == "maintenance"
        return Cost(
            part.fixed,
            part.per_mwh * (per_mwh / old_per_mwh) if old_per_mwh else (per_mwh if new else 0.0),
            part.slope * (slope / old_slope) if old_slope else (slope if new else 0.0),
        )

    parts = {name: scaled(part, name) for name, part in producer.parts.items()}
    return replace(
        producer,
        fuel=parts["fuel"],
        maintenance=parts["maintenance"],
        depreciation=parts["depreciation"],
        backup=parts["backup"],
    )
