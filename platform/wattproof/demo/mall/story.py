"""The days themselves, step by step, on a platform of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market import energy_credits, mall_energy
from market.bid import Bid
from market.dispatch import DispatchPlan, Edit
from market.energy_credits.bids import credit_ask, credit_bid
from market.energy_credits.rules import expiry_slot
from market.inputs import to_json
from market.mall_energy.dispatch import planned_day
from market.quantise import money_micro, price_nano_per_kwh
from market.reference.baseline import BaselineRule
from market.supply import consumer_bids
from twin.mall.operation import operate
from twin.mall.plan import MallOutcome, MallPlan
from wattproof.credits.service import Terms
from wattproof.demo import checks, dispatching, metering, trading
from wattproof.demo.calendar import DAY_S, Calendar, calendar_from
from wattproof.demo.cast import Cast
from wattproof.demo.mall import crediting, voting
from wattproof.demo.mall.crediting import OpenWindow
from wattproof.demo.mall.lived import Results
from wattproof.demo.mall.options import MallOptions
from wattproof.demo.mall.participants import Joined, gather, set_margins_aside
from wattproof.demo.mall.results import report_on
from wattproof.demo.mall.scene import (
    ARCADE,
    DISPATCHER,
    MALL,
    OFFICE,
    PAST_DAYS,
    RETAILER,
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
from wattproof.errors import InvalidError
from wattproof.meters import service as meters
from wattproof.meters.models import ClosureRow

_RULES = mall_energy.MANIFEST.rules
_PLANNING_HOUR = 13.0
_GATE_HOUR = 18.0
_EXPIRES_AFTER_DAYS = 20
_REDEMPTION = price_nano_per_kwh(0.25)
_RETAILER_WORTH = 0.32
_OFFICE_WORTH = 0.28
_ESCROW_MICRO = money_micro(5_000.0)
_PROMISE = 1.25
_LEAST_CREDITS_WH = 1_000
_OFFICE_LIMIT = 0.5
_ROUNDING = 1.01
"""A hundredth more than bids need: every bid is rounded up to a micro-unit."""
_NANO = 1e9
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
            sold = self._sell_credits(joined, issued)
            step.note(f"{len(sold.settlement.book.orders)} orders")
        with show.step("Credits redeemed and spent on energy") as step:
            bought, spent_closures, redeemed_wh, spent_wh = self._use_credits(joined, scene, series)
            step.note(f"{redeemed_wh / 1e6:.3f} and {spent_wh / 1e6:.3f} MWh")
        with show.step("Twin corrected by the meters"):
            corrected = dispatching.measure(stage, reviewed, cast[MALL], to_json(outcome))
        with show.step("Credits expire, the rest of the escrow returns"):
            left_wh = self._expire(cast, series)
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
                bought=bought,
                bought_closures=spent_closures,
                series=crediting.standing(stage, series),
                redeemed_wh=redeemed_wh,
                spent_wh=spent_wh,
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
        terms = Terms(market, 0, _REDEMPTION, BASELINE_RULE)
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
        set_margins_aside(stage, cast, joined.energy, mall_energy.MANIFEST, bids, "day")
        opened = trading.open_day(stage, joined.energy, calendar, _RULES, _GATE_HOUR)
        signed, receipts = trading.hand_in(stage, cast, opened, bids)
        dispatching.bid_from(stage, reviewed, cast[MALL], signed, [cast[MALL].address])
        return trading.settle(stage, opened, _RULES, signed, receipts)

    # -- afterwards ----------------------------------------------------------------------------

    def _sell_credits(self, joined: Joined, issued: dict[str, int]) -> TradedRound:
        """Malls offer their credits; who must show savings and who buys energy with them bid.

        Raises:
            InvalidError: nothing worth trading was credited.
        """
        stage, cast, manifest = self.stage, joined.cast, energy_credits.MANIFEST
        earned = {name: wh for name, wh in issued.items() if wh > 0}
        total = sum(earned.values())
        if total < _LEAST_CREDITS_WH:
            raise InvalidError(
                f"the malls' meters show {total} Wh of reduction on this day: there is nothing to "
                "sell. Choose a day with more cooling (--day)"
            )
        for name, wh in earned.items():
            crediting.offer(stage, cast[name], joined.credits, self.expiry, wh)
        bids = (
            *(credit_ask(name, wh, _REDEMPTION) for name, wh in earned.items()),
            credit_bid(RETAILER, total // 2, _RETAILER_WORTH),
            credit_bid(OFFICE, min(total // 3, self._office_credits_wh()), _OFFICE_WORTH),
        )
        set_margins_aside(stage, cast, joined.credits, manifest, bids, "credits")
        opened = trading.open_round(
            stage,
            joined.credits,
            gate_at=stage.now() + trading.GATE_LEAD_S,
            first_slot=expiry_slot(self.expiry),
            slots=1,
        )
        signed, receipts = trading.hand_in(stage, cast, opened, bids)
        return trading.settle(stage, opened, manifest.rules, signed, receipts)

    def _use_credits(
        self, joined: Joined, scene: Scene, series: int
    ) -> tuple[TradedRound, dict[str, ClosureRow], int, int]:
        """The retailer redeems a half of what it bought; the office spends all on energy."""
        stage, cast = self.stage, joined.cast
        redeemed_wh = crediting.held_wh(stage, cast[RETAILER], series) // 2
        crediting.redeem(stage, cast[RETAILER], series, redeemed_wh)
        spent_wh = crediting.held_wh(stage, cast[OFFICE], series)
        crediting.spend(stage, cast[OFFICE], series, spent_wh, joined.energy)
        covered = min(1.0, spent_wh / self._office_credits_wh())
        wanted = consumer_bids(
            OFFICE, np.floor(covered * scene.office_wh), _OFFICE_LIMIT, _RULES.price_cap
        )
        period = stage.now() // DAY_S + 1
        opened = trading.open_round(
            stage,
            joined.energy,
            gate_at=stage.now() + trading.GATE_LEAD_S,
            first_slot=period * _RULES.period_slots,
            slots=_RULES.period_slots,
        )
        supply = scene.supply()
        set_margins_aside(stage, cast, joined.energy, mall_energy.MANIFEST, supply, "next day")
        signed, receipts = trading.hand_in(stage, cast, opened, (*wanted, *supply))
        bought = trading.settle(stage, opened, _RULES, signed, receipts)
        stage.advance_to((period + 1) * DAY_S)
        positions = bought.positions_wh(cast)
        drawn = {name: positions[name] for name in (OFFICE, SUPPLIER)}
        metering.post_energy(stage, cast, joined.energy, period, drawn)
        stage.advance_to(stage.now() + meters.DISPUTE_WINDOW_S + 1)
        return bought, metering.closures(stage, joined.energy, period), redeemed_wh, spent_wh

    def _office_credits_wh(self) -> int:
        """Credits whose value is the margin that the office's bids need, Wh."""
        margin_per_kwh = _OFFICE_LIMIT + _RULES.imbalance_cap / _NANO
        factor = _ROUNDING * margin_per_kwh * _NANO / _REDEMPTION
        return max(1, int(factor * float(self.scene.office_wh.sum())))

    def _expire(self, cast: Cast, series: int) -> int:
        """What is neither redeemed nor spent by then; the utility gets its escrow back."""
        standing = crediting.standing(self.stage, series)
        self.stage.advance_to(self.expiry)
        crediting.sweep(self.stage, cast[UTILITY], series)
        return standing.issued_wh - standing.spent_wh


def _lived(visited: Visited, plan: MallPlan) -> MallOutcome:
    """A mall's real day, following a plan."""
    site = visited.inputs.site
    return operate(site.mall, site.state, plan, visited.real)
