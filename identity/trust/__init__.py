"""A trusted profile: what independent issuers attest of a holder, topic by topic.

`topics` says which credentials speak about what, `parties` who stands behind an issuer,
`independence` how many issuers that makes, `profile` puts them together, `consent` lets a holder
say who may read it, and `statement` gives it one form and one hash. Nothing here is a score.
"""

from __future__ import annotations

from identity.trust.consent import Consent, ConsentDomain
from identity.trust.independence import independent
from identity.trust.parties import Parties
from identity.trust.profile import (
    Attestation,
    ClaimOfTopic,
    StatedValue,
    TopicProfile,
    TopicState,
    evaluate,
)
from identity.trust.statement import sha256_of, statement_bytes
from identity.trust.topics import DEFAULT_POLICY, Policy, Topic

__all__ = [
    "DEFAULT_POLICY",
    "Attestation",
    "ClaimOfTopic",
    "Consent",
    "ConsentDomain",
    "Parties",
    "Policy",
    "StatedValue",
    "Topic",
    "TopicProfile",
    "TopicState",
    "evaluate",
    "independent",
    "sha256_of",
    "statement_bytes",
]
