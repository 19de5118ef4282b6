"""Who stands behind an issuer: everybody who can sign for it, and everybody it is controlled by.

A did:ethr is its own address, the addresses of its chain of owners, and every key that stands in
one of their documents (delegates and attributes of ERC-1056); a did:key is its key. A key of
secp256k1 is written as its address, so that it is the same party under every method.

Everything an issuer's own history adds here makes *it* less independent, never another: naming a
stranger as owner or delegate costs whoever does it, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from coincurve import PublicKey as CurvePoint
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from identity import did
from identity.did import Resolver, Wanted
from identity.errors import CredentialError, DidError
from identity.verifiable.keys import VerificationKey, key_of

_LONGEST_CHAIN: Final = 16


class Parties:
    """Looks issuers up, as they are when they are asked for."""

    def __init__(
        self, resolver: Resolver, *, organisations: Mapping[str, str] | None = None
    ) -> None:
        """`organisations`: by address, of accredited issuers of which one is known."""
        self._resolver = resolver
        self._organisations = {
            address.lower(): name for address, name in (organisations or {}).items()
        }

    def of(self, issuer: str, *, signed: Wanted | None = None) -> frozenset[str]:
        """The parties behind a DID now, and at the moment of a signature that is older.

        Args:
            signed: the version in which what it signed provably existed.

        Raises:
            CredentialError: it cannot be resolved, or its chain of owners has no end.
        """
        found = set(self._at(issuer, Wanted()))
        if signed is not None:
            found |= set(self._at(issuer, signed))
        named = {self._organisations[each] for each in found & set(self._organisations)}
        return frozenset(found | {f"organisation:{name}" for name in named})

    def _at(self, issuer: str, wanted: Wanted) -> Iterator[str]:
        open_dids, seen = [issuer], {issuer}
        while open_dids:
            if len(seen) > _LONGEST_CHAIN:
                raise CredentialError(f"the chain of owners of {issuer} is too long")
            name = open_dids.pop()
            document = self._document(name, wanted)
            own = _address_of(name)
            yield own.lower() if own else name
            yield from _keys(document)
            owner = _owner(name, document)
            if owner is not None and owner not in seen:
                seen.add(owner)
                open_dids.append(owner)

    def _document(self, name: str, wanted: Wanted) -> Mapping[str, Any]:
        resolution = self._resolver.resolve(name, wanted=wanted)
        if resolution.document is None:
            raise CredentialError(f"{name} cannot be resolved: {resolution.message}")
        return resolution.document


def _address_of(name: str) -> str | None:
    try:
        return did.parse(name).address
    except DidError:
        return None


def _owner(name: str, document: Mapping[str, Any]) -> str | None:
    """DID of the address that controls a did:ethr, where it is another one."""
    for method in _methods(document):
        if method.get("id") == f"{name}#controller" and "blockchainAccountId" in method:
            address = str(method["blockchainAccountId"]).rsplit(":", 1)[1]
            identity = did.parse(name)
            if address != identity.address:
                return str(did.of(address, identity.chain_id))
    return None


def _keys(document: Mapping[str, Any]) -> Iterator[str]:
    for method in _methods(document):
        try:
            yield party_of(key_of(method))
        except CredentialError:
            continue  # what signs no credentials stands behind none


def _methods(document: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    listed = document.get("verificationMethod", [])
    return [each for each in listed if isinstance(each, dict)]


def party_of(key: VerificationKey) -> str:
    """One name for one key, whatever document it stands in."""
    if key.address is not None:
        return key.address.lower()
    if key.secp256k1 is not None:
        point = CurvePoint(key.secp256k1).format(compressed=False)
        return str(to_checksum_address(keccak(point[1:])[12:])).lower()
    return f"ed25519:{(key.ed25519 or b'').hex()}"
