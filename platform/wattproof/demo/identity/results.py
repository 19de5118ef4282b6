"""What must hold of the identity day, and the day in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from identity.trust import TopicState
from wattproof.audit import Report
from wattproof.demo import checks
from wattproof.demo.checks import settlement_gas
from wattproof.demo.identity.certifying import ZONE
from wattproof.demo.identity.handing_on import HandedOn
from wattproof.demo.identity.people import ADA, HOMES, ROLE, Joined
from wattproof.demo.identity.privacy import Kept
from wattproof.demo.identity.showing import CLAIMS, Shown
from wattproof.demo.identity.trading import OFFERED_WH, SLOTS, Day, fills, maxima
from wattproof.demo.identity.trusting import Trusted
from wattproof.demo.report import Check, DemoReport
from wattproof.demo.stage import Stage
from wattproof.meters.models import ClosureRow

_KWH = 1e3


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that the day left behind."""

    stage: Stage
    joined: Joined
    credentials: int
    handed_on: HandedOn
    shown: Shown
    day: Day
    closures: Mapping[str, ClosureRow]
    trusted: Trusted
    kept: Kept
    replay: Report


@dataclass(frozen=True, slots=True)
class IdentityFigures:
    """The day in numbers; energy in kWh."""

    credentials: int
    claims_shown: int
    claims_kept_back: int
    orders: int
    delegated_orders: int
    traded_kwh: float
    sold_kwh: float
    delivered_kwh: float
    accounts: int
    sum_error_kwh: float
    refused: int
    gas_per_order: float

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("Credentials", f"{self.credentials} of two independent issuers"),
            ("Shown of one", f"{self.claims_shown} claims, {self.claims_kept_back} kept back"),
            ("Orders", f"{self.orders}, {self.delegated_orders} of them signed by a delegate"),
            ("Energy traded", f"{self.traded_kwh:,.1f} kWh in three rounds"),
            ("Ada's record", f"{self.delivered_kwh:,.1f} of {self.sold_kwh:,.1f} kWh delivered"),
            (
                "Load of all",
                f"of {self.accounts} homes on the day, {self.sum_error_kwh:.0f} kWh of noise: "
                "so few stay hidden",
            ),
            ("Refused", f"{self.refused} attempts to cheat"),
            ("Settlement", f"{self.gas_per_order:,.0f} gas an order"),
        ]


def report_on(results: Results, seconds: Mapping[str, float]) -> DemoReport:
    """The day's figures and checks."""
    return DemoReport(
        title="An identity day: who may do what, proven and refused",
        input={"source": "made up", "homes": len(HOMES)},
        figures=_figures(results),
        checks=tuple(_checks(results)),
        seconds=seconds,
    )


def _figures(results: Results) -> IdentityFigures:
    rounds = results.day.rounds
    ada = results.joined.cast[ADA].address
    booked = [each for traded in rounds for each in traded.settlement.book.orders]
    orders = sum(traded.settlement.book.count for traded in rounds)
    gas = sum(settlement_gas(results.stage, traded) for traded in rounds)
    return IdentityFigures(
        credentials=results.credentials,
        claims_shown=len(results.shown.learnt),
        claims_kept_back=len(results.shown.kept_back),
        orders=orders,
        delegated_orders=sum(each.order.trader == ada and each.signer != ada for each in booked),
        traded_kwh=sum(traded.traded_wh for traded in rounds) / _KWH,
        sold_kwh=results.trusted.sold_wh / _KWH,
        delivered_kwh=results.trusted.delivered_wh / _KWH,
        accounts=results.kept.accounts,
        sum_error_kwh=results.kept.error_wh / _KWH,
        refused=sum(map(len, _refusals(results))),
        gas_per_order=gas / orders,
    )


def _refusals(results: Results) -> tuple[Mapping[str, str], ...]:
    return (
        results.handed_on.refused,
        results.shown.refused,
        results.day.refused,
        results.trusted.refused,
        results.kept.refused,
    )


