"""An approval holds for one plan, from one person who may give it, while its inputs are fresh."""

from __future__ import annotations

import pytest
from eth_account import Account

from identity.roles import role_id
from market.approval import DispatchApproval
from market.dispatch import Edit
from market.order import recover
from wattproof.accounts import service as ledger
from wattproof.accounts.models import CredentialRow
from wattproof.dispatch import approval, freshness
from wattproof.dispatch.history import PLATFORM
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.record import steps_of
from wattproof.errors import ConflictError, InvalidError, RefusedError
from wattproof.tasks.flow import run_until_idle

DEAR = 40


def test_an_approval_is_signed_over_the_plans_hash_with_a_reason(centre):
    number = centre.propose()
    standing = centre.approve(number, reason="the feeder has room")
    assert standing.state is State.APPROVED
    said = DispatchApproval(
        market=1,
        period=centre.day,
        participant=str(centre.participant.address),
        plan=bytes.fromhex(standing.plan[2:]),
        inputs=bytes.fromhex(standing.inputs[2:]),
        reason="the feeder has room",
        approved_at=standing.approval["approvedAt"],
    )
    signature = bytes.fromhex(standing.approval["signature"][2:])
    signer = recover(said.digest(centre.platform.domain), signature)
    assert signer == centre.dispatcher.address


def test_the_message_to_sign_is_what_is_accepted(centre):
    number = centre.propose()
    with centre.platform.transaction() as session:
        said = approval.to_sign(centre.platform, session, number, "looks right")
    signature = said.sign(centre.platform.domain, bytes(centre.dispatcher.key))
    standing = centre.approve(
        number, reason=said.reason, approved_at=said.approved_at, signature=signature
    )
    assert standing.state is State.APPROVED


def test_who_holds_no_standing_credential_cannot_approve(centre):
    number = centre.propose()
    with pytest.raises(RefusedError) as refused:
        centre.approve(number, actor=centre.stranger)
    assert refused.value.code == "no_credential"
    assert centre.standing(number).state is State.PROPOSED


def test_a_participant_cannot_approve_its_own_plan_even_as_a_dispatcher(centre):
    number = centre.propose()
    with pytest.raises(RefusedError) as refused:
        centre.approve(number, actor=centre.participant)
    assert refused.value.code == "own_plan"


def test_somebody_elses_signature_is_not_taken(centre):
    number = centre.propose()
    at = centre.now()
    said = approval.message(centre.standing(number), "right", at)
    forged = said.sign(centre.platform.domain, bytes(centre.second.key))
    with pytest.raises(InvalidError, match="not by you"):
        centre.approve(number, reason="right", approved_at=at, signature=forged)


@pytest.mark.parametrize("part", ["reason", "time", "plan", "period", "chain"])
def test_a_signature_over_anything_else_is_not_taken(centre, part):
    number = centre.propose()
    standing, at, domain = centre.standing(number), centre.now(), centre.platform.domain
    said = approval.message(standing, "right", at)
    fields = {name: getattr(said, name) for name in DispatchApproval.__dataclass_fields__}
    other = {
        "reason": {"reason": "wrong"},
        "time": {"approved_at": at - 1},
        "plan": {"plan": bytes(31) + b"\1"},
        "period": {"period": centre.day + 1},
        "chain": {},
    }[part]
    signed_for = type(domain)(1, domain.exchange) if part == "chain" else domain
    signature = DispatchApproval(**fields | other).sign(signed_for, bytes(centre.dispatcher.key))
    with pytest.raises(InvalidError, match="over another plan"):
        centre.approve(number, reason="right", approved_at=at, signature=signature)


def test_an_approval_of_one_plan_is_no_approval_of_another(centre):
    first, second = centre.propose(), centre.propose(round=centre.open_round())
    inputs = centre.inputs()
    inputs["signal"]["price_per_kwh"][DEAR] = 0.3
    centre.renew(second, inputs)
    centre.solve(second)
    approved = centre.approve(first).approval
    signature = bytes.fromhex(approved["signature"][2:])
    with pytest.raises(InvalidError, match="over another plan"):
        centre.approve(
            second,
            reason=approved["reason"],
            approved_at=max(approved["approvedAt"], centre.standing(second).solved_at),
            signature=signature,
        )


def test_an_approval_that_was_revoked_cannot_be_handed_in_again(centre):
    number = centre.propose()
    approved = centre.approve(number).approval
    centre.edit(number, Edit("ada", DEAR, 5_000))
    centre.edit(number, clear=[("ada", DEAR)])
    standing = centre.solve(number)
    assert standing.plan == approved["plan"]  # the very same plan is on the desk again
    with pytest.raises((InvalidError, RefusedError)) as refused:
        centre.approve(
            number,
            reason=approved["reason"],
            approved_at=approved["approvedAt"],
            signature=bytes.fromhex(approved["signature"][2:]),
        )
    assert refused.value.code in ("approval_time", "approval_replayed")


