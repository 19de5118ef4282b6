"""What is known once the year is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from market.green_quota.technologies import Technology
from wattproof.audit import Report
from wattproof.demo.quota.certifying import StoreMonth
from wattproof.demo.quota.compliance import Compliance
from wattproof.demo.quota.electricity import PowerMonth
from wattproof.demo.quota.government import OpenQuota
from wattproof.demo.quota.outlook import Expected
from wattproof.demo.quota.participants import TECHNOLOGY, Joined
from wattproof.demo.quota.scene import Scene
from wattproof.demo.quota.selling import CertificateMonth
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage
from wattproof.surveillance.service import SurveillanceDocument


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from; a month is a vintage, in order.

    ``supervised`` is the supervisor's report of the rounds up to the last one in which somebody
    held certificates back; None where nobody did.
    """

    scene: Scene
    stage: Stage
    year: Year
    expected: Expected
    joined: Joined
    quotas: Sequence[OpenQuota]
    power: Sequence[PowerMonth]
    stored: Sequence[StoreMonth]
    sold: Sequence[CertificateMonth]
    compliance: Sequence[Compliance]
    supervised: SurveillanceDocument | None
    replay: Report

    @property
    def technology(self) -> Technology:
        """Of all certificates."""
        return TECHNOLOGY

    def quota(self, number: int) -> OpenQuota:
        """By its number."""
        return next(quota for quota in self.quotas if quota.number == number)