def _checks(results: Results) -> list[Check]:
    stage, joined, day = results.stage, results.joined, results.day
    first, second, third = day.rounds
    return [
        *_identity(results),
        *_delegate(day),
        *checks.round_checks(stage, first, "the first round"),
        *(
            Check(f"the {name} round was settled all the same", traded.filled_orders > 0, detail)
            for name, traded, detail in (
                ("second", second, "with a forced order in its book"),
                ("third", third, "with revoked orders in its book"),
            )
        ),
        checks.closed(joined.cast, first, results.closures),
        *_trust(results.trusted),
        *_privacy(results.kept),
        *(
            Check(f"refused: {what}", bool(why), why or "it was NOT refused")
            for each in _refusals(results)
            for what, why in each.items()
        ),
        checks.money(stage, joined.cast, [joined.market]),
        checks.replayed(results.replay),
    ]


def _identity(results: Results) -> list[Check]:
    handed_on, shown = results.handed_on, results.shown
    return [
        Check(
            "a DID was handed to another key without its owner's paying",
            handed_on.before != handed_on.after and handed_on.sent == 0,
            f"{handed_on.sent} transactions of its own; the past still resolves",
        ),
        Check(
            "the market learnt role and zone, and nothing else",
            shown.learnt == {"role": ROLE, "zone": ZONE}
            and not shown.kept_back & set(CLAIMS)
            and shown.disclosed <= set(CLAIMS),
            f"kept back: {', '.join(sorted(shown.kept_back))}",
        ),
    ]


def _delegate(day: Day) -> list[Check]:
    first, second, third = day.rounds
    counted, filled = maxima(first), fills(first)
    delegated = [
        each.digest for each in first.settlement.book.orders if each.signer != each.order.trader
    ]
    last = maxima(third)
    return [
        Check(
            "the gateway sold for its owner, within her bounds",
            len(delegated) == SLOTS
            and all(counted[each] == OFFERED_WH and filled[each] > 0 for each in delegated),
            f"{sum(filled[each] for each in delegated) / _KWH:,.1f} kWh",
        ),
        Check(
            "an order below her lowest price, forced on-chain, counted nothing",
            maxima(second)[day.forced] == 0,
            "m = 0, the round was not blocked",
        ),
        Check(
            "what the gateway had signed counted nothing once it was dismissed before the gate",
            len(day.dismissed) == SLOTS and all(last[each] == 0 for each in day.dismissed),
            f"{len(day.dismissed)} orders",
        ),
        Check(
            "what a home had signed counted nothing once its credential was revoked",
            len(day.uncertified) == SLOTS and all(last[each] == 0 for each in day.uncertified),
            f"{len(day.uncertified)} orders; its orders of rounds before stand",
        ),
    ]


def _trust(trusted: Trusted) -> list[Check]:
    return [
        Check(
            "one issuer is not enough, two independent ones are",
            trusted.with_one is TopicState.SHORT and trusted.with_both is TopicState.MET,
            f"{trusted.with_one}, then {trusted.with_both}",
        ),
        Check(
            "any node gives the same record of what was sold and delivered, byte for byte",
            trusted.from_index == trusted.from_node and trusted.sold_wh > 0,
            f"{len(trusted.from_node):,} bytes",
        ),
        Check(
            "the owner sees everybody who read her profile",
            len(trusted.readings) == 2,
            f"{len(trusted.readings)} readings: her bank and the regulator",
        ),
    ]


def _privacy(kept: Kept) -> list[Check]:
    return [
        Check(
            "who asks for the same sums again gets the same, and pays nothing more",
            kept.same_again and kept.left_milli == 500,
            f"{kept.left_milli / 1_000:g} of the period's epsilon of 1 is left",
        ),
        Check(
            "a home that leaves is forgotten where nothing needs it",
            kept.known_before == 1 and kept.known_after == 0,
            "its name is gone; what is on the chain stays",
        ),
    ]
