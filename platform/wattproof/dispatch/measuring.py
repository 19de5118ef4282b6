"""After delivery: the meters' final readings against the instruction, and the twin corrected.

Like solving, the planner's part happens between transactions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from market.dispatch import DispatchPlan, Indicator, Measurement, inputs_text
from wattproof.dispatch.lifecycle import Action, after
from wattproof.dispatch.planning import planner_errors, planner_for
from wattproof.dispatch.record import Record, document, open_record, store_document
from wattproof.errors import RefusedError
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.meters.service import POST_WINDOW_S, changeable_until, period_end
from wattproof.rounds.facts import get_market
from wattproof.rounds.models import MarketRow
from wattproof.runtime import Platform

Metered = Mapping[str, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the meters say of an instruction, not stored yet.

    Attributes:
        metered: Wh of the metered lines, one value a slot of the plan, None where missing.
        inputs: text of the corrected inputs; observed: text of what else was seen.
    """

    number: int
    version: int
    metered: Metered
    measurement: Measurement
    inputs: str
    observed: str


def measure(platform: Platform, number: int, version: int, observed: Mapping[str, Any]) -> Outcome:
    """Compare an acknowledged plan with its final readings. Nothing is stored.

    Args:
        observed: what else the participant saw, as the market's planner reads it.

    Raises:
        RefusedError: the plan is not acknowledged, no line of it is metered, or a reading may
            still change.
        InvalidError: what was observed makes no sense.
        ConflictError: the plan was changed since ``version``.
    """
    with platform.transaction() as session:
        record = open_record(platform, session, number, version=version)
        standing = record.standing
        after(standing.state, Action.MEASURE)
        market = get_market(session, standing.market)
        plan = record.plan()
        meters = standing.meters
        if not meters:
            raise RefusedError("no line of this plan is metered", code="not_metered")
        metered = {
            line: _final_wh(platform, session, market, standing.period, plan, account, carrier)
            for line, (account, carrier) in sorted(meters.items())
        }
        raw = json.loads(document(session, standing.inputs))
    with planner_errors():
        planner = planner_for(market)
        measurement = planner.measure(planner.parse_inputs(raw), plan, metered, observed)
        return Outcome(
            number,
            version,
            metered,
            measurement,
            inputs_text(measurement.inputs),
            inputs_text(observed),
        )


def close(platform: Platform, session: Session, actor: str, outcome: Outcome) -> Record:
    """Record what was measured, and keep the corrected inputs for the next plan.

    Raises:
        ConflictError: the plan was changed meanwhile.
    """
    record = open_record(platform, session, outcome.number, version=outcome.version, lock=True)
    measured = outcome.measurement
    record.take(
        Action.MEASURE,
        actor,
        {
            "metered": {line: list(values) for line, values in outcome.metered.items()},
            "deviationWh": {line: list(values) for line, values in measured.deviation_wh.items()},
            "indicators": {name: _json(each) for name, each in measured.indicators.items()},
            "inputs": store_document(session, "inputs", outcome.inputs),
            "observed": store_document(session, "observed", outcome.observed),
        },
    )
    return record


def _final_wh(
    platform: Platform,
    session: Session,
    market: MarketRow,
    period: int,
    plan: DispatchPlan,
    account: str,
    carrier: int,
) -> tuple[int | None, ...]:
    """A meter's final values in the plan's slots. Raises RefusedError while they may change."""
    device = session.exec(
        select(DeviceRow).where(
            DeviceRow.market == market.market,
            DeviceRow.account == account,
            DeviceRow.carrier == carrier,
        )
    ).first()
    reading = session.get(ReadingRow, (device.device, market.market, period)) if device else None
    now, end = platform.clock.now(), period_end(market, period)
    if reading is None or reading.chain_status in ("None", "Void"):
        if now <= end + POST_WINDOW_S:
            raise RefusedError(
                f"{account} has no reading of carrier {carrier} on-chain yet; it may come until "
                f"{end + POST_WINDOW_S}",
                code="not_final",
            )
        return (None,) * plan.slots
    until = changeable_until(reading)
    if now <= until:
        raise RefusedError(
            f"the reading of {account} is not final before {until}",
            code="not_final",
        )
    start = plan.first_slot - period * int(market.params["periodSlots"])
    return tuple(reading.values_wh[start : start + plan.slots])


def _json(indicator: Indicator) -> dict[str, Any]:
    return {"value": indicator.value, "unit": indicator.unit, "better": indicator.better}
