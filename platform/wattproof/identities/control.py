"""Who controls an identity now, and changes of it for the controller to sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from identity.did.change import RegistryChange, own_call
from identity.did.ethr import ZERO_ADDRESS
from identity.did.signed_change import RegistryDomain, SignedChange
from wattproof.accounts.service import UnsignedTransaction, unsigned
from wattproof.errors import RefusedError
from wattproof.runtime import Platform

REGISTRY: Final = "DidRegistry"
_TITLES: Final = {
    "changeOwner": "change the controller",
    "addDelegate": "add the delegate",
    "revokeDelegate": "revoke the delegate",
    "setAttribute": "set the attribute",
    "revokeAttribute": "revoke the attribute",
}


@dataclass(frozen=True, slots=True)
class Control:
    """What the registry says of an identity in one block.

    Attributes:
        controller: who may change it; None once it is deactivated.
        nonce: number of the controller's next signed change.
        deactivated_at: seconds, UTC; 0 if it is active.
        changed_block: block of its last change, 0 without one.
        block: in which all of this was read.
    """

    identity: str
    controller: str | None
    nonce: int
    deactivated_at: int
    changed_block: int
    block: int

    def require_active(self) -> str:
        """The controller. Raises RefusedError where there is none any more."""
        if self.controller is None:
            raise RefusedError(
                f"{self.identity} was deactivated; nothing of it changes any more",
                code="did_deactivated",
            )
        return self.controller


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change for its controller to sign."""

    controller: str
    signed: SignedChange


def control(platform: Platform, identity: str) -> Control:
    """Read it from the chain's head."""
    head = platform.chain.head()
    at = {"blockHash": head.hash}
    owner, deactivated_at, changed = platform.chain.call_many(
        [
            (REGISTRY, "identityOwner", (identity,)),
            (REGISTRY, "deactivatedAt", (identity,)),
            (REGISTRY, "changed", (identity,)),
        ],
        block=at,
    )
    active = owner != ZERO_ADDRESS
    return Control(
        identity=identity,
        controller=owner if active else None,
        nonce=platform.chain.call(REGISTRY, "nonce", owner, block=at) if active else 0,
        deactivated_at=deactivated_at,
        changed_block=changed,
        block=head.number,
    )


def domain(platform: Platform) -> RegistryDomain:
    """What signed changes are bound to."""
    return RegistryDomain(platform.deployment.chain_id, platform.chain.address(REGISTRY))


def transaction(platform: Platform, change: RegistryChange, sender: str) -> UnsignedTransaction:
    """A change as the controller's own transaction.

    Raises:
        RefusedError: the identity is deactivated, or ``sender`` does not control it.
    """
    require_controller(control(platform, change.identity), sender)
    function, arguments = own_call(change)
    return unsigned(platform, _TITLES[function], REGISTRY, function, *arguments)


def proposal(platform: Platform, change: RegistryChange, valid_for_s: int) -> Proposal:
    """A change with its controller's next nonce and a deadline so many seconds from now.

    Raises:
        RefusedError: the identity is deactivated.
    """
    found = control(platform, change.identity)
    deadline = platform.clock.now() + valid_for_s
    return Proposal(
        found.require_active(), SignedChange(change, domain(platform), found.nonce, deadline)
    )


def require_controller(found: Control, who: str) -> None:
    """Raises RefusedError where the identity is deactivated or another's."""
    controller = found.require_active()
    if who != controller:
        raise RefusedError(
            f"{found.identity} is controlled by {controller}, not by {who}", code="not_controller"
        )