def test_an_approval_signed_too_long_ago_or_in_the_future_is_refused(centre):
    number = centre.propose()
    for offset in (-3_600, approval.SIGNED_WITHIN_S + 60):
        with pytest.raises(InvalidError) as refused:
            centre.approve(number, approved_at=centre.now() + offset)
        assert refused.value.code == "approval_time"


def test_what_was_edited_must_be_solved_before_it_is_approved(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 5_000))
    with pytest.raises(RefusedError, match="solve it first"):
        centre.approve(number)


def test_an_approval_without_a_reason_is_refused(centre):
    number = centre.propose()
    with pytest.raises(InvalidError, match="say why"):
        centre.approve(number, reason="  ")


def test_an_approval_of_a_plan_that_somebody_edited_meanwhile_is_refused(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 5_000), actor=centre.second)
    centre.solve(number)
    with pytest.raises(ConflictError, match=r"ada\[40\] = 5000 W"):
        centre.approve(number, version=1)


def test_an_edit_after_the_approval_revokes_it(centre):
    number = centre.propose()
    centre.approve(number)
    standing = centre.edit(number, Edit("ada", DEAR, 5_000), actor=centre.second)
    assert standing.state is State.EDITED
    assert standing.revocation["code"] == "edited"
    with centre.platform.transaction() as session:
        actions = [step.action for step in steps_of(session, number)]
    assert actions == ["propose", "approve", "revoke", "edit"]
    with pytest.raises(RefusedError):
        centre.send(number)


def test_newer_inputs_revoke_the_approval_even_after_the_plan_was_sent(centre):
    number = centre.propose()
    centre.approve(number)
    centre.send(number)
    inputs = centre.inputs()
    inputs["signal"]["price_per_kwh"][DEAR] = 0.3
    standing = centre.renew(number, inputs)
    assert standing.revocation["code"] == "inputs_changed"
    with pytest.raises(RefusedError):
        centre.acknowledge(number)


def test_inputs_that_have_grown_old_revoke_the_approval(centre):
    number = centre.propose()
    centre.approve(number)
    centre.send(number)
    assert freshness.revoke_stale(centre.platform) == 0
    age = centre.platform.settings.dispatch_inputs_age_s
    inputs_at = centre.standing(number).inputs_at
    # Tomorrow's plan, with today's inputs: they grow old before delivery begins.
    start = centre.day * 86_400
    if inputs_at + age >= start:
        object.__setattr__(
            centre.platform,
            "settings",
            centre.platform.settings.model_copy(update={"dispatch_inputs_age_s": 60}),
        )
        age = 60
    centre.move_to(inputs_at + age + 1)
    assert freshness.revoke_stale(centre.platform) == 1
    standing = centre.standing(number)
    assert standing.state is State.REVOKED
    assert standing.revocation["code"] == "inputs_old"
    assert freshness.revoke_stale(centre.platform) == 0
    with centre.platform.transaction() as session:
        assert steps_of(session, number)[-1].actor == PLATFORM
    centre.solve(number)
    with pytest.raises(RefusedError, match="renew them"):
        centre.approve(number)
    centre.renew(number, centre.inputs())
    centre.solve(number)
    assert centre.approve(number).state is State.APPROVED


def test_the_gate_revokes_what_was_not_acknowledged_in_time(centre):
    number = centre.propose(round=centre.open_round(gate_in=1_000))
    centre.approve(number)
    centre.send(number)
    centre.move_to(centre.now() + 1_001)
    with pytest.raises(RefusedError) as refused:
        centre.acknowledge(number)
    assert refused.value.code == "gate_passed"
    assert freshness.revoke_stale(centre.platform) == 1
    assert centre.standing(number).revocation["code"] == "gate_passed"


def test_the_gate_does_not_end_what_was_acknowledged(centre):
    number = centre.acknowledged(round=centre.open_round(gate_in=1_000))
    centre.move_to(centre.now() + 1_001)
    assert freshness.revoke_stale(centre.platform) == 0
    assert centre.standing(number).state is State.ACKNOWLEDGED


def test_a_credential_that_was_revoked_opens_nothing_any_more(centre):
    number = centre.propose()
    with centre.platform.transaction() as session:
        grant = session.get(
            CredentialRow, (str(centre.dispatcher.address), "0x" + role_id("dispatcher").hex())
        )
        ledger.revoke_credential(centre.platform, session, bytes.fromhex(grant.credential_hash[2:]))
    run_until_idle(centre.platform)
    with pytest.raises(RefusedError) as refused:
        centre.approve(number, approved_at=centre.now())
    assert refused.value.code == "no_credential"
    assert centre.approve(number, actor=centre.second).state is State.APPROVED


def test_a_key_nobody_knows_cannot_approve(centre):
    number = centre.propose()
    with pytest.raises(RefusedError, match="no dispatcher's credential"):
        centre.approve(number, actor=Account.create())
