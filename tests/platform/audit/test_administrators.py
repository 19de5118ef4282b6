"""Administrative roles: when a grant counts, and when a changed delay does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from tests.platform.flexible_mall import DAY, Mall, MallTemplate, open_copy
from wattproof import audit
from wattproof.audit.findings import Finding
from wattproof.audit.state import Member

ROLE = 77
SETBACK = 5 * DAY


@pytest.fixture
def mall(mall_template: MallTemplate, tmp_path: Path) -> Iterator[Mall]:
    """A role that is granted with a delay of a day."""
    for opened in open_copy(mall_template, tmp_path / "data"):
        opened.send(opened.owner, "Authority", "setGrantDelay", ROLE, DAY)
        opened.move_to(opened.platform.clock.now() + SETBACK + 60)
        yield opened


def _findings(mall: Mall) -> list[Finding]:
    platform = mall.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment).findings


def _access(mall: Mall, account: str) -> tuple[bool, int]:
    is_member, delay = mall.platform.chain.call("Authority", "hasRole", ROLE, account)
    return is_member, delay


def test_a_grant_that_does_not_count_yet_is_no_fault_and_neither_is_one_that_does(
    mall: Mall,
) -> None:
    account = Account.create().address
    mall.send(mall.owner, "Authority", "grantRole", ROLE, account, 7_200)
    assert _access(mall, account) == (False, 7_200)
    assert _findings(mall) == []
    mall.move_to(mall.platform.clock.now() + DAY + 60)
    assert _access(mall, account) == (True, 7_200)
    assert _findings(mall) == []


def test_a_shorter_delay_of_a_known_member_counts_when_the_longer_one_is_over(mall: Mall) -> None:
    account = Account.create().address
    mall.send(mall.owner, "Authority", "grantRole", ROLE, account, 7_200)
    mall.move_to(mall.platform.clock.now() + DAY + 60)
    mall.send(mall.owner, "Authority", "grantRole", ROLE, account, 600)
    assert _access(mall, account) == (True, 7_200)
    assert _findings(mall) == []
    mall.move_to(mall.platform.clock.now() + 7_200 + 60)
    assert _access(mall, account) == (True, 600)
    assert _findings(mall) == []


def test_a_member_is_said_to_be_what_the_manager_says() -> None:
    member = Member(since=100, delay=10, delay_before=60, delay_from=150)
    assert member.standing(99) == (False, 60)
    assert member.standing(100) == (True, 60)
    assert member.access(149) == (100, 60, 10, 150)
    assert member.access(150) == (100, 10, 0, 0)
