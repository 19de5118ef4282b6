"""The audit repeats every step of a plan and names the one that was altered."""

from __future__ import annotations

import copy
import json
import sqlite3
from contextlib import closing

import pytest
from eth_account import Account
from sqlalchemy import text

from market.approval import DispatchApproval
from market.dispatch import Edit
from market.signature import sign_digest
from wattproof import audit
from wattproof.audit.bundle import _digest
from wattproof.dispatch import instruction, measuring
from wattproof.dispatch.history import payload_of
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.record import DamagedError, steps_of
from wattproof.meters import service as meters
from wattproof.rounds.facts import get_market
from wattproof.tasks.flow import run_until_idle

DEAR, CHEAP = 40, 48
DEVICE = Account.create()


@pytest.fixture
def lived(centre):
    """A plan that was edited, approved, followed and measured; its order settled. Plan 1."""
    platform = centre.platform
    with platform.transaction() as session:
        meters.register_device(
            platform,
            session,
            device=DEVICE.address,
            market=centre.market,
            account=str(centre.participant.address),
            carrier=0,
            capacity_w=50_000,
        )
        market = get_market(session, centre.market)
    round = centre.open_round(gate_in=1_000)
    number = centre.propose(round=round)
    centre.edit(number, Edit("ada", DEAR, 6_000))
    centre.solve(number)
    for step in (centre.approve, centre.send, centre.acknowledge):
        step(number)
    centre.record_orders(number, centre.order(round, CHEAP, 2_000))
    centre.move_to(centre.now() + 1_001)
    run_until_idle(platform)
    centre.move_to(meters.period_end(market, centre.day) + 10)
    planned = centre.plan(number).lines["ada"]
    readings = meters.Readings(
        DEVICE.address, centre.market, centre.day, tuple(power // 4 for power in planned)
    )
    with platform.transaction() as session:
        meters.post_readings(
            platform, session, readings, readings.sign(meters.domain(platform), DEVICE.key)
        )
    run_until_idle(platform)
    centre.move_to(centre.now() + meters.DISPUTE_WINDOW_S + 10)
    run_until_idle(platform)
    outcome = measuring.measure(platform, number, centre.standing(number).version, {})
    with platform.transaction() as session:
        measuring.close(platform, session, str(centre.dispatcher.address), outcome)
    return centre


def _replay(centre):
    platform = centre.platform
    return audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)


def _export(centre):
    platform = centre.platform
    bundle = audit.export_round(
        platform.chain.rpc_url, platform.deployment, (centre.market, 1), database=platform.engine
    )
    return json.loads(json.dumps(bundle))


def _verify(centre, bundle):
    return audit.verify_bundle(bundle, centre.platform.chain.rpc_url)


def _rewrite(centre, sequence, change):
    """Change a step and every hash after it, as somebody with the whole database could."""
    platform = centre.platform
    with platform.transaction() as session:
        steps = steps_of(session, 1)
    previous = None
    with platform.engine.begin() as connection:
        for step in steps:
            written = {
                name: getattr(step, name)
                for name in ("action", "actor", "at", "payload", "previous")
            }
            if previous is not None:
                written["previous"] = previous
            if step.sequence == sequence:
                written |= change(step)
            step = type(step)(dispatch=1, sequence=step.sequence, **written)
            previous = step.hash()
            connection.execute(
                text(
                    "UPDATE dispatch_step SET actor = :actor, payload = :payload, "
                    "previous = :previous, hash = :hash WHERE sequence = :sequence"
                ),
                {
                    "actor": step.actor,
                    "payload": step.payload,
                    "previous": step.previous,
                    "hash": previous,
                    "sequence": step.sequence,
                },
            )
        connection.execute(text("UPDATE dispatch_plan SET head = :head"), {"head": previous})


def test_an_untouched_log_is_equal(lived):
    report = _replay(lived)
    assert report.findings == []
    assert report.checked["dispatch_step"] > 40
    assert report.checked["dispatch_plan"] == 14
    assert report.checked["dispatch_order"] >= 6


COLUMNS = {
    "dispatch_step": "action actor at payload previous hash",
    "dispatch_document": "hash content",
    "dispatch_plan": "market period participant round state version head inputs inputs_at plan "
    "unedited proposal edits meters",
    "dispatch_order": "digest dispatch sequence",
}


def _altered(value):
    """The value with one byte changed."""
    if isinstance(value, int):
        return value ^ 1
    place = max((i for i, letter in enumerate(value) if letter.isalnum()), default=len(value) - 1)
    other = {"0": "1", "a": "b", "A": "B"}.get(value[place], "0")
    return value[:place] + other + value[place + 1 :]


def _unreadable(value):
    """The value with one byte that has no business there."""
    return str(value)[:-1] + "%"


@pytest.mark.parametrize("alter", [_altered, _unreadable])
def test_one_altered_byte_anywhere_is_named(lived, alter):
    missed = []
    for table, column in [(t, c) for t, columns in COLUMNS.items() for c in columns.split()]:
        with lived.platform.engine.connect() as connection:
            rows = connection.execute(text(f"SELECT rowid, {column} FROM {table}")).all()
        for rowid, value in rows:
            _write(lived, table, column, rowid, alter(value))
            findings = _replay(lived).findings
            if table not in {finding.place for finding in findings}:
                missed.append((table, column, rowid, [str(each) for each in findings]))
            _write(lived, table, column, rowid, value)
    assert missed == []
    assert _replay(lived).findings == []


def _write(centre, table, column, rowid, value):
    """Write as somebody with the file in hand would: no foreign key holds them up."""
    with closing(sqlite3.connect(centre.platform.engine.url.database)) as connection:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
        connection.commit()


