"""The markets of an embedded installation, and a round of each that takes orders.

Rounds follow one another: the next one opens when the last one is settled or void. Each trades
what is left of the period (such as a day) after its gate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

import structlog
from sqlmodel import Session, col, func, select

from identity.roles import role_id
from market.network import describe
from market.registry import markets
from market.rules import MarketRules
from wattproof.accounts.service import fund_margin, post_bond, send_gas
from wattproof.errors import WattproofError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.networks import service as networks
from wattproof.participants import service as participants
from wattproof.rounds import service
from wattproof.rounds.facts import network_of, rules_of
from wattproof.rounds.models import MarketRow, RoundRow
from wattproof.runtime import Platform
from wattproof.tasks.flow import run_until_idle

OPERATOR_BOND_MICRO = 10_000_000_000
BALANCING_BOND_MICRO = 10_000_000_000
PERIOD_ROUNDS_MAX = 128
"""The exchange's constant: closing a period must fit a transaction."""
_log = structlog.get_logger(__name__)
_TERMINAL = ("confirmed", "delivered", "closed", "void")


def set_up_markets(platform: Platform) -> None:
    """Create every installed market and post its bonds; does nothing where that is done.

    Markets of tokens are left out: they begin with an issuer, whose classes they trade. Networks
    are run by the platform: its account gets the credential and the margin that all orders of two
    whole periods need.
    """
    installed = {name: each for name, each in markets().items() if not each.rules.tokenised}
    account = platform.keys.address(Role.NETWORK)
    run_until_idle(platform)
    with platform.transaction() as session:
        for name, manifest in installed.items():
            if outbox.find(session, f"market:{name}") is None:
                service.create_market(
                    platform,
                    session,
                    name,
                    manifest.rules,
                    role=role_id(manifest.role) if manifest.role else None,
                    capacity_source=manifest.capacity_source,
                    network=account if manifest.network else None,
                    network_description=describe(manifest.network) if manifest.network else None,
                )
    run_until_idle(platform)
    with platform.transaction() as session:
        for row in service.list_markets(session):
            post_bond(platform, session, Role.OPERATOR, row.market, OPERATOR_BOND_MICRO)
            post_bond(platform, session, Role.BALANCING, row.market, BALANCING_BOND_MICRO)
            if row.name in installed and network_of(row) == account:
                _run_network(platform, session, row, installed[row.name].role)
    run_until_idle(platform)


def _run_network(platform: Platform, session: Session, row: MarketRow, role: str | None) -> None:
    account = platform.keys.address(Role.NETWORK)
    if role is not None:
        participants.register(platform, session, account, name="network", role=role)
    slots = 2 * rules_of(row).period_slots
    margin = networks.get_network(session, row.market).margin_micro_a_slot * slots
    fund_margin(platform, session, row.market, account, margin, key="periods")
    send_gas(platform, session, [account])  # what comes free again goes back into the margin


def next_round(
    rules: MarketRules, now: int, round_seconds: int, rounds_of_period: Callable[[int], int]
) -> tuple[int, int, int]:
    """Gate, first slot and number of slots of a round that opens now.

    It trades what is left of the running period after the gate; where the chain takes no more
    rounds of that period, the next one that has room.

    Args:
        now: seconds, UTC.
        round_seconds: gates lie on multiples of it, at least half of it ahead.
        rounds_of_period: how many rounds a period has already.
    """
    gate_at = -(-(now + round_seconds // 2) // round_seconds) * round_seconds
    gate_at = max(gate_at, now + 1)
    first_slot = -(-gate_at // rules.slot_seconds)
    while rounds_of_period(first_slot // rules.period_slots) >= PERIOD_ROUNDS_MAX:
        first_slot = (first_slot // rules.period_slots + 1) * rules.period_slots
    return gate_at, first_slot, rules.period_slots - first_slot % rules.period_slots


def open_due_round(
    platform: Platform, session: Session, market: MarketRow, round_seconds: int
) -> bool:
    """Open a market's next round if its last one is over. True if one was opened."""
    last = session.exec(
        select(RoundRow)
        .where(RoundRow.market == market.market)
        .order_by(col(RoundRow.number).desc())
        .limit(1)
    ).first()
    if last is not None and last.state not in _TERMINAL:
        return False

    def rounds_of_period(period: int) -> int:
        return session.exec(
            select(func.count())
            .select_from(RoundRow)
            .where(RoundRow.market == market.market, RoundRow.period == period)
        ).one()

    gate_at, first_slot, slots = next_round(
        rules_of(market), platform.clock.now(), round_seconds, rounds_of_period
    )
    service.open_round(
        platform, session, market.market, gate_at=gate_at, first_slot=first_slot, slots=slots
    )
    return True


class RoundSchedule:
    """A thread that keeps a round of every market open; a context manager."""

    def __init__(self, platform: Platform, round_seconds: int) -> None:
        self._platform = platform
        self._round_seconds = round_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wattproof-rounds", daemon=True)

    def __enter__(self) -> RoundSchedule:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._platform.transaction() as session:
                    for market in service.list_markets(session):
                        open_due_round(self._platform, session, market, self._round_seconds)
            except WattproofError as error:
                _log.warning("round_not_opened", code=error.code, reason=error.message)
            except Exception as error:
                _log.exception("round_schedule_failed", error=type(error).__name__)
            self._stop.wait(1.0)
