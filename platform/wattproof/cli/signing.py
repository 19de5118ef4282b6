"""Signing an approval on the dispatcher's own machine."""

from __future__ import annotations

from typing import Any

from market.approval import DispatchApproval
from market.dispatch import DispatchPlan, PlanBinding, plan_hash
from market.order import Domain
from wattproof.cli.rest import RestClient
from wattproof.errors import ConflictError, InvalidError


def sign_approval(client: RestClient, number: int, version: int, reason: str) -> dict[str, Any]:
    """An approval of the plan as it was looked at, its hash computed here and nowhere else.

    Raises:
        ConflictError: it is not that version any more.
        InvalidError: what the API asks to sign is not this plan.
    """
    shown = client.get(f"/dispatch/plans/{number}")
    asked = client.get(f"/dispatch/plans/{number}/approval", reason=reason)
    if not version == shown["version"] == asked["version"]:
        raise ConflictError(
            f"plan {number} has version {asked['version']}, you looked at {version}; see "
            f"`wattproof dispatch history` for what has changed",
            code="version",
        )
    said = asked["typed_data"]["domain"]
    domain = Domain(int(said["chainId"]), str(said["verifyingContract"]))
    inputs = bytes.fromhex(shown["inputs"][2:])
    binding = PlanBinding(domain, shown["market"], shown["period"], shown["participant"], inputs)
    approval = DispatchApproval(
        market=shown["market"],
        period=shown["period"],
        participant=shown["participant"],
        plan=plan_hash(binding, DispatchPlan.from_document(shown["document"])),
        inputs=inputs,
        reason=reason,
        approved_at=int(asked["approved_at"]),
    )
    if approval.typed_data(domain) != asked["typed_data"]:
        raise InvalidError(
            "the API asks for a signature over something else than the plan it shows; do not sign",
            code="other_plan",
        )
    digest = approval.digest(domain)
    return {
        "version": version,
        "reason": reason,
        "approved_at": approval.approved_at,
        "signature": "0x" + client.signer.sign_digest(digest).hex(),
    }
