"""The table of strategies on the sessions of a file, made in a process beside the day."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from twin.day_match import DayMatch, DayMatchError, match_days
from twin.ev_fleet.calibration import pile_powers
from twin.ev_fleet.comparison import compare_on_sessions
from twin.ev_fleet.session import ChargingSession
from twin.prices import PriceSeries

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST_SESSIONS = 2_500
_AFTER = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class StrategyTable:
    """One row a strategy, which sessions it rests on, and which price day stood for which."""

    rows: Sequence[Mapping[str, Any]]
    sessions: int
    first_day: date
    last_day: date
    matches: Sequence[DayMatch]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "sessions": self.sessions,
            "firstDay": str(self.first_day),
            "lastDay": str(self.last_day),
            "rows": [dict(row) for row in self.rows],
            "matches": [
                {"day": str(m.session_day), "prices": str(m.price_day), "reason": m.reason}
                for m in self.matches
            ],
        }

    def shown(self) -> Sequence[RenderableType]:
        """For a terminal."""
        from rich.table import Table

        shown = Table(
            title=f"Strategies on {self.sessions:,} sessions, {self.first_day} to {self.last_day}",
            title_justify="left",
        )
        shown.add_column("strategy", no_wrap=True)
        for heading in ("cost", "saving", "served", "peak kW", "daily peak"):
            shown.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            shown.add_row(
                str(row["strategy"]),
                f"{row['cost']:,.2f}",
                f"{row['saving_share']:.2%}",
                f"{row['energy_served']:.2%}",
                f"{row['peak_kw']:,.1f}",
                f"{row['mean_daily_peak_kw']:,.1f}",
            )
        return [shown, *matched_runs(self.matches)]


@contextmanager
def comparing(
    sessions: Sequence[ChargingSession], prices: PriceSeries, day: date
) -> Iterator[Future[StrategyTable]]:
    """Compare in another process while the day runs; leaving the block ends it."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_quietly)
    try:
        yield pool.submit(strategy_table, sessions, prices, day)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((pool._processes or {}).values()):
            process.terminate()


def strategy_table(
    sessions: Sequence[ChargingSession], prices: PriceSeries, day: date
) -> StrategyTable:
    """Uncontrolled, planning to the declared departure, to the forecast, and foresight.

    Takes the days around ``day`` whose season has prices, at most ``MOST_SESSIONS`` sessions, of
    a longer file the latest up to ``day``. Raises DayMatchError if not even ``day`` has prices.
    """
    zone = ZoneInfo(sessions[0].time_zone)
    power = pile_powers(sessions)
    days = {session.session_id: session.connected.astimezone(zone).date() for session in sessions}
    first, last = _priced_days(days.values(), prices, day)
    inside = [
        session
        for session in sessions
        if first <= days[session.session_id]
        and session.disconnected.astimezone(zone).date() + _AFTER <= last
    ]
    before = sum(1 for session in inside if days[session.session_id] <= day)
    start = max(before - MOST_SESSIONS, 0)
    inside = inside[start : start + MOST_SESSIONS]
    found = compare_on_sessions(inside, prices, pile_power_w=power)
    return StrategyTable(
        rows=[
            {
                "strategy": row.name,
                "cost": row.cost + row.cost_of_missing,
                "saving": row.saving,
                "saving_share": row.saving_share,
                "of_foresight": row.of_foresight,
                "energy_served": row.energy_served,
                "peak_kw": row.peak_w / 1_000.0,
                "mean_daily_peak_kw": row.mean_daily_peak_w / 1_000.0,
            }
            for row in found.rows
        ],
        sessions=len(inside),
        first_day=days[inside[0].session_id],
        last_day=days[inside[-1].session_id],
        matches=found.matches,
    )


def matched_runs(matches: Sequence[DayMatch]) -> list[str]:
    """Which price day stands for which day, one line for every run of days matched alike."""
    runs: list[tuple[DayMatch, DayMatch]] = []
    for match in matches:
        if runs and match.session_day - runs[-1][1].session_day == timedelta(days=1) == (
            match.price_day - runs[-1][1].price_day
        ):
            runs[-1] = (runs[-1][0], match)
        else:
            runs.append((match, match))
    return [
        f"{first.session_day}: prices of {first.price_day}"
        if first is last
        else f"{first.session_day} to {last.session_day}: prices of {first.price_day} to "
        f"{last.price_day}"
        for first, last in runs
    ]


def _priced_days(days: Any, prices: PriceSeries, day: date) -> tuple[date, date]:
    """The longest run of days around ``day`` that all have prices, within the sessions' days."""
    available = prices.local_days()
    match_days([day], available)
    earliest, latest = min(days), max(days) + 2 * _AFTER
    return (
        _reach(day, timedelta(days=-1), earliest, available),
        _reach(day, timedelta(days=1), latest, available),
    )


def _reach(day: date, step: timedelta, end: date, available: tuple[date, ...]) -> date:
    while day != end:
        try:
            match_days([day + step], available)
        except DayMatchError:
            return day
        day += step
    return day


def _end_quietly() -> None:
    """Ctrl-C reaches the whole group; the child has nothing to say about it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