def test_the_step_that_was_altered_is_named_and_no_other(lived):
    with lived.platform.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE dispatch_step SET payload = replace(payload, '6000', '6001') "
                "WHERE sequence = 2"
            )
        )
    places = {(found.place, found.key) for found in _replay(lived).findings}
    assert ("dispatch_step", "1.2") in places
    # What the edit led to no longer fits either: the plan does not keep it.
    assert places <= {
        ("dispatch_step", "1.2"),
        ("dispatch_step", "1.3"),
        ("dispatch_plan", "1"),
    }


@pytest.mark.parametrize("sequence", [1, 2, 3, 5, 6, 8])
def test_a_step_that_was_deleted_is_missed(lived, sequence):
    with lived.platform.engine.begin() as connection:
        connection.execute(
            text("DELETE FROM dispatch_step WHERE sequence = :sequence"), {"sequence": sequence}
        )
    assert any(
        found.place in ("dispatch_step", "dispatch_plan") for found in _replay(lived).findings
    )


def test_an_approval_by_a_stranger_is_found_even_if_every_hash_was_made_anew(lived):
    standing = lived.standing(1)

    def forge(step):
        content = step.content()
        said = DispatchApproval(
            standing.market,
            standing.period,
            standing.participant,
            bytes.fromhex(content["plan"][2:]),
            bytes.fromhex(content["inputs"][2:]),
            content["reason"],
            content["approvedAt"],
        )
        signature = said.sign(lived.platform.domain, bytes(lived.stranger.key))
        return {
            "actor": str(lived.stranger.address),
            "payload": payload_of(content | {"signature": "0x" + signature.hex()}),
        }

    _rewrite(lived, 4, forge)
    assert [(found.key, found.what) for found in _replay(lived).findings] == [("1.4", "role")]


def test_an_approval_with_a_made_up_signature_is_found(lived):
    def forge(step):
        signature = sign_digest(b"\1" * 32, bytes(lived.dispatcher.key))
        return {"payload": payload_of(step.content() | {"signature": "0x" + signature.hex()})}

    _rewrite(lived, 4, forge)
    assert ("1.4", "signature") in [(f.key, f.what) for f in _replay(lived).findings]


def test_another_reading_than_the_meters_is_found_even_if_every_hash_was_made_anew(lived):
    def forge(step):
        content = step.content()
        content["metered"]["ada"][3] += 500
        content["deviationWh"]["ada"][3] += 500
        return {"payload": payload_of(content)}

    _rewrite(lived, 8, forge)
    assert [(found.key, found.what) for found in _replay(lived).findings] == [("1.8", "metered")]


DAMAGE = {
    "head": "UPDATE dispatch_plan SET head = '0x00'",
    "step": "UPDATE dispatch_step SET at = at + 1 WHERE sequence = 2",
    "deleted step": "DELETE FROM dispatch_step WHERE sequence = 3",
    "plan": "UPDATE dispatch_document SET content = replace(content, '11000', '11001') "
    "WHERE kind = 'plan'",
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_nothing_is_built_on_an_altered_record(centre, damage):
    number = centre.acknowledged()
    with centre.platform.engine.begin() as connection:
        assert connection.execute(text(DAMAGE[damage])).rowcount == 1
    with pytest.raises(DamagedError, match="run `wattproof audit replay`"):
        centre.edit(number, Edit("ada", DEAR, 5_000), version=4)
    with pytest.raises(DamagedError), centre.platform.transaction() as session:
        instruction.approved_plan(
            centre.platform,
            session,
            market=centre.market,
            period=centre.day,
            participant=str(centre.participant.address),
        )


def test_an_altered_record_does_not_stop_the_platform(centre):
    damaged = centre.acknowledged()
    other = centre.propose(round=centre.open_round(gate_in=1_000))
    centre.approve(other)
    with centre.platform.engine.begin() as connection:
        connection.execute(
            text("UPDATE dispatch_step SET at = at + 1 WHERE dispatch = :n AND sequence = 2"),
            {"n": damaged},
        )
    centre.move_to(centre.now() + 1_001)
    run_until_idle(centre.platform)
    assert centre.standing(other).state is State.REVOKED


def test_a_bundle_carries_the_plan_behind_the_orders_and_verifies(lived):
    bundle = _export(lived)
    assert [log["number"] for log in bundle["dispatch"]] == [1]
    assert [step["action"] for step in bundle["dispatch"][0]["steps"]][:4] == [
        "propose",
        "edit",
        "solve",
        "approve",
    ]
    report = _verify(lived, bundle)
    assert report.findings == []
    assert report.checked["dispatch_step"] > 30


@pytest.mark.parametrize(
    ("where", "value", "found"),
    [
        (("steps", 1, "payload"), "{}", "dispatch_step"),
        (("steps", 3, "actor"), "0x" + "11" * 20, "dispatch_step"),
        (("steps", 2, "hash"), "0x" + "11" * 32, "dispatch_step"),
        (("steps", 2, "dispatch"), 2, "dispatch_step"),
        (("number",), 2, "dispatch_step"),
        (("documents",), {}, "dispatch_step"),
        (("steps",), [], "dispatch_step"),
        (("steps", 0, "at"), "x", "dispatch_step"),
        (("steps",), None, "bundle"),
    ],
)
def test_a_bundle_with_an_altered_log_does_not_verify(lived, where, value, found):
    bundle = copy.deepcopy(_export(lived))
    place = bundle["dispatch"][0]
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = value
    bundle["digest"] = _digest(bundle)  # whoever alters a bundle can hash it too
    assert found in {finding.place for finding in _verify(lived, bundle).findings}
