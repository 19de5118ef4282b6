"""A profile to take along: a token whose topics its holder shows or keeps, one by one (SD-JWT VC).

The platform's issuer signs what it computed. The token lives for a day instead of being revocable:
what it says was true when it was made, and its history names the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from identity import did
from identity.trust import DEFAULT_POLICY
from identity.verifiable import sd_jwt
from identity.verifiable.issuing import own_method
from wattproof.credentials.issuers import own_issuer
from wattproof.runtime import Platform
from wattproof.trust.consents import TOPICS
from wattproof.trust.reading import compile_profile

VCT: Final = "urn:wattproof:profile:1"
LIFETIME_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class ProfileToken:
    """The token with all its disclosures; times in seconds."""

    text: str
    expires_at: int


def issue(platform: Platform, owner: str) -> ProfileToken:
    """A token of an owner's whole profile now, bound to the key that controls its DID.

    Raises:
        MisconfiguredError: the platform has no issuer's key.
        UnavailableError: the chain does not answer, or nothing is indexed yet.
    """
    issuer = own_issuer(platform)
    profile = compile_profile(platform, owner, TOPICS, DEFAULT_POLICY)
    now = profile.checked_at
    name = str(did.of(owner, platform.deployment.chain_id))
    topics: dict[str, Any] = {each.topic.value: each.to_json() for each in profile.topics}
    if profile.history is not None:
        topics["history"] = profile.history.to_json()
    claims = {
        "iss": issuer.did,
        "sub": name,
        "nbf": now,
        "exp": now + LIFETIME_S,
        "vct": VCT,
        "cnf": {"kid": own_method(name)},
        **topics,
    }
    return ProfileToken(str(sd_jwt.issue(claims, set(topics), issuer.key)), now + LIFETIME_S)
