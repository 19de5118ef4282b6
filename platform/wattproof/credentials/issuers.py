"""Who may issue what: accreditations on the chain, and the platform's own issuer."""

from __future__ import annotations

from dataclasses import dataclass

from identity import did
from identity.errors import CredentialError, DidError
from identity.roles import role_id
from identity.verifiable.data_integrity import ASSERTION
from identity.verifiable.keys import EthereumKey
from identity.verifiable.verifier import Verifier
from wattproof.errors import MisconfiguredError, RefusedError
from wattproof.gateway.keys import Role
from wattproof.identities import service as identities
from wattproof.runtime import Platform


@dataclass(frozen=True, slots=True)
class Issuer:
    """The platform's own issuer.

    Attributes:
        address: of its did:ethr.
    """

    address: str
    did: str
    key: EthereumKey


def own_issuer(platform: Platform) -> Issuer:
    """The platform's issuer, whose key speaks for its DID now.

    Raises:
        MisconfiguredError: there is no issuer's key, or its DID has another key now.
    """
    address = platform.keys.address(Role.ISSUER)
    name = str(did.of(address, platform.deployment.chain_id))
    key = EthereumKey(platform.keys.signer(Role.ISSUER), f"{name}#controller")
    verifier = Verifier(identities.resolver(platform), lambda *_: False, lambda _: None, 0)
    try:
        current = verifier.key(key.verification_method, name, ASSERTION)
    except CredentialError as error:
        raise MisconfiguredError(f"the platform's issuer cannot sign: {error}") from error
    if current.address != address:
        raise MisconfiguredError(
            f"{name} is controlled by another key than issuer.json; put that key in its place"
        )
    return Issuer(address, name, key)


def address_of(platform: Platform, name: str) -> str | None:
    """Address of a did:ethr of this chain; None for any other DID."""
    try:
        parsed = did.parse(name)
    except DidError:
        return None
    return parsed.address if parsed.chain_id == platform.deployment.chain_id else None


def is_accredited(platform: Platform, issuer: str, role: str) -> bool:
    """Whether an address may issue credentials of a role now, as the chain has it."""
    since, ended_at = platform.chain.call(
        "CredentialRegistry", "accreditationOf", issuer, role_id(role)
    )
    return bool(since) and not ended_at


def require_accredited(platform: Platform, issuer: str, role: str) -> None:
    """Raises RefusedError (``not_accredited``)."""
    if not is_accredited(platform, issuer, role):
        raise RefusedError(
            f"{issuer} is not accredited for {role}; the registrar of this installation "
            "accredits issuers on the chain",
            code="not_accredited",
        )
