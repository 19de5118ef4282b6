"""Decentralised identifiers: names that somebody controls without asking anybody.

``did:ethr`` (`ethr`) is what participants and meters have: an address, and what an ERC-1056
registry says of it. ``did:key`` (`key`) and ``did:web`` (`web`) are read where an issuer or a
verifier from elsewhere has one. `Resolver` reads them all and dereferences DID URLs (`url`).
Changing a ``did:ethr`` is in `change` (what) and `signed_change` (signed, for others to carry out).
"""

from __future__ import annotations

from identity.did.ethr import EthrDid, of, parse
from identity.did.ethr_method import EthrMethod, RegistryHistory
from identity.did.key import KeyMethod
from identity.did.resolution import (
    Dereferenced,
    DidDocument,
    Method,
    Resolution,
    ResolutionCode,
    Wanted,
    failed,
)
from identity.did.resolver import Resolver
from identity.did.url import DidUrl, parse_url
from identity.did.web import WebMethod

__all__ = [
    "Dereferenced",
    "DidDocument",
    "DidUrl",
    "EthrDid",
    "EthrMethod",
    "KeyMethod",
    "Method",
    "RegistryHistory",
    "Resolution",
    "ResolutionCode",
    "Resolver",
    "Wanted",
    "WebMethod",
    "failed",
    "of",
    "parse",
    "parse_url",
]
