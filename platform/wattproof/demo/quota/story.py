"""The year itself, vintage by vintage, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from market.green_quota.electricity_bids import CertificateOutlook
from wattproof.demo import checks, metering
from wattproof.demo.presentation import Presentation
from wattproof.demo.quota import (
    certifying,
    compliance,
    electricity,
    government,
    participants,
    selling,
    supervising,
)
from wattproof.demo.quota.certifying import StoreMonth
from wattproof.demo.quota.compliance import Compliance
from wattproof.demo.quota.electricity import PowerMonth
from wattproof.demo.quota.government import OpenQuota
from wattproof.demo.quota.lived import Results
from wattproof.demo.quota.options import QuotaOptions
from wattproof.demo.quota.outlook import Expected, expected
from wattproof.demo.quota.participants import Joined
from wattproof.demo.quota.results import report_on
from wattproof.demo.quota.scene import Scene
from wattproof.demo.quota.selling import CertificateMonth
from wattproof.demo.quota.year import Year, year_from
from wattproof.demo.report import DemoReport
from wattproof.demo.stage import Stage, open_stage
from wattproof.demo.trading import TradedRound
from wattproof.surveillance.service import SurveillanceDocument

_ADMITTED_DAYS = 3.0
_SURRENDER_DAYS = 5.0
_WH_PER_MWH = 1e6


def play(scene: Scene, options: QuotaOptions, presentation: Presentation) -> DemoReport:
    """Run the year on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused.
    """
    with open_stage(options.data_dir, presentation) as stage:
        with presentation.step("The twin's equilibrium of a usual day") as step:
            ahead = expected(scene)
            step.note(f"certificates at {ahead.price_per_kwh:.4f}")
        return _Year(scene, stage, year_from(stage), ahead).run()


@dataclass(slots=True)
class _Year:
    scene: Scene
    stage: Stage
    year: Year
    expected: Expected
    quotas: list[OpenQuota] = field(default_factory=list)
    power: list[PowerMonth] = field(default_factory=list)
    stored: list[StoreMonth] = field(default_factory=list)
    sold: list[CertificateMonth] = field(default_factory=list)
    settled: list[Compliance] = field(default_factory=list)
    supervised: SurveillanceDocument | None = None
    store_wh: float = 0.0

    def run(self) -> DemoReport:
        scene, stage, year = self.scene, self.stage, self.year
        show = stage.show
        self.store_wh = float(scene.store.capacity_wh)
        with show.step("Two platforms, meters, roles, certified devices") as step:
            joined = participants.gather(stage, scene)
            participants.certify(stage, joined, scene, year)
            step.note(f"{len(joined.cast.members)} participants")
        self._open_quota(joined, 0)
        with show.step("Traders admitted, first vintage traded") as step:
            stage.advance_to(year.starts(0, -_ADMITTED_DAYS))
            participants.admit(stage, joined, scene)
            traded = self._trade(joined, 0)
            step.note(f"{traded.settlement.book.count} orders")
        for vintage in range(scene.vintages):
            traded = self._vintage(joined, vintage, traded)
        replay = checks.replay(stage)
        return report_on(
            Results(
                scene=scene,
                stage=stage,
                year=year,
                expected=self.expected,
                joined=joined,
                quotas=self.quotas,
                power=self.power,
                stored=self.stored,
                sold=self.sold,
                compliance=self.settled,
                supervised=self.supervised,
                replay=replay,
            ),
            show.seconds,
        )

    # -- the government ------------------------------------------------------------------------

    def _open_quota(self, joined: Joined, which: int) -> None:
        with self.stage.show.step(f"Quota {which + 1} announced, opened, bonds posted") as step:
            quota = government.open_quota(self.stage, joined, self.scene, self.year, which)
            self.quotas.append(quota)
            step.note(f"{len(quota.plan.obliged)} obliged")

    # -- one vintage ---------------------------------------------------------------------------

    def _vintage(self, joined: Joined, vintage: int, traded: TradedRound) -> TradedRound:
        """Live it, certify it, sell it; in between trade the next one. The next one's round."""
        scene, stage, year = self.scene, self.stage, self.year
        quota = self.quotas[-1]
        last = vintage == quota.plan.vintages[-1]
        if last and len(self.quotas) < len(scene.quotas):
            self._open_quota(joined, len(self.quotas))
        following = traded
        with stage.show.step(f"Vintage {vintage + 1}: metered, certified, sold") as step:
            if vintage + 1 < scene.vintages:
                following = self._trade(joined, vintage + 1)
            metered, disputed = electricity.live(stage, joined, scene, year, vintage, traded)
            closures = metering.closures(stage, joined.electricity, year.period(vintage))
            self.power.append(PowerMonth(traded, metered, closures, disputed))
            giver = scene.wind[1].name
            name = scene.store.name
            self.stored.append(
                certifying.fill_store(stage, joined, scene, year, vintage, giver, metered[name])
            )
            self.sold.append(
                selling.sell(stage, joined, scene, year, vintage, quota, self._last_price())
            )
            sold = self.sold[-1]
            step.note(f"{sold.sold_wh / _WH_PER_MWH:,.0f} MWh at {sold.price_per_kwh:.4f}")
        if vintage + 1 == scene.withholding:
            self._supervise(joined)
        if last:
            with stage.show.step(f"Quota {quota.number} surrendered and settled") as step:
                stage.advance_to(year.ends(vintage, _SURRENDER_DAYS))
                compliance.surrender(stage, joined, quota)
                self.settled += compliance.settle(stage, joined, year, quota)
                short = [each.name for each in self.settled if each.shortfall_wh]
                step.note(f"short: {', '.join(short) or 'nobody'}")
        return following

    def _supervise(self, joined: Joined) -> None:
        """The supervisor looks at all rounds so far; from then on nobody holds anything back."""
        with self.stage.show.step("Supervisor's report from the chain alone") as step:
            self.supervised = supervising.supervise(self.stage, joined, self.scene)
            step.note(f"{len(self.supervised.findings)} findings")

    def _trade(self, joined: Joined, vintage: int) -> TradedRound:
        scene = self.scene
        planned, self.store_wh = scene.store.plan(scene.windy_wh[vintage], self.store_wh)
        outlook = self._outlook(vintage)
        return electricity.trade(self.stage, joined, scene, self.year, vintage, outlook, planned)

    def _outlook(self, vintage: int) -> CertificateOutlook:
        """Certificates are expected to cost what they cost last."""
        penalty = self.scene.quota_of(vintage).penalty_per_kwh
        return CertificateOutlook(self._last_price(), penalty)

    def _last_price(self) -> float:
        if self.sold:
            return self.sold[-1].price_per_kwh
        return self.expected.outlook.worth_per_kwh
