"""A DID goes to another key: its owner signs, the platform carries it out and pays for it."""

from __future__ import annotations

from dataclasses import dataclass

from identity.did import Wanted
from identity.did.change import ChangeController
from identity.did.signed_change import SignedChange
from identity.signer import LocalSigner
from wattproof.auth.scopes import Principal, Scope
from wattproof.demo.cast import Member
from wattproof.demo.identity.people import did_of
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.identities import control, relay, service

_VALID_S = 3_600


@dataclass(frozen=True, slots=True)
class HandedOn:
    """What became of a DID and of attempts to change it again.

    Attributes:
        before, after: accounts that the document names as controller, in the version before and
            now, as CAIP-10 says them.
        sent: transactions that its owner sent for it.
        refused: by what was tried, the answer; empty where it was not refused.
    """

    before: str
    after: str
    sent: int
    refused: dict[str, str]


def hand_on(stage: Stage, owner: Member, successor: Member) -> HandedOn:
    """The owner's key gives the identity to the successor's."""
    platform = stage.platform
    name = did_of(stage, owner)
    head = platform.chain.head().number
    sent_before = _sent(stage, owner)
    signed = control.proposal(
        platform, ChangeController(owner.address, successor.address), _VALID_S
    ).signed
    signature = _relay(stage, owner, signed)
    late = SignedChange(
        ChangeController(owner.address, owner.address),
        signed.domain,
        signed.nonce + 1,
        signed.deadline,
    )
    return HandedOn(
        before=_controller(stage, name, str(head)),
        after=_controller(stage, name, None),
        sent=_sent(stage, owner) - sent_before,
        refused={
            "the same signature again": _refusal(stage, owner, signed, signature),
            "the old key wants it back": _refusal(stage, owner, late, _sign(owner, late)),
        },
    )


def _relay(stage: Stage, owner: Member, signed: SignedChange) -> bytes:
    signature = _sign(owner, signed)
    caller = _caller(stage, owner)
    checked = relay.check(stage.platform, caller, relay.read(signed, signature))
    with stage.platform.transaction() as session:
        relay.queue(stage.platform, session, owner.address, checked)
    stage.rest()
    return signature


def _refusal(stage: Stage, owner: Member, signed: SignedChange, signature: bytes) -> str:
    try:
        relay.check(stage.platform, _caller(stage, owner), relay.read(signed, signature))
    except WattproofError as error:
        return error.message
    return ""


def _sign(owner: Member, signed: SignedChange) -> bytes:
    return signed.sign(LocalSigner(bytes(owner.account.key)))


def _caller(stage: Stage, owner: Member) -> Principal:
    return Principal(owner.address, frozenset({Scope.PARTICIPANT}), stage.now() + _VALID_S)


def _controller(stage: Stage, name: str, version: str | None) -> str:
    found = service.resolver(stage.platform).resolve(name, wanted=Wanted(version_id=version))
    assert found.document is not None  # every address has a document
    (method,) = found.document["verificationMethod"]
    return str(method["blockchainAccountId"])


def _sent(stage: Stage, member: Member) -> int:
    return int(
        stage.platform.chain.request("eth_getTransactionCount", member.address, "latest"), 16
    )
