"""Equilibria of a quota as plain records: what JSON, tables and drawings are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from twin.green_quota.deviation import Deviation
from twin.green_quota.equilibrium import Equilibrium
from twin.green_quota.indicators import indicators, lerner_indices, withheld
from twin.green_quota.sweep import SweepPoint
from twin.green_quota.system import QuotaSystem


def of_equilibrium(found: Equilibrium, tried: Sequence[Deviation] = ()) -> dict[str, Any]:
    """One equilibrium: prices (currency a MWh), totals and every producer (MWh, currency)."""
    return {
        "system": found.system.name,
        "mode": str(found.mode),
        **_market(found),
        "producers": _producers(found),
        "deviations_tried": [asdict(each) for each in tried],
    }


def of_sweep(system: QuotaSystem, mode: str, points: Sequence[SweepPoint]) -> dict[str, Any]:
    """Rows by quota; a quota without equilibrium has ``missing_because`` instead of figures."""
    rows: list[dict[str, Any]] = []
    for point in points:
        if point.equilibrium is None:
            rows.append({"ratio": point.ratio, "missing_because": point.missing_because})
        else:
            rows.append(_market(point.equilibrium))
    return {"system": system.name, "mode": mode, "rows": rows}


def _market(found: Equilibrium) -> dict[str, Any]:
    return {
        "ratio": found.ratio,
        "wholesale_price": found.wholesale_price,
        "certificate_price": found.certificate_price,
        "retail_price": found.retail_price,
        "consumed_mwh": found.consumed,
        "certificates_bought_out": found.bought_out,
        **asdict(indicators(found)),
        "residual": found.residual,
        "deviation_gain": found.deviation_gain,
    }


def _producers(found: Equilibrium) -> list[dict[str, Any]]:
    held_output, held_certificates = withheld(found)
    lerner = lerner_indices(found)
    return [
        {
            "name": producer.name,
            "kind": str(producer.kind),
            "withholds": str(producer.withholds),
            "output_mwh": float(found.output[place]),
            "certificates_issued": float(found.issued[place]),
            "certificates_offered": float(found.offered[place]),
            "certificates_used": float(found.used[place]),
            "withheld_output_mwh": float(held_output[place]),
            "withheld_certificates": float(held_certificates[place]),
            "marginal_cost": float(found.marginal_cost[place]),
            "electricity_revenue": float(found.electricity_revenue[place]),
            "certificate_revenue": float(found.certificate_revenue[place]),
            "profit": float(found.profit[place]),
            "lerner": None if np.isnan(lerner[place]) else float(lerner[place]),
        }
        for place, producer in enumerate(found.system.producers)
    ]
