"""Session delegates, rebuilt from the chain: what was changed in a copy is found and named."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from market.delegation import Authorisation, Revocation
from market.delegation import Session as DelegateSession
from market.reference.delegations import NOBODY
from market.reference.delegations import Session as ReferenceSession
from tests.market.reference.sandbox import ALICE, Sandbox, address
from tests.platform.audit.forgeries import changed, one_argument_changed, one_event_hidden
from tests.platform.delegating import PRICE, Delegating
from wattproof import audit
from wattproof.audit.bundle import _digest
from wattproof.audit.delegations_state import Sessions
from wattproof.audit.history import History
from wattproof.audit.replay import _replay
from wattproof.delegations import service
from wattproof.errors import InvalidError
from wattproof.gateway import outbox
from wattproof.gateway.keys import Role
from wattproof.tasks.flow import run_until_idle

CONTRACT = ("Delegations",)


def _hand_in(delegating: Delegating, change: Authorisation | Revocation) -> None:
    """A signed change, brought by the operator."""
    platform = delegating.desk.platform
    key = bytes(delegating.desk.traders[0].key)
    signature = change.sign(service.domain(platform), key)
    bounds = [change.session.to_chain()] if isinstance(change, Authorisation) else []
    function = "authoriseSigned" if bounds else "revokeSigned"
    with platform.transaction() as session:
        outbox.call(
            session,
            platform.chain,
            "Delegations",
            function,
            change.principal,
            change.market,
            *bounds,
            change.deadline,
            signature,
            key=f"signed:{change.nonce}",
            signer=platform.keys.address(Role.OPERATOR),
            gas_limit=300_000,
        )
    run_until_idle(platform)
    with platform.transaction() as session:
        row = outbox.find(session, f"signed:{change.nonce}")
        assert row is not None
        assert row.status == outbox.MINED, row.error


@pytest.fixture
def traded(desk: Any) -> Delegating:
    """A delegate was named, traded a settled round and was dismissed; twice by signature."""
    delegating = Delegating(desk)
    delegating.authorise()
    number = desk.open_round()
    desk.sell(1, number, 0, 20_000, PRICE)
    delegating.trade(number, 3_000, 3 * PRICE)
    delegating.trade(number, 1_000, 2 * PRICE)
    desk.buy(0, number, 0, 500, 3 * PRICE)
    desk.close_gate(number)
    run_until_idle(desk.platform)
    deadline = desk.now() + 600
    named = delegating.session(buy_wh=7_777)
    _hand_in(delegating, Authorisation(delegating.principal, desk.market, named, 1, deadline))
    _hand_in(delegating, Revocation(delegating.principal, desk.market, 2, deadline))
    return delegating


def _history(delegating: Delegating) -> History:
    platform = delegating.desk.platform
    return History(platform.chain.rpc_url, platform.deployment)


def _found(history: History, entries: Any = None) -> list[str]:
    if entries is not None:
        history._read = entries
    return [str(finding) for finding in _replay(history)[1].findings]


def _against_store(delegating: Delegating) -> audit.Report:
    platform = delegating.desk.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


# -- the chain -------------------------------------------------------------------------------------


def test_sessions_signatures_and_numbers_are_rebuilt_and_equal(traded: Delegating) -> None:
    report = _against_store(traded)
    assert report.findings == []
    for view in ("sessionOf", "isNamed", "nonce", "fromRoundOf"):
        assert report.checked[f"Delegations.{view}"] > 0


def test_one_altered_argument_of_an_event_is_named(traded: Delegating) -> None:
    history = _history(traded)
    seen = []
    for what, forged in one_argument_changed(history, CONTRACT):
        findings = _found(_history(traded), forged)
        assert findings, what
        assert any("Delegations" in finding or "settle" in finding for finding in findings), what
        seen.append(what)
    assert "Delegations.SessionAuthorised.session.maxPrice" in seen
    assert "Delegations.SessionRevoked.fromRound" in seen


def test_a_hidden_change_is_named(traded: Delegating) -> None:
    for what, forged in one_event_hidden(_history(traded), CONTRACT):
        assert _found(_history(traded), forged), what


def test_an_altered_bound_of_the_session_of_a_settled_round_is_found_in_the_round(
    traded: Delegating,
) -> None:
    """The node says that less might be bought: then the settlement it shows does not hold."""
    history = _history(traded)
    entries = list(history.entries())
    place = min(i for i, e in enumerate(entries) if e.event.name == "SessionAuthorised")
    args = entries[place].event.args
    altered = {**args, "session": {**args["session"], "buyWh": 2_999}}
    entries[place] = replace(entries[place], event=replace(entries[place].event, args=altered))
    findings = _found(_history(traded), entries)
    assert any("Exchange.settle" in finding for finding in findings), findings


def test_a_change_that_the_account_did_not_send_is_named(traded: Delegating) -> None:
    history = _history(traded)
    stranger = str(traded.desk.traders[2].address)
    findings = _found(_history(traded), changed(history, "SessionRevoked", principal=stranger))
    assert any("there was none to revoke" in finding for finding in findings)
    forged = []
    for entry in history.entries():
        sent = entry.transaction
        if entry.event.name == "SessionAuthorised" and sent is not None:
            entry = replace(entry, transaction=replace(sent, sender=stranger))
        forged.append(entry)
    findings = _found(_history(traded), forged)
    assert any(f"the caller was {stranger}" in finding for finding in findings)


# -- the database ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("delegate_session", "from_round", "from_round + 1"),
        ("delegate_session", "session", "replace(session, '300000000', '300000001')"),
        ("delegate_session", "before", "replace(before, '5000', '5001')"),
        ("delegate_session", "delegate", f"'{ALICE}'"),
        ("delegate_named", "delegate", f"'{ALICE}'"),
        ("signed_order", "delegate", f"'{ALICE}'"),
        ("trader_facts", "session", "replace(session, '5000', '5001')"),
    ],
)
def test_one_altered_column_is_named(
    traded: Delegating, table: str, column: str, value: str
) -> None:
    # What the settled round was judged by is kept as the session before.
    traded.desk.open_round()
    traded.authorise()
    change = text(f"UPDATE {table} SET {column} = {value} WHERE {column} IS NOT NULL")
    with traded.desk.platform.engine.begin() as connection:
        assert connection.execute(change).rowcount > 0
    findings = _against_store(traded).findings
    assert any(finding.place == table for finding in findings), [str(f) for f in findings]


@pytest.mark.parametrize("table", ["delegate_session", "delegate_named"])
def test_a_deleted_row_is_named(traded: Delegating, table: str) -> None:
    with traded.desk.platform.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table}"))
    assert {finding.place for finding in _against_store(traded).findings} == {table}


# -- bundles ---------------------------------------------------------------------------------------


def _export(delegating: Delegating) -> dict[str, Any]:
    platform = delegating.desk.platform
    key = (delegating.desk.market, 1)
    bundle = audit.export_round(platform.chain.rpc_url, platform.deployment, key)
    return dict(json.loads(json.dumps(bundle)))


def _verify(delegating: Delegating, bundle: dict[str, Any]) -> audit.Report:
    return audit.verify_bundle(bundle, delegating.desk.platform.chain.rpc_url)


def test_a_bundle_carries_the_session_and_who_was_named(traded: Delegating) -> None:
    bundle = _export(traded)
    assert bundle["named"] == {traded.principal: [str(traded.delegate.address)]}
    assert bundle["facts"][traded.principal]["session"]["buyWh"] == 5_000
    others = [fact for trader, fact in bundle["facts"].items() if trader != traded.principal]
    assert others
    assert all("session" not in fact for fact in others)
    assert _verify(traded, bundle).findings == []


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("facts", "session", "buyWh"), 2_999, "Exchange.settle"),
        (("facts", "session", "maxPrice"), 3 * PRICE - 1, "Exchange.settle"),
        (("facts", "session", "until"), 1, "Exchange.settle"),
        (("facts", "session", "sellWh"), 5_001, "bundle"),
        (("named",), [], "Exchange.settle"),
        (("named",), [ALICE], "Exchange.settle"),
    ],
)
def test_an_altered_bound_or_name_in_a_bundle_is_located(
    traded: Delegating, path: tuple[str, ...], value: Any, place: str
) -> None:
    bundle = copy.deepcopy(_export(traded))
    if path[0] == "named":
        bundle["named"][traded.principal] = value
    else:
        bundle["facts"][traded.principal]["session"][path[-1]] = value
    bundle["digest"] = _digest(bundle)
    findings = _verify(traded, bundle).findings
    assert findings
    assert findings[0].place == place, [str(finding) for finding in findings]


def test_a_bundle_with_a_session_that_is_none_is_damaged(traded: Delegating) -> None:
    bundle = _export(traded)
    bundle["facts"][traded.principal]["session"]["delegate"] = "nobody"
    bundle["digest"] = _digest(bundle)
    try:
        findings = _verify(traded, bundle).findings
    except InvalidError:
        return
    assert any("is damaged" in str(finding) for finding in findings)


# -- the rule itself -------------------------------------------------------------------------------

_STEPS = st.lists(
    st.sampled_from(("authorise", "revoke", "open", "past the gate", "void")), max_size=25
)


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_sessions_follow_the_model_of_the_contract_through_any_changes(steps: list[str]) -> None:
    sandbox = Sandbox()
    market = sandbox.create_market()
    model, mine, made = sandbox.exchange.delegations, Sessions(), 0
    for step in steps:
        last = sandbox.exchange.last_round(market)
        effective = sandbox.exchange.effective_round(market, now=sandbox.now)
        if step == "authorise":
            made += 1
            bounds = DelegateSession(address(f"delegate {made}"), sandbox.now + 9, made, 0, 5, 0)
            named = ReferenceSession(**{f: getattr(bounds, f) for f in bounds.__slots__})
            model.authorise(market, named, sender=ALICE, now=sandbox.now)
            mine = mine.changed(effective, bounds)
        elif step == "revoke" and mine.current is not None:
            model.revoke(market, sender=ALICE, now=sandbox.now)
            mine = mine.changed(effective, None)
        elif step == "open":
            if not last or sandbox.exchange.is_terminal(market, last, now=sandbox.now):
                sandbox.open_round(market)
        elif step == "past the gate" and last:
            sandbox.now = max(sandbox.now, sandbox.exchange.round(market, last).gate_at)
        elif step == "void" and last:
            sandbox.void_after_gate(market)
        for number in range(effective + 2):
            expected = model.session_of(market, ALICE, number)
            found = mine.in_round(number)
            assert (NOBODY if found is None else found.delegate) == (
                NOBODY if expected == NOBODY else expected.delegate
            )
