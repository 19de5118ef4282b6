"""What an analyst learns of everybody's load, and what is left of somebody who leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass

from wattproof.analytics import service as analytics
from wattproof.analytics.service import FINAL_AFTER_S, Question
from wattproof.demo.cast import Member
from wattproof.demo.identity.people import Joined
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.privacy import erasure, export

_EPSILON_MILLI = 500
_CLAMP_W = 1_500
_SLOTS = 96
_TABLE = "participant"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was released and what was erased.

    Attributes:
        accounts: whose load the sums are over.
        error_wh: what the noise of the day's sum stays within, with 95 %.
        same_again: whether the same question had the same answer.
        left_milli: of the period's budget of epsilon, thousandths.
        known_before, known_after: rows that name who left, before and after.
        refused: by what was asked, the answer; empty where it was answered.
    """

    accounts: int
    error_wh: int
    same_again: bool
    left_milli: int
    known_before: int
    known_after: int
    refused: dict[str, str]


def keep_private(
    stage: Stage, joined: Joined, period: int, analyst: Member, leaver: Member
) -> Kept:
    """An analyst asks until the budget is spent; a home leaves and has its data erased."""
    platform = stage.platform
    early = _refusal(stage, joined.market, period, analyst, _EPSILON_MILLI)
    stage.advance_to(stage.now() + FINAL_AFTER_S)
    question = _question(joined.market, period, _EPSILON_MILLI)
    answers = []
    for _ in range(2):
        with platform.transaction() as session:
            release = analytics.ask(platform, session, question, analyst=analyst.address)
            answers.append((release.id, tuple(release.sums_wh)))
            accounts, error_wh = release.accounts, release.value_error_wh
    beyond = _refusal(stage, joined.market, period, analyst, 2 * _EPSILON_MILLI)
    with platform.transaction() as session:
        left = analytics.left_milli(platform, session, joined.market, period)
    before = _known(stage, leaver)
    with platform.transaction() as session:
        erasure.erase(platform, session, leaver.address)
    return Kept(
        accounts=accounts,
        error_wh=error_wh,
        same_again=answers[0] == answers[1],
        left_milli=left,
        known_before=before,
        known_after=_known(stage, leaver),
        refused={
            "sums of readings that can still change": early,
            "sums beyond the budget of privacy": beyond,
        },
    )


def _question(market: int, period: int, epsilon_milli: int) -> Question:
    return Question(
        market=market,
        period=period,
        carrier=0,
        zone=None,
        slots_a_value=_SLOTS,
        clamp_w=_CLAMP_W,
        epsilon_milli=epsilon_milli,
    )


def _refusal(stage: Stage, market: int, period: int, analyst: Member, epsilon_milli: int) -> str:
    question = _question(market, period, epsilon_milli)
    try:
        with stage.platform.transaction() as session:
            analytics.ask(stage.platform, session, question, analyst=analyst.address)
    except WattproofError as error:
        return error.message
    return ""


def _known(stage: Stage, member: Member) -> int:
    """Rows of the export that hold the name somebody registered with."""
    document = json.loads("".join(export.export(stage.platform, member.address)))
    return len(document["tables"][_TABLE]["rows"])
