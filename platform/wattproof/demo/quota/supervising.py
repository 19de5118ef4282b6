"""The supervisor's report over all rounds so far, from the chain and declared costs alone."""

from __future__ import annotations

import json
from typing import Any

from market.green_quota.costs import ThermalCosts, WindCosts
from wattproof.demo.quota.participants import Joined
from wattproof.demo.quota.scene import Scene
from wattproof.demo.quota.selling import CertificateMonth
from wattproof.demo.stage import Stage
from wattproof.surveillance.service import File, Files, SurveillanceDocument, survey_chain

_KWH_PER_MWH = 1e3
_DIGITS = 9


def supervise(stage: Stage, joined: Joined, scene: Scene) -> SurveillanceDocument:
    """Every settled round proved again and looked at; costs as producers declare them."""
    rows = [
        *(_declared(joined, park.name, park.costs) for park in scene.wind),
        *(_declared(joined, plant.name, plant.costs) for plant in scene.plants),
    ]
    declared = File("costs.json", json.dumps({"cost": rows}).encode())
    platform = stage.platform
    return survey_chain(platform.chain.rpc_url, platform.deployment, files=Files(costs=declared))


def seen_withheld_wh(
    document: SurveillanceDocument, joined: Joined, month: CertificateMonth
) -> dict[str, int]:
    """What the report says was not offered in a round of certificates, Wh by name."""
    number = month.traded.opened.number
    return {
        joined.cast.names[row.account]: row.physical_wh
        for market in document.report.markets
        if market.market == joined.certificates
        for row in market.withheld
        if row.round == number
    }


def _declared(joined: Joined, name: str, costs: ThermalCosts | WindCosts) -> dict[str, Any]:
    """A row of the file of costs (docs/surveillance.md); numbers as text: none is rounded."""
    own = {
        "maintenance": costs.maintenance_per_kwh,
        "depreciation": costs.depreciation_per_kwh,
    }
    if isinstance(costs, ThermalCosts):
        own["fuel"] = costs.fuel_per_kwh
    else:
        own["backup"] = costs.backup_per_kwh
    return {
        "account": joined.cast[name].address,
        "name": name,
        "technology": "thermal" if isinstance(costs, ThermalCosts) else "wind",
        "market": joined.electricity,
        **{part: _text(value) for part, value in own.items()},
        "slope": _text(costs.curve.slope_per_kwh2 * _KWH_PER_MWH),
    }


def _text(value: float) -> str:
    return f"{value:.{_DIGITS}f}"
