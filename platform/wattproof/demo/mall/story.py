"""The days themselves, step by step, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass

from market import mall_energy
from market.bid import Bid
from market.dispatch import DispatchPlan, Edit
from market.inputs import to_json
from market.mall_energy.dispatch import planned_day
from market.quantise import money_micro
from market.reference.baseline import BaselineRule
from twin.mall.operation import operate
from twin.mall.plan import MallOutcome, MallPlan
from wattproof.credits.service import Terms
from wattproof.demo import cast as casting
from wattproof.demo import checks, dispatching, metering, trading
from wattproof.demo.calendar import Calendar, calendar_from
from wattproof.demo.cast import Cast
from wattproof.demo.mall import afterwards, crediting, voting
from wattproof.demo.mall.afterwards import REDEMPTION
from wattproof.demo.mall.crediting import OpenWindow
from wattproof.demo.mall.lived import Results
from wattproof.demo.mall.options import MallOptions
from wattproof.demo.mall.participants import Joined, gather
from wattproof.demo.mall.results import report_on
from wattproof.demo.mall.scene import (
    ARCADE,
    DISPATCHER,
    MALL,
    PAST_DAYS,
    SUPPLIER,
    UTILITY,
    Scene,
    Visited,
)
from wattproof.demo.presentation import Presentation
from wattproof.demo.report import Comparison, DemoReport
from wattproof.demo.stage import Stage, open_stage
from wattproof.demo.trading import TradedRound
from wattproof.dispatch.planning import Proposal
from wattproof.meters import service as meters

_RULES = mall_energy.MANIFEST.rules
_PLANNING_HOUR = 13.0
_GATE_HOUR = 18.0
_EXPIRES_AFTER_DAYS = 20
_ESCROW_MICRO = money_micro(5_000.0)
_PROMISE = 1.25
_REASON = "A delivery on the evening of the event: leave the chillers some room after 18:00"
BASELINE_RULE = BaselineRule(
    kind=0, day_mask=0b111_1111, adjust_lead=24, adjust_slots=8, adjust_cap_bp=2_000
)
"""Ten of ten, moved by how two hours at noon went, by a fifth at most."""


def play(
    scene: Scene, strategies: Comparison, options: MallOptions, presentation: Presentation
) -> DemoReport:
    """Run the days on a fresh embedded platform and check everything.

    Raises:
        InvalidError: the data folder is in use by an installation.
        MisconfiguredError: the embedded chain does not start.
        WattproofError: a step was refused.
    """
    with open_stage(options.data_dir, presentation) as stage:
        calendar = calendar_from(stage, PAST_DAYS)
        return _Days(scene.on(calendar), stage, calendar, options.seed).run(strategies)


@dataclass(frozen=True, slots=True)
class _Days:
    scene: Scene
    stage: Stage
    calendar: Calendar
    seed: int

    @property
    def expiry(self) -> int:
        return self.calendar.at(self.calendar.day + _EXPIRES_AFTER_DAYS)

    def run(self, strategies: Comparison) -> DemoReport:
        stage, calendar = self.stage, self.calendar
        show = stage.show
        with show.step("Identities, meters, roles") as step:
            joined = gather(stage, self.scene)
            cast, market = joined.cast, joined.energy
            step.note(f"{len(cast.members)} participants, 2 markets")
        with show.step("Ten metered days go by") as step:
            self.scene.past.live_through(stage, cast, market, calendar, _PLANNING_HOUR)
            step.note(f"{2 * (PAST_DAYS - 1)} signed readings")
        with show.step("Customers vote on comfort") as step:
            votes = voting.vote(stage, cast[MALL], self.scene.mall, self.seed)
            scene = self.scene.with_votes(votes)
            step.note(f"{sum(sum(each.values()) for each in votes.values()):.0f} votes")
        with show.step("Plan over the dispatch centre's desk") as step:
            reviewed = self._review(cast, market, scene)
            plan = reviewed.approved.plan
            step.note(f"{len(reviewed.edits)} slots fixed by hand, approved, acknowledged")
        planned = planned_day(scene.mall.inputs, reviewed.edits)
        reducing = planned_day(scene.arcade.inputs)
        with show.step("Credits funded, window announced and joined") as step:
            series, window, caps = self._open_credits(cast, market, scene, planned, reducing)
            step.note(f"up to {sum(caps.values()) / 1e6:.2f} MWh")
        with show.step("Energy bought") as step:
            traded = self._trade(joined, scene.bids(plan), reviewed)
            step.note(f"{traded.settlement.book.count} orders")
        with show.step("Delivery and readings") as step:
            outcome = _lived(scene.mall, planned)
            arcade = _lived(scene.arcade, reducing)
            metered = {
                MALL: outcome.electricity_w * scene.slot_hours,
                ARCADE: arcade.electricity_w * scene.slot_hours,
                SUPPLIER: traded.positions_wh(cast)[SUPPLIER],
            }
            scene.past.end_day(stage, cast, market, calendar, metered)
            step.note(f"{len(metered)} signed readings")
        with show.step("Reductions credited, imbalance closed") as step:
            stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
            closures = metering.closures(stage, market, calendar.day)
            parts = {name: crediting.part_of(stage, window, cast[name]) for name in caps}
            issued = {name: part.issued_wh or 0 for name, part in parts.items()}
            step.note(f"{sum(issued.values()) / 1e6:.3f} MWh of credits")
        with show.step("Credits sold on-chain") as step:
            sold = afterwards.sell(stage, joined, scene, issued, self.expiry)
            step.note(f"{len(sold.settlement.book.orders)} orders")
        with show.step("Credits redeemed and spent on energy") as step:
            used = afterwards.use(stage, joined, scene, series)
            step.note(f"{used.redeemed_wh / 1e6:.3f} and {used.spent_wh / 1e6:.3f} MWh")
        with show.step("Twin corrected by the meters"):
            corrected = dispatching.measure(stage, reviewed, cast[MALL], to_json(outcome))
        with show.step("Credits expire, the rest of the escrow returns"):
            left_wh = afterwards.expire(stage, cast[UTILITY], series, self.expiry)
        replay = checks.replay(stage)
        return report_on(
            Results(
                scene=scene,
                stage=stage,
                joined=joined,
                reviewed=reviewed,
                planned=planned,
                outcome=outcome,
                metered_wh=metered,
                traded=traded,
                closures=closures,
                window=window,
                rule=BASELINE_RULE,
                caps_wh=caps,
                issued_wh=issued,
                sold=sold,
                bought=used.bought,
                bought_closures=used.closures,
                series=crediting.standing(stage, series),
                redeemed_wh=used.redeemed_wh,
                spent_wh=used.spent_wh,
                expired_wh=left_wh,
                corrected=corrected,
                replay=replay,
            ),
            strategies,
            show.seconds,
        )

    # -- before the day ------------------------------------------------------------------------

    def _review(self, cast: Cast, market: int, scene: Scene) -> dispatching.Reviewed:
        proposal = Proposal(
            market=market,
            period=self.calendar.day,
            participant=cast[MALL].address,
            inputs=to_json(scene.mall.inputs),
        )
        return dispatching.review(
            self.stage, proposal, cast[MALL], cast[DISPATCHER], self._edits, _REASON
        )

    def _edits(self, plan: DispatchPlan) -> tuple[Edit, ...]:
        """Three slots inside the peak in which the mall may draw 5 % more than proposed."""
        first = self.scene.peak.start + 5
        line = plan.lines["electricity"]
        return tuple(
            Edit("electricity", slot, round(1.05 * line[slot])) for slot in range(first, first + 3)
        )

    def _open_credits(
        self, cast: Cast, market: int, scene: Scene, planned: MallPlan, reducing: MallPlan
    ) -> tuple[int, OpenWindow, dict[str, int]]:
        """The utility's offer for the peak; the mall joins with what it expects to reduce, the
        arcade with a quarter more than that."""
        terms = Terms(market, 0, REDEMPTION, BASELINE_RULE)
        series = crediting.open_series(self.stage, cast[UTILITY], self.expiry, terms, _ESCROW_MICRO)
        caps = {
            MALL: max(round(planned.peak_response_wh), 1),
            ARCADE: max(round(_PROMISE * reducing.peak_response_wh), 1),
        }
        window = crediting.announce(
            self.stage,
            cast[UTILITY],
            series,
            period=self.calendar.day,
            first_slot=scene.peak.start,
            slots=scene.peak.stop - scene.peak.start,
            wh=sum(caps.values()),
        )
        for name, wh in caps.items():
            crediting.join(self.stage, cast[name], window, wh, self.calendar.first)
        return series, window, caps

    def _trade(
        self, joined: Joined, bids: tuple[Bid, ...], reviewed: dispatching.Reviewed
    ) -> TradedRound:
        stage, calendar, cast = self.stage, self.calendar, joined.cast
        casting.set_margins_aside(stage, cast, joined.energy, mall_energy.MANIFEST, bids, "day")
        opened = trading.open_day(stage, joined.energy, calendar, _RULES, _GATE_HOUR)
        signed, receipts = trading.hand_in(stage, cast, opened, bids)
        dispatching.bid_from(stage, reviewed, cast[MALL], signed, [cast[MALL].address])
        return trading.settle(stage, opened, _RULES, signed, receipts)


def _lived(visited: Visited, plan: MallPlan) -> MallOutcome:
    """A mall's real day, following a plan."""
    site = visited.inputs.site
    return operate(site.mall, site.state, plan, visited.real)
